//! The requests of a client.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{AccountId, GroupId, MessageId, Seq, Text};

/// One frame from a client, checked for everything that needs no database.
#[derive(Debug, PartialEq)]
pub struct Request<'a> {
    /// The `ref` that the client chose for this frame; the answer carries it.
    pub reference: Option<Cow<'a, str>>,
    /// What the client asks for.
    pub command: Command<'a>,
}

/// The requests of a client, by the frame's `type`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command<'a> {
    /// Authenticates the connection, within 10 s, and says from where the client needs the account's log.
    /// Answered with `welcome`; the missed events follow it.
    Hello {
        /// The `token` that `POST /login` returned, or a ticket of `POST /ticket`.
        #[schemars(length(min = 1, max = 128))]
        token: Cow<'a, str>,
        /// The highest `seq` that this device has stored; events after it follow.
        /// Absent: after the last event that any device of the account acknowledged.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0))]
        since: Option<Seq>,
    },
    /// Sends a message to one account or one group. `type` may be left out.
    /// Answered with `sent` if there is a `ref`. The connection that sends a message gets no event for it.
    /// With accounts, the same `ref` again stores nothing new and returns the first answer.
    #[schemars(extend("anyOf" = [
        {"properties": {"content": {"type": "string", "minLength": 1}}},
        {"required": ["files"], "properties": {"files": true}},
    ]))]
    Message {
        /// The sender's own id. It may be left out; any other id is refused as `forbidden`.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<AccountId>,
        /// The receiver: `to` or `group`, exactly one of them.
        #[serde(flatten)]
        to: Recipient,
        /// The text, 1 byte to 16 KiB of UTF-8, without U+0000. With `files` it may be empty.
        #[schemars(with = "String", length(max = 16384))]
        content: Text<'a>,
        /// The ids of 1 to 10 files, each once: whole uploads of the sender, or files of messages that it sees.
        /// Absent: no files.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 64)), extend("uniqueItems" = true))]
        files: Vec<Cow<'a, str>>,
        /// The id of a message of the same conversation that this one replies to. Absent: no reply.
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// The token or ticket, if this message is the first frame and takes the place of a `hello`. Otherwise left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<Cow<'a, str>>,
    },
    /// Acknowledges that this device has stored all events up to `seq`. One frame may acknowledge many events.
    /// The senders of messages among these events get `delivered`. Answered with `ok` if there is a `ref`.
    Received {
        /// The highest `seq` that this device has stored, from 0.
        #[schemars(range(min = 0))]
        seq: Seq,
    },
    /// Marks a message and all earlier ones of its conversation as read by this account.
    /// The senders get `read`, and so do this account's other devices.
    Read {
        /// The id of the latest message that was read.
        id: MessageId,
    },
    /// Replaces the text of a message that this account has sent, within 15 minutes after it was sent.
    /// Later it is refused with `too_late`; a message of another account is refused with `forbidden`.
    Edit {
        /// The id of the message.
        id: MessageId,
        /// The new text, 1 byte to 16 KiB of UTF-8, without U+0000.
        #[schemars(with = "String", length(min = 1, max = 16384))]
        content: Text<'a>,
    },
    /// Deletes a message that this account has sent, within 15 minutes after it was sent.
    /// Its text is removed for everybody; the message itself stays in `history`, with `deleted` and an empty `content`.
    /// Later it is refused with `too_late`; a message of another account is refused with `forbidden`.
    /// With `"for": "me"`: hides any message from the devices of this account, at any time, and from nobody else.
    Delete {
        /// The id of the message.
        id: MessageId,
        /// `me`: only this account's devices no longer see the message. Absent: the text is deleted for everybody.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        scope: Option<DeleteScope>,
    },
    /// Sets the account's reaction to a message. An account has one reaction per message; a new one replaces it.
    React {
        /// The id of the message.
        id: MessageId,
        /// One emoji of Unicode's recommended set (RGI), with or without U+FE0F. `null` removes the reaction.
        #[schemars(length(min = 1, max = 64))]
        emoji: Option<Cow<'a, str>>,
    },
    /// Gives a copy of a message to the operator of the server. Nobody else is told, not the sender either.
    /// Answered with `ok` if there is a `ref`. A message that this account has reported before stays as it was reported.
    Report {
        /// The id of the message, which this account must see.
        id: MessageId,
        /// Why the message is reported, for the operator: up to 1 KiB of UTF-8, without U+0000. Absent: no reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 1024))]
        text: Option<Cow<'a, str>>,
    },
    /// Asks for one page of the messages of a conversation: the newest messages, or those next to a given id.
    /// At most one of `before`, `after` and `around` may be given.
    #[schemars(extend("not" = {"anyOf": [
        {"required": ["before", "after"], "properties": {"before": true, "after": true}},
        {"required": ["before", "around"], "properties": {"before": true, "around": true}},
        {"required": ["after", "around"], "properties": {"after": true, "around": true}},
    ]}))]
    History {
        /// The conversation: `with` or `group`, exactly one of them.
        #[serde(flatten)]
        with: Peer,
        /// The page has the newest messages with a lower id than this. No message needs to have this id.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<MessageId>,
        /// The page has the oldest messages with a higher id than this. 0: from the conversation's first message on.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<MessageId>,
        /// The page has the messages with the nearest ids on both sides, and the message with this id if there is one.
        /// One half of the page is this message and older messages, the other half newer messages.
        #[serde(skip_serializing_if = "Option::is_none")]
        around: Option<MessageId>,
        /// The highest number of messages in the page. Absent: 50. Values over 200 count as 200.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        limit: Option<i64>,
    },
    /// Asks for the account's conversations, the one with the latest activity first.
    Conversations {
        /// Only conversations whose `activity` is lower than this. Absent: from the latest activity on.
        /// For the next page: the `activity` of the last conversation of the previous page.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<MessageId>,
        /// The highest number of conversations in the page. Absent: 300. Values over 1000 count as 1000.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        limit: Option<i64>,
    },
    /// Searches the current texts of all messages that the account can see.
    /// A message is found if it has all words of `text`, in any order and letter case.
    /// A word also finds the longer words that begin with it: `tra` finds `train`, and `rain` does not.
    Search {
        /// The words to search for, 1 to 256 bytes of UTF-8.
        /// Every character that is neither a letter nor a digit separates words.
        /// In scripts without spaces between words (such as Han or Thai) any part of a text is found.
        /// Of more than 16 words only the 16 longest count. A text without a word finds nothing.
        #[schemars(length(min = 1, max = 256))]
        text: Cow<'a, str>,
        /// Only messages with a lower id than this. Absent: the newest matches.
        /// For the next page: the `id` of the first message of the previous page.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<MessageId>,
        /// The highest number of messages in the page. Absent: 50. Values over 200 count as 200.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        limit: Option<i64>,
    },
    /// Tells the receivers that a person is typing at this client. Send it every few seconds while the person types.
    /// Live only: it is not stored, and only connected clients of accounts that know this account receive it.
    /// More than one per second from this account are dropped without an error.
    Typing {
        /// The receiver: `to` or `group`, exactly one of them.
        #[serde(flatten)]
        to: Recipient,
    },
    /// Subscribes this connection to the presence of these accounts.
    /// One `presence` frame for each account comes at once, and another whenever its presence changes.
    /// A new request replaces the connection's previous list. The subscription ends with the connection.
    Presence {
        /// The ids of the accounts, at most 300. An empty list ends the subscription.
        #[schemars(length(max = 300))]
        ids: Vec<AccountId>,
    },
    /// Blocks an account: none of its messages, edits, reactions, receipts, typing and presence reach this account any more.
    /// The blocked account is not told.
    Block {
        /// The id of the account to block.
        id: AccountId,
    },
    /// Ends a block. Messages that the account has sent during the block stay hidden.
    Unblock {
        /// The id of the blocked account.
        id: AccountId,
    },
    /// Asks for the accounts that this account has blocked.
    Blocks,
    /// Accepts the message request of an account, or an invitation to a group.
    /// After a message request the two accounts know each other; after an invitation this account is a member.
    Accept {
        /// The request or the invitation: `id` or `group`, exactly one of them.
        #[serde(flatten)]
        pending: PendingRequest,
    },
    /// Declines the message request of an account, or an invitation to a group. The other side is not told.
    /// A declined conversation leaves `conversations`, and nothing from the account arrives until this account writes to it.
    Decline {
        /// The request or the invitation: `id` or `group`, exactly one of them.
        #[serde(flatten)]
        pending: PendingRequest,
    },
    /// Sets for how many days a conversation keeps its messages. Older messages are deleted, also those from before
    /// the change.
    /// Either account of a conversation may set it; in a group, admins only.
    Retention {
        /// The conversation: `with` or `group`, exactly one of them.
        #[serde(flatten)]
        with: Peer,
        /// The number of days: 1, 7 or 90. `null`: messages are kept without a limit.
        #[schemars(extend("enum" = [1, 7, 90, null]))]
        days: Option<i64>,
    },
    /// Changes what this account has set for a conversation. Only its own devices are told.
    /// At least one of `muted_until`, `pinned`, `archived` and `unread` must be there.
    #[serde(rename = "conversation.set")]
    #[schemars(extend("anyOf" = [
        {"required": ["muted_until"], "properties": {"muted_until": true}},
        {"required": ["pinned"], "properties": {"pinned": true}},
        {"required": ["archived"], "properties": {"archived": true}},
        {"required": ["unread"], "properties": {"unread": true}},
    ]))]
    ConversationSet {
        /// The conversation: `with` or `group`, exactly one of them.
        #[serde(flatten)]
        with: Peer,
        /// Until when the conversation makes no noise, in milliseconds since 1970 UTC. `null`: it is not muted.
        /// Absent: as it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("type" = ["integer", "null"], "minimum" = 0, "maximum" = 9_007_199_254_740_991_i64))]
        muted_until: Option<Option<i64>>,
        /// Whether the conversation stands at the top of the list. Absent: as it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "bool")]
        pinned: Option<bool>,
        /// Whether the conversation is put away. Absent: as it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "bool")]
        archived: Option<bool>,
        /// Whether the conversation is marked as unread; `read` takes the mark away. Absent: as it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "bool")]
        unread: Option<bool>,
    },
    /// Hides all messages that a conversation has so far from this account's devices. Nobody else is told.
    #[serde(rename = "conversation.clear")]
    ConversationClear {
        /// The conversation: `with` or `group`, exactly one of them.
        #[serde(flatten)]
        with: Peer,
    },
    /// Creates a group; this account is its first admin. Answered with the event `group`, which has the group's id.
    /// The same `ref` again creates nothing new and returns the first answer.
    #[serde(rename = "group.create")]
    GroupCreate {
        /// The name of the group, 1 to 100 visible characters.
        #[schemars(length(min = 1, max = 100))]
        name: Cow<'a, str>,
        /// The ids of the other members, at most 999. Accounts that do not know this account are invited and not added.
        #[schemars(length(max = 999))]
        members: Vec<AccountId>,
    },
    /// Asks for the current name, retention and members of a group. Members only.
    #[serde(rename = "group.show")]
    GroupShow {
        /// The id of the group.
        group: GroupId,
    },
    /// Adds an account to a group. Admins only.
    /// The account is invited instead if it does not know this account, or has left the group or was removed from it before.
    #[serde(rename = "group.add")]
    GroupAdd {
        /// The id of the group.
        group: GroupId,
        /// The id of the account to add.
        member: AccountId,
    },
    /// Removes a member from a group, or withdraws its invitation. Admins only.
    #[serde(rename = "group.remove")]
    GroupRemove {
        /// The id of the group.
        group: GroupId,
        /// The id of the member to remove.
        member: AccountId,
    },
    /// Renames a group. Admins only.
    #[serde(rename = "group.rename")]
    GroupRename {
        /// The id of the group.
        group: GroupId,
        /// The new name, 1 to 100 visible characters.
        #[schemars(length(min = 1, max = 100))]
        name: Cow<'a, str>,
    },
    /// Leaves a group. If the last admin leaves, the longest-standing member becomes an admin.
    #[serde(rename = "group.leave")]
    GroupLeave {
        /// The id of the group.
        group: GroupId,
    },
    /// Makes a member an admin. Admins only.
    #[serde(rename = "group.promote")]
    GroupPromote {
        /// The id of the group.
        group: GroupId,
        /// The id of the member to make an admin.
        member: AccountId,
    },
    /// Makes an admin an ordinary member. Admins only. The last admin cannot be demoted.
    #[serde(rename = "group.demote")]
    GroupDemote {
        /// The id of the group.
        group: GroupId,
        /// The id of the admin to make an ordinary member.
        member: AccountId,
    },
    /// Asks for a `pong`, to see whether the connection works. Allowed before authentication, too.
    Ping,
}

/// The receiver of a message: `"to": 1` or `"group": 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The receiver is one account; it may be the sender's own.
    #[serde(rename = "to")]
    Account(AccountId),
    /// The receivers are the members of a group.
    Group(GroupId),
}

/// A conversation: `"with": 2` or `"group": 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// The conversation with one account.
    #[serde(rename = "with")]
    Account(AccountId),
    /// The conversation of a group.
    Group(GroupId),
}

/// For whom a message is deleted, if not for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeleteScope {
    /// For the devices of the account that asks.
    Me,
}

/// A request that waits for an answer: `"id": 2` or `"group": 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PendingRequest {
    /// The message request of one account.
    #[serde(rename = "id")]
    Account(AccountId),
    /// The invitation to a group.
    Group(GroupId),
}
