//! What the server may say.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{AccountId, Code, GroupId, MessageId, Seq};

/// One frame from the server. Times are milliseconds since 1970-01-01 UTC.
///
/// A frame with `seq` is an event of the account's log, or stands in the place of one; with `ref` it answers a request.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame<'a> {
    /// The first frame: who the server takes this client for.
    Welcome {
        /// The account, or the guest's number.
        id: AccountId,
        /// The account's name; guests have none.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<Cow<'a, str>>,
        /// From where the log goes on: the next event is `seq` + 1. Guests have no log.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// The log's last event at this moment.
        #[serde(skip_serializing_if = "Option::is_none")]
        head: Option<Seq>,
        /// False if the log no longer reaches back to `since`: rebuild from `conversations` and `history`.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// The `ref` of the `hello`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Cow<'a, str>>,
    },
    /// A message, to its receivers and to the sender's other devices.
    Message(Message<'a>),
    /// A message with a `ref` was taken. With accounts: it is committed.
    Sent {
        /// The client's `ref`.
        #[serde(rename = "ref")]
        reference: &'a str,
        /// The stored message; none in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
        /// Its place in the sender's log; none in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// When the server took it.
        at: i64,
    },
    /// A device of `by` has this message and all before it in its conversation. To who sent it.
    Delivered(Receipt<'a>),
    /// `by` has read this message and all before it in its conversation. To who sent it, and to the reader's own devices.
    Read(Receipt<'a>),
    /// A message has another text now.
    Edit {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// Its place in this account's log.
        seq: Seq,
        /// The message.
        id: MessageId,
        /// Its text now; empty if it has been deleted meanwhile.
        content: &'a str,
    },
    /// A message's text is gone.
    Delete {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// Its place in this account's log.
        seq: Seq,
        /// The message.
        id: MessageId,
    },
    /// Somebody's reaction to a message is another one now.
    React {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// Its place in this account's log.
        seq: Seq,
        /// The message.
        id: MessageId,
        /// Whose reaction.
        by: AccountId,
        /// What it is now; `null`: none.
        emoji: Option<&'a str>,
    },
    /// A group has changed.
    Group(GroupChange<'a>),
    /// A conversation keeps its messages for another time.
    Retention {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// Its place in this account's log.
        seq: Seq,
        /// Who said so.
        by: AccountId,
        /// The other side of the conversation, where it has two.
        #[serde(skip_serializing_if = "Option::is_none")]
        with: Option<AccountId>,
        /// The group.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
        /// For how many days; `null`: for ever.
        days: Option<i64>,
        /// When.
        at: i64,
    },
    /// This account has blocked another.
    Block(Blocked<'a>),
    /// This account has unblocked another.
    Unblock(Blocked<'a>),
    /// An event about a message that is no longer kept.
    Expired {
        /// Its place in this account's log.
        seq: Seq,
    },
    /// A page of a conversation, the newest message last.
    History(Page<'a>),
    /// What was found, the newest message last.
    Search(Page<'a>),
    /// The account's conversations, the one with the latest activity first.
    Conversations {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// They.
        conversations: Vec<Conversation<'a>>,
        /// Whether there are more: ask with the last one's `activity` as `before`.
        more: bool,
    },
    /// What a group is like now.
    #[serde(rename = "group.show")]
    GroupShow {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The group.
        group: GroupId,
        /// Its name.
        name: &'a str,
        /// For how many days it keeps its messages; `null`: for ever.
        days: Option<i64>,
        /// Who is in it, the longest-standing first.
        members: Vec<Member<'a>>,
    },
    /// Who is blocked.
    Blocks {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// They.
        ids: Vec<AccountId>,
    },
    /// Somebody is typing. Live only.
    Typing {
        /// Who.
        from: AccountId,
        /// To whom.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<AccountId>,
        /// In which group.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
    },
    /// Whether an account is connected. Live only.
    Presence {
        /// The account.
        id: AccountId,
        /// Whether it is.
        online: bool,
        /// When it last was; none if it is now, never was, or that is not for this account to know.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen: Option<i64>,
    },
    /// Another request with a `ref` was carried out, and there is nothing more to say.
    Ok {
        /// The client's `ref`.
        #[serde(rename = "ref")]
        reference: &'a str,
    },
    /// The answer to `{"type":"ping"}`.
    Pong {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    },
    /// A request was refused; the connection goes on unless a close follows.
    Error(ErrorFrame<'a>),
}

/// A message.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Message<'a> {
    /// Its number; none in guest mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// Its place in this account's log; none in guest mode and in pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// Who sent it.
    pub from: AccountId,
    /// Who is to have it; none in a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<AccountId>,
    /// The group it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The text; empty once it is deleted.
    pub content: &'a str,
    /// When the server took it.
    pub at: i64,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// When its text was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<i64>,
    /// Whether its sender has deleted it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Reactions to it; at most 100, the latest first. In pages only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction<'a>>,
}

/// Somebody's reaction.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Reaction<'a> {
    /// Whose.
    pub by: AccountId,
    /// What.
    pub emoji: &'a str,
}

/// How far somebody has come.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Receipt<'a> {
    /// The client's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// Its place in this account's log.
    pub seq: Seq,
    /// The message.
    pub id: MessageId,
    /// Who has come so far.
    pub by: AccountId,
    /// Whether all members of the group have come so far now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// How a group has changed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GroupChange<'a> {
    /// The client's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// Its place in this account's log.
    pub seq: Seq,
    /// The group.
    pub group: GroupId,
    /// What happened.
    pub change: Change,
    /// Who did it.
    pub by: AccountId,
    /// To whom it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<AccountId>,
    /// The group's name then.
    pub name: &'a str,
    /// When.
    pub at: i64,
}

/// What can happen to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was made.
    Create,
    /// `member` is in it.
    Add,
    /// `member` is no longer in it.
    Remove,
    /// It has another name.
    Rename,
    /// `by` has left.
    Leave,
    /// `member` is an admin.
    Promote,
    /// `member` is no longer an admin.
    Demote,
}

/// Whom this account has blocked or unblocked.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Blocked<'a> {
    /// The client's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// Its place in this account's log.
    pub seq: Seq,
    /// The other account.
    pub id: AccountId,
}

/// A list of messages.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page<'a> {
    /// The client's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// They.
    pub messages: Vec<Message<'a>>,
    /// Whether there are older ones: ask with the first one's `id` as `before`.
    pub more: bool,
}

/// A conversation as one of its people sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Conversation<'a> {
    /// The other side, where there are two; who writes to itself is its own other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<AccountId>,
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The other side's or the group's name; none if the account is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Grows with whatever happens here.
    pub activity: MessageId,
    /// The last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Message<'a>>,
    /// How many messages of others are not read; 500 means so many, or more.
    pub unread: i64,
    /// The last message that is read.
    pub read: MessageId,
    /// The last message that the other side's devices have; where there are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_to: Option<MessageId>,
    /// The last message that the other side has read; where there are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_by: Option<MessageId>,
    /// What this account is in the group; none once it has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// For how many days messages are kept; `null`: for ever.
    pub days: Option<i64>,
}

/// What somebody is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// One like others.
    Member,
    /// One who may change the group.
    Admin,
}

/// Somebody in a group.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Member<'a> {
    /// The account.
    pub id: AccountId,
    /// Its name; none if it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// What it is in the group.
    pub role: Role,
    /// The last message that its devices have.
    pub delivered: MessageId,
    /// The last message that it has read.
    pub read: MessageId,
}

/// What an `error` frame carries.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorFrame<'a> {
    /// A stable word to match on.
    pub code: Code,
    /// What happened and what to do next, for a person.
    pub message: Cow<'a, str>,
    /// The refused request's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Cow<'a, str>>,
    /// How long to wait before trying again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Frame<'_> {
    /// Appends the frame's JSON to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("a Vec takes all, and no key of a frame can fail");
    }
}
