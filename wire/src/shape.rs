//! What frames of the server carry.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{AccountId, Code, File, GroupId, MessageId, Seq};

/// One message.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Message<'a> {
    /// The id of the message. Absent in guest mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// The number of this event in the account's log. Absent in guest mode, and in answers to requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// The id of the sender.
    pub from: AccountId,
    /// The id of the receiver. Absent in a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<AccountId>,
    /// The id of the group. Absent in a conversation of two accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The text. Empty if the message was deleted.
    pub content: &'a str,
    /// When the server accepted the message, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The files of the message, in the order of its sender. Absent if it has none, or was deleted.
    #[serde(skip_serializing_if = "has_no_files")]
    pub files: &'a [File],
    /// The id of the message that this one replies to. Absent if it is no reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// When the text was last edited, in milliseconds since 1970 UTC. Absent if it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<i64>,
    /// `true`: the sender has deleted the message. Absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// `true`: the message is a message request, because the receiver does not know the sender yet.
    /// The receiver answers it with `accept`, `decline` or a message to the sender. Only in events; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub request: bool,
    /// The name of the sender, if this account may not know it yet: with requests, with the first message of somebody in a
    /// conversation, and with the first one in a group since this account came. Only in events; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The latest reactions, newest first, at most 100. Only in answers to `history` and `search`; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction<'a>>,
}

fn has_no_files(files: &&[File]) -> bool {
    files.is_empty()
}

/// The reaction of one account.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Reaction<'a> {
    /// The id of the account that reacted.
    pub by: AccountId,
    /// The emoji that the account has chosen.
    pub emoji: &'a str,
}

/// How far an account has received or read a conversation.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Receipt<'a> {
    /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The number of this event in the account's log.
    pub seq: Seq,
    /// The id of the message. The receipt covers all earlier messages of the conversation, too.
    pub id: MessageId,
    /// The id of the account that has received (`delivered`) or read (`read`) the message.
    /// In a `read` it may be this account: then another of its devices has read the conversation up to this message.
    pub by: AccountId,
    /// `true`: with this receipt all members of the group have received (`delivered`) or read (`read`) the message.
    /// In a group of more than 64 members the sender gets only such receipts. Absent otherwise, and outside groups.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// One change of a group.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GroupChange<'a> {
    /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The number of this event in the account's log.
    pub seq: Seq,
    /// The id of the group.
    pub group: GroupId,
    /// What has changed.
    pub change: Change,
    /// The id of the account that made the change.
    pub by: AccountId,
    /// The id of the account that was added, removed, promoted, demoted or invited. Absent for other changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<AccountId>,
    /// The name of the group after the change.
    pub name: &'a str,
    /// The name of `by`. Absent in the log of `by`, if the account is deleted, or if this account may not know its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_name: Option<&'a str>,
    /// The name of `member`, where it was added, promoted or demoted. Absent for other changes, and as `by_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_name: Option<&'a str>,
    /// When the group was changed, in milliseconds since 1970 UTC.
    pub at: i64,
}

/// The kinds of change of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// `by` created the group.
    Create,
    /// `member` was added.
    Add,
    /// `member` was removed, or its invitation was withdrawn.
    Remove,
    /// The group has a new `name`.
    Rename,
    /// `by` left the group.
    Leave,
    /// `member` is an admin now.
    Promote,
    /// `member` is no longer an admin.
    Demote,
    /// `member` was invited; it is a member once it accepts.
    Invite,
    /// `by` accepted its invitation and is a member now.
    Join,
}

/// The account that was blocked or unblocked.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Blocked<'a> {
    /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The number of this event in the account's log.
    pub seq: Seq,
    /// The id of the account that was blocked or unblocked.
    pub id: AccountId,
}

/// The account whose message request was accepted.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Accepted<'a> {
    /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The number of this event in the account's log.
    pub seq: Seq,
    /// The id of the account whose message request was accepted.
    pub id: AccountId,
}

/// The message request or the invitation that was declined.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Declined<'a> {
    /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The number of this event in the account's log.
    pub seq: Seq,
    /// The id of the account whose message request was declined. Absent for an invitation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<AccountId>,
    /// The id of the group whose invitation was declined. Absent for a message request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
}

