//! The frames of the server.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::shape::{
    Accepted, Blocked, Conversation, ConversationCleared, ConversationSet, Declined, ErrorFrame,
    GroupChange, Member, Message, Page, Receipt,
};
use crate::{AccountId, DeleteScope, GroupId, MessageId, Seq};

/// One frame from the server. Times are milliseconds since 1970-01-01 UTC.
///
/// A frame with `seq` is an event of the account's log, or stands in the place of one; with `ref` it answers a request.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame<'a> {
    /// The first frame of a connection once the client is authenticated. In guest mode it comes at once.
    Welcome {
        /// The id of the account. In guest mode: the number of the connection.
        id: AccountId,
        /// The name of the account. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<Cow<'a, str>>,
        /// The client's position in the log: the next event has `seq` + 1. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// The `seq` of the log's last event at this moment. The client has missed the events up to it; they follow now.
        /// Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        head: Option<Seq>,
        /// `false`: the log does not contain all events after `since`.
        /// Continue from `seq`, and load the state anew with `conversations` and `history`. Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// The server's time, in milliseconds since 1970 UTC, by the same clock as the `at` of messages.
        /// Absent in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        now: Option<i64>,
        /// The `ref` of the `hello`. Absent if it had none.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Cow<'a, str>>,
    },
    /// A new message, for its receivers and for the sender's other connections.
    /// A client that gets the event late gets the message's current state: edited, or deleted.
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
    /// A device of another account has received this message and all earlier messages of this account in the
    /// conversation.
    Delivered(Receipt<'a>),
    /// An account has read this message and all earlier messages of the conversation.
    /// The senders of these messages get it, and the reader's own devices.
    Read(Receipt<'a>),
    /// The text of a message was replaced.
    Edit {
        /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the message.
        id: MessageId,
        /// The current text: a later edit may have changed it again. Empty if the message has been deleted since.
        content: &'a str,
    },
    /// A message was deleted by its sender. Its text no longer exists on the server. Or, with `"for": "me"`: this
    /// account has hidden a message from its own devices.
    Delete {
        /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the message.
        id: MessageId,
        /// `me`: only this account's devices no longer see the message. Absent: its text was deleted for everybody.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        scope: Option<DeleteScope>,
    },
    /// An account's reaction to a message was set, replaced or removed.
    React {
        /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the message.
        id: MessageId,
        /// The id of the account that reacted.
        by: AccountId,
        /// The current reaction: a later change may have replaced it. `null`: it was removed.
        emoji: Option<&'a str>,
    },
    /// A group was changed.
    Group(GroupChange<'a>),
    /// The time for which a conversation keeps its messages was changed.
    Retention {
        /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The number of this event in the account's log.
        seq: Seq,
        /// The id of the account that changed the retention. It may be this account.
        by: AccountId,
        /// The id of the other account of the conversation. Absent for a group.
        #[serde(skip_serializing_if = "Option::is_none")]
        with: Option<AccountId>,
        /// The id of the group. Absent for a conversation of two accounts.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
        /// For how many days messages are kept from now on: 1, 7 or 90. `null`: without a limit.
        days: Option<i64>,
        /// When the retention was changed, in milliseconds since 1970 UTC.
        at: i64,
    },
    /// This account has changed what it has set for a conversation. For its own devices only.
    #[serde(rename = "conversation.set")]
    ConversationSet(ConversationSet<'a>),
    /// This account has hidden all messages that a conversation had, up to this event. For its own devices only.
    #[serde(rename = "conversation.clear")]
    ConversationClear(ConversationCleared<'a>),
    /// This account has blocked another account, on this device or another one.
    Block(Blocked<'a>),
    /// This account has unblocked another account, on this device or another one.
    Unblock(Blocked<'a>),
    /// This account has accepted the message request of another account, on this device or another one.
    Accept(Accepted<'a>),
    /// This account has declined the message request of another account or an invitation to a group, on this device or
    /// another one.
    Decline(Declined<'a>),
    /// Takes the place of an event whose message is no longer stored, because its conversation's retention has deleted it.
    /// Store the `seq`, and show nothing.
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
        /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The conversations of this page.
        conversations: Vec<Conversation<'a>>,
        /// `true`: there are further conversations.
        /// Ask for them with the `activity` of the last conversation of this page as `before`.
        more: bool,
    },
    /// The current state of a group.
    #[serde(rename = "group.show")]
    GroupShow {
        /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The id of the group.
        group: GroupId,
        /// The name of the group.
        name: &'a str,
        /// For how many days messages are kept: 1, 7 or 90. `null`: without a limit.
        days: Option<i64>,
        /// The members, the longest-standing first; then the invited accounts.
        members: Vec<Member<'a>>,
    },
    /// The accounts that this account has blocked.
    Blocks {
        /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The ids of the blocked accounts.
        ids: Vec<AccountId>,
    },
    /// A person is typing at a client of another account. Show it for a few seconds. Live only: it is not in the log.
    Typing {
        /// The id of the account that is typing.
        from: AccountId,
        /// The id of the receiver, which is this account. Absent in a group.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<AccountId>,
        /// The id of the group. Absent in a conversation of two accounts.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
    },
    /// Whether an account of the connection's `presence` request is connected.
    /// Sent once after the request, and whenever it changes. Live only: it is not in the log.
    Presence {
        /// The id of the account.
        id: AccountId,
        /// `true`: the account has a connection now. Always `false` for an account that does not know this account, or if
        /// one of the two has blocked the other.
        online: bool,
        /// When the account's last connection ended, in milliseconds since 1970 UTC.
        /// Absent while it is online, if it was never connected, or if this account may not see it.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen: Option<i64>,
    },
    /// A request with a `ref` was carried out, and no other frame answers it:
    /// either it changed nothing, or requests of its type cause no event.
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
    /// A frame of the client was refused. The connection stays open unless a close follows.
    Error(ErrorFrame<'a>),
}
