//! What frames of the server carry.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{AccountId, Code, GroupId, MessageId, Seq};

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
    /// Whether it came as a message request: its receiver did not know its sender. In events only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub request: bool,
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
    /// `member` is invited: it is in the group once it accepts.
    Invite,
    /// `by` has accepted its invitation and is in the group.
    Join,
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

/// Whose message request this account has accepted.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Accepted<'a> {
    /// The client's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// Its place in this account's log.
    pub seq: Seq,
    /// The other account.
    pub id: AccountId,
}

/// Whose message request, or which group's invitation, this account has declined.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Declined<'a> {
    /// The client's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// Its place in this account's log.
    pub seq: Seq,
    /// The other account, of a message request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<AccountId>,
    /// The group, of an invitation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
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
    /// Whether the other side's message request waits to be accepted or declined.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub request: bool,
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
    /// One who is not in the group yet: it has been invited.
    Invited,
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