/// One page of messages.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page<'a> {
    /// The `ref` of the request that this frame answers. Absent if it answers none, or if the request had no `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The messages of this page, the newest last.
    pub messages: Vec<Message<'a>>,
    /// `true`: there are older messages than these. Ask for them with the `id` of the first message as `before`.
    /// In the answer to a request with `after` it is about newer messages: ask for them with the `id` of the last
    /// message as `after`. A page may be shorter than `limit` although there are more.
    pub more: bool,
    /// `true`: there are newer messages than these. Ask for them with the `id` of the last message as `after`.
    /// Only in answers to requests with `around`; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_after: Option<bool>,
}

/// A conversation as this account sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Conversation<'a> {
    /// The id of the other account, or this account's own id for notes to itself. Absent for a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<AccountId>,
    /// The id of the group. Absent for a conversation of two accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The name of the other account or of the group.
    /// Absent if the account is deleted, or if this account may not know its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The id of the file that is the other account's picture. Absent if it has none, as `name`, and for a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<&'a str>,
    /// The id of the conversation's last entry: a message, or a change of the group or of the retention.
    /// Conversations are ordered by it, the highest first.
    pub activity: MessageId,
    /// The last message, without its reactions. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Message<'a>>,
    /// The number of messages by others that this account has not read. 500 means 500 or more.
    pub unread: i64,
    /// This account has read all messages up to this id. 0: none yet.
    pub read: MessageId,
    /// A device of the other account has received all messages up to this id. 0: none yet. Absent for a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_to: Option<MessageId>,
    /// The other account has read all messages up to this id. 0: none yet. Absent for a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_by: Option<MessageId>,
    /// `true`: the other account's message request waits for `accept` or `decline`. Absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub request: bool,
    /// This account's role in the group. Absent once it has left, and for a conversation of two accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// For how many days messages are kept: 1, 7 or 90. `null`: without a limit.
    pub days: Option<i64>,
    /// Until when this account has muted the conversation, in milliseconds since 1970 UTC. `null`: it is not muted.
    pub muted_until: Option<i64>,
    /// Whether this account has pinned the conversation to the top of the list.
    pub pinned: bool,
    /// Whether this account has put the conversation away.
    pub archived: bool,
    /// Whether this account has marked the conversation as unread.
    pub marked_unread: bool,
}

/// What an account has set for a conversation, as it is now.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ConversationSet<'a> {
    /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The number of this event in the account's log.
    pub seq: Seq,
    /// The id of the other account of the conversation. Absent for a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<AccountId>,
    /// The id of the group. Absent for a conversation of two accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Until when the conversation is muted, in milliseconds since 1970 UTC. `null`: it is not muted.
    pub muted_until: Option<i64>,
    /// Whether the conversation is pinned to the top of the list.
    pub pinned: bool,
    /// Whether the conversation is put away.
    pub archived: bool,
    /// Whether the conversation is marked as unread.
    pub unread: bool,
}

/// The conversation whose messages an account has hidden from its own devices.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct ConversationCleared<'a> {
    /// The `ref` of the request that this frame answers. Absent in frames that answer no request with a `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The number of this event in the account's log.
    pub seq: Seq,
    /// The id of the other account of the conversation. Absent for a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<AccountId>,
    /// The id of the group. Absent for a conversation of two accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
}

/// The role of an account in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An ordinary member.
    Member,
    /// A member that may also rename the group, change its members and roles, and set its retention.
    Admin,
    /// Invited: a member once it accepts.
    Invited,
}

/// One member of a group, or one account that is invited.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Member<'a> {
    /// The id of the account.
    pub id: AccountId,
    /// The name of the account. Absent if the account is deleted, or if this account may not know its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The id of the file that is the picture of the account. Absent if it has none, and as `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<&'a str>,
    /// The role of the account in the group.
    pub role: Role,
    /// A device of the account has received all messages up to this id. 0: none yet.
    pub delivered: MessageId,
    /// The account has read all messages up to this id. 0: none yet.
    pub read: MessageId,
}

/// The contents of an `error` frame.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorFrame<'a> {
    /// The reason, for programs. The list is closed.
    pub code: Code,
    /// A sentence for people: what happened and what to do next. It may change between versions.
    pub message: Cow<'a, str>,
    /// The `ref` of the refused request. Absent if the request had none, or if its `ref` could not be read.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Cow<'a, str>>,
    /// For how many milliseconds to wait before sending the request again. Only with `rate_limited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>", range(min = 0))]
    pub retry_after_ms: Option<u64>,
}
