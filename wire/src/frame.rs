//! What the server may say.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::shape::{
    Accepted, Blocked, Conversation, Declined, ErrorFrame, GroupChange, Member, Message, Page,
    Receipt,
};
use crate::{AccountId, GroupId, MessageId, Seq};

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
    /// This account has accepted another's message request.
    Accept(Accepted<'a>),
    /// This account has declined another's message request, or an invitation to a group.
    Decline(Declined<'a>),
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
