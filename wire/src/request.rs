//! What a client may say.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{AccountId, GroupId, MessageId, Seq, Text};

/// One frame from a client, checked for everything that needs no database.
#[derive(Debug, PartialEq)]
pub struct Request<'a> {
    /// The client's own name for this frame, echoed in its answer.
    pub reference: Option<Cow<'a, str>>,
    /// What it wants.
    pub want: Want<'a>,
}

/// What a client may want, by the frame's `type`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Want<'a> {
    /// Who this is, and from where its log goes on.
    Hello {
        /// The token of `POST /login`.
        #[schemars(length(min = 1, max = 128))]
        token: Cow<'a, str>,
        /// The last `seq` this device has; without it the account's first unacknowledged event comes first.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0))]
        since: Option<Seq>,
    },
    /// A message for one account or one group. `type` may be left out. With accounts a repeat of its `ref` stores nothing
    /// new and brings the first answer again.
    Message {
        /// The sender's own id, or nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<AccountId>,
        /// Who is to have it.
        #[serde(flatten)]
        to: To,
        /// The text, 1 byte to 16 KiB of UTF-8.
        #[schemars(with = "String", length(min = 1, max = 16384))]
        content: Text<'a>,
        /// The message of the same conversation that this one answers.
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// The token, if this first message stands in place of a `hello`.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<Cow<'a, str>>,
    },
    /// Everything up to `seq` has arrived and need not be sent again.
    Received {
        /// The last `seq` this device has.
        #[schemars(range(min = 0))]
        seq: Seq,
    },
    /// This message has been read, and every earlier one of its conversation.
    Read {
        /// The message.
        id: MessageId,
    },
    /// Another text for an own message, within 15 minutes.
    Edit {
        /// The message.
        id: MessageId,
        /// The new text, 1 byte to 16 KiB of UTF-8.
        #[schemars(with = "String", length(min = 1, max = 16384))]
        content: Text<'a>,
    },
    /// Takes an own message's text away, within 15 minutes.
    Delete {
        /// The message.
        id: MessageId,
    },
    /// One reaction to a message; another one takes its place.
    React {
        /// The message.
        id: MessageId,
        /// One emoji of those that Unicode recommends (RGI), with or without U+FE0F; `null` takes the reaction back.
        #[schemars(length(min = 1, max = 64))]
        emoji: Option<Cow<'a, str>>,
    },
    /// A page of a conversation, the newest messages unless `before` is given.
    History {
        /// Which conversation.
        #[serde(flatten)]
        with: With,
        /// Only messages older than this one.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<MessageId>,
        /// How many at the most: 50 if left out, and never more than 200.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        limit: Option<i64>,
    },
    /// The account's conversations, the one with the latest activity first.
    Conversations {
        /// Only conversations whose `activity` is lower.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<MessageId>,
        /// How many at the most: 300 if left out, and never more than 1000.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        limit: Option<i64>,
    },
    /// Those messages of the account that have all these words, or words that begin so; the newest unless `before` is given.
    Search {
        /// The words, 1 to 256 bytes.
        #[schemars(length(min = 1, max = 256))]
        text: Cow<'a, str>,
        /// Only messages older than this one.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<MessageId>,
        /// How many at the most: 50 if left out, and never more than 200.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        limit: Option<i64>,
    },
    /// Somebody is typing. Live only.
    Typing {
        /// For whom.
        #[serde(flatten)]
        to: To,
    },
    /// Who of these is online, now and whenever it changes. Replaces the connection's last such wish. Live only.
    Presence {
        /// At most 300.
        #[schemars(length(max = 300))]
        ids: Vec<AccountId>,
    },
    /// Nothing from this account is to arrive any more, without its being told.
    Block {
        /// The account.
        id: AccountId,
    },
    /// It may write again.
    Unblock {
        /// The account.
        id: AccountId,
    },
    /// Who is blocked.
    Blocks,
    /// Accepts an account's message request, or an invitation to a group.
    Accept {
        /// Whose request, or which group's invitation.
        #[serde(flatten)]
        pending: Pending,
    },
    /// Declines an account's message request, or an invitation to a group. Nobody is told.
    Decline {
        /// Whose request, or which group's invitation.
        #[serde(flatten)]
        pending: Pending,
    },
    /// For how many days this conversation keeps its messages. In a group an admin says so.
    Retention {
        /// Which conversation.
        #[serde(flatten)]
        with: With,
        /// 1, 7 or 90; `null` is for ever.
        #[schemars(extend("enum" = [1, 7, 90, null]))]
        days: Option<i64>,
    },
    /// A new group, whose first admin is who makes it. A repeat of its `ref` brings the first answer again.
    #[serde(rename = "group.create")]
    GroupCreate {
        /// 1 to 100 characters.
        #[schemars(length(min = 1, max = 100))]
        name: Cow<'a, str>,
        /// Who else is in it, at most 999.
        #[schemars(length(max = 999))]
        members: Vec<AccountId>,
    },
    /// What a group is like now: its name and its members.
    #[serde(rename = "group.show")]
    GroupShow {
        /// The group.
        group: GroupId,
    },
    /// One more member. An admin's to say.
    #[serde(rename = "group.add")]
    GroupAdd {
        /// The group.
        group: GroupId,
        /// Who is to be in it.
        member: AccountId,
    },
    /// One member less. An admin's to say.
    #[serde(rename = "group.remove")]
    GroupRemove {
        /// The group.
        group: GroupId,
        /// Who is no longer to be in it.
        member: AccountId,
    },
    /// Another name. An admin's to say.
    #[serde(rename = "group.rename")]
    GroupRename {
        /// The group.
        group: GroupId,
        /// 1 to 100 characters.
        #[schemars(length(min = 1, max = 100))]
        name: Cow<'a, str>,
    },
    /// Goes out of a group. The last admin's leaving makes the longest-standing member one.
    #[serde(rename = "group.leave")]
    GroupLeave {
        /// The group.
        group: GroupId,
    },
    /// Makes a member an admin. An admin's to say.
    #[serde(rename = "group.promote")]
    GroupPromote {
        /// The group.
        group: GroupId,
        /// Who is to be an admin.
        member: AccountId,
    },
    /// Makes an admin a member like others. An admin's to say; the last one cannot be demoted.
    #[serde(rename = "group.demote")]
    GroupDemote {
        /// The group.
        group: GroupId,
        /// Who is no longer to be an admin.
        member: AccountId,
    },
    /// Are you there?
    Ping,
}

/// Whom something is for: `"to": 1` or `"group": 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// One account, which may be the sender's own.
    #[serde(rename = "to")]
    Account(AccountId),
    /// A group.
    Group(GroupId),
}

/// Which conversation: `"with": 2` or `"group": 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum With {
    /// The one with this account.
    #[serde(rename = "with")]
    Account(AccountId),
    /// The group's.
    Group(GroupId),
}

/// What waits to be accepted or declined: `"id": 2` or `"group": 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pending {
    /// The message request of this account.
    #[serde(rename = "id")]
    Account(AccountId),
    /// The invitation to this group.
    Group(GroupId),
}
