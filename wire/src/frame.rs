//! The frames of the server.

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
    /// The first frame of a connection, after the client is authenticated; guests get it at once.
    Welcome {
        /// The id of the account. In guest mode: the number of the connection.
        id: AccountId,
        /// The name of the account. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<Cow<'a, str>>,
        /// Where the log continues: the next event has `seq` + 1. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// The `seq` of the last event in the log at this moment; events up to it were missed.
        /// Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        head: Option<Seq>,
        /// `false`: the log does not contain all events after `since`; rebuild from `conversations` and `history`.
        /// Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// The server's time, in milliseconds since 1970 UTC, by the clock that messages carry. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        now: Option<i64>,
        /// The `ref` of the `hello`. Absent if it had none.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Cow<'a, str>>,
    },
    /// A message, for its receivers and for the sender's other connections.
    Message(Message<'a>),
    /// The server has accepted a message that has a `ref`. With accounts: it is committed and will be delivered.
    Sent {
        /// The `ref` of the message.
        #[serde(rename = "ref")]
        reference: &'a str,
        /// The id of the stored message. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
        /// The number of the message in the sender's log. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// When the server accepted the message, in milliseconds since 1970 UTC.
        at: i64,
    },
    /// A device of `by` has received this message and all earlier ones of this account in the conversation.
    Delivered(Receipt<'a>),
    /// `by` has read this message and all earlier ones of the conversation.
    /// For their senders, and for the reader's own devices.
    Read(Receipt<'a>),
    /// The text of a message was replaced.
    Edit {
        /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the message.
        id: MessageId,
        /// The present text. Empty if the message has been deleted since.
        content: &'a str,
    },
    /// The text of a message was deleted.
    Delete {
        /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the message.
        id: MessageId,
    },
    /// An account's reaction to a message was set, replaced or removed.
    React {
        /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the message.
        id: MessageId,
        /// The id of the account that reacted.
        by: AccountId,
        /// The present reaction. `null`: it was removed.
        emoji: Option<&'a str>,
    },
    /// A group was changed.
    Group(GroupChange<'a>),
    /// The retention of a conversation was changed.
    Retention {
        /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the account that changed it.
        by: AccountId,
        /// The id of the other account of the conversation. Absent for a group.
        #[serde(skip_serializing_if = "Option::is_none")]
        with: Option<AccountId>,
        /// The id of the group. Absent for a conversation of two accounts.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
        /// For how many days messages are kept: 1, 7 or 90. `null`: without a limit.
        days: Option<i64>,
        /// When it was changed, in milliseconds since 1970 UTC.
        at: i64,
    },
    /// This account has blocked another one.
    Block(Blocked<'a>),
    /// This account has unblocked another one.
    Unblock(Blocked<'a>),
    /// This account has accepted the message request of another one.
    Accept(Accepted<'a>),
    /// This account has declined the message request of another one, or an invitation to a group.
    Decline(Declined<'a>),
    /// An event about a message that is no longer kept. Nothing of it can be shown; only its `seq` counts.
    Expired {
        /// The number of this event in the account's log.
        seq: Seq,
    },
    /// One page of the messages of a conversation, the newest last.
    History(Page<'a>),
    /// One page of the messages that were found, the newest last.
    Search(Page<'a>),
    /// One page of the account's conversations, the one with the latest activity first.
    Conversations {
        /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The conversations of this page.
        conversations: Vec<Conversation<'a>>,
        /// `true`: there are more. Ask again with the `activity` of the last one as `before`.
        more: bool,
    },
    /// The present state of a group.
    #[serde(rename = "group.show")]
    GroupShow {
        /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The id of the group.
        group: GroupId,
        /// The name of the group.
        name: &'a str,
        /// For how many days messages are kept: 1, 7 or 90. `null`: without a limit.
        days: Option<i64>,
        /// The members, the longest-standing first; then those who are invited.
        members: Vec<Member<'a>>,
    },
    /// The accounts that this account has blocked.
    Blocks {
        /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The ids of the blocked accounts.
        ids: Vec<AccountId>,
    },
    /// An account is typing. Live only: not stored.
    Typing {
        /// The id of the account that is typing.
        from: AccountId,
        /// The id of the account that it is typing to: this account. Absent in a group.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<AccountId>,
        /// The id of the group. Absent in a conversation of two accounts.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
    },
    /// Whether an account is connected. Sent once after the request, and whenever it changes.
    /// Live only: not stored.
    Presence {
        /// The id of the account.
        id: AccountId,
        /// Whether it has a connection now.
        online: bool,
        /// When its last connection ended, in milliseconds since 1970 UTC.
        /// Absent while it is online, if it was never connected, or if this account may not know.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen: Option<i64>,
    },
    /// A request with a `ref` was carried out, and no other frame answers it.
    /// Either nothing had to be changed, or the request makes no event.
    Ok {
        /// The `ref` of the request.
        #[serde(rename = "ref")]
        reference: &'a str,
    },
    /// The answer to `{"type":"ping"}`.
    Pong {
        /// The `ref` of the `ping`. Absent if it had none.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    },
    /// A request was refused. The connection stays open unless a close follows.
    Error(ErrorFrame<'a>),
}
