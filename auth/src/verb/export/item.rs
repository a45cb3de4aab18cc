//! The lines of an export, as JSON.

use serde::Serialize;
use sql::{Entry, ExportedEntry, GroupChange, Message, Retention};
use wire::{AccountId, File, GroupId, MessageId, Peer, Recipient, Role, Seq, SessionId};

#[derive(Serialize)]
pub(super) struct SessionItem<'a> {
    pub(super) id: SessionId,
    pub(super) device: &'a str,
    pub(super) created_at: i64,
    pub(super) seen_at: i64,
    pub(super) expires_at: i64,
}

#[derive(Serialize)]
pub(super) struct PushItem<'a> {
    pub(super) session: SessionId,
    pub(super) endpoint: &'a str,
    pub(super) created_at: i64,
}

#[derive(Serialize)]
pub(super) struct ConversationItem<'a> {
    #[serde(flatten)]
    pub(super) with: Peer,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Role>,
    pub(super) since: MessageId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<MessageId>,
    pub(super) delivered: MessageId,
    pub(super) read: MessageId,
    pub(super) days: Option<i64>,
    /// The account whose message request waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asker: Option<AccountId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) declined: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) muted_until: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) pinned: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) archived: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) marked_unread: bool,
    /// The account's devices see no message up to this entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cleared: Option<MessageId>,
}

#[derive(Serialize)]
pub(super) struct InvitationItem<'a> {
    pub(super) group: GroupId,
    pub(super) name: &'a str,
    pub(super) by: AccountId,
    pub(super) at: i64,
}

#[derive(Serialize)]
pub(super) struct EntryItem<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: MessageId,
    #[serde(flatten)]
    pub(super) to: Recipient,
    pub(super) from: AccountId,
    pub(super) at: i64,
    #[serde(flatten)]
    pub(super) what: WhatItem<'a>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<&'a str>,
    /// The account has deleted it for its own devices, or cleared the conversation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) hidden: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WhatItem<'a> {
    Message {
        content: &'a str,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        files: &'a [File],
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        edited_at: Option<i64>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        deleted: bool,
    },
    Change {
        change: wire::Change,
        #[serde(skip_serializing_if = "Option::is_none")]
        member: Option<AccountId>,
        name: &'a str,
    },
    Retention {
        days: Option<i64>,
    },
}

#[derive(Serialize)]
pub(super) struct ReactionItem<'a> {
    pub(super) id: MessageId,
    pub(super) emoji: &'a str,
    pub(super) at: i64,
}

#[derive(Serialize)]
pub(super) struct BlockItem {
    pub(super) id: AccountId,
    pub(super) at: i64,
}

/// An account that the account has found by email.
#[derive(Serialize)]
pub(super) struct FindingItem {
    pub(super) id: AccountId,
    pub(super) at: i64,
}

/// A message that the account has reported to the operator.
#[derive(Serialize)]
pub(super) struct ReportItem {
    pub(super) id: MessageId,
    pub(super) text: String,
    pub(super) at: i64,
}

#[derive(Serialize)]
pub(super) struct EventItem {
    pub(super) seq: Seq,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<AccountId>,
    #[serde(flatten)]
    pub(super) with: Option<Peer>,
}

/// A file that the account has uploaded.
#[derive(Serialize)]
pub(super) struct UploadItem<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) size: i64,
    /// How much of it there is.
    pub(super) received: i64,
    pub(super) created_at: i64,
}

pub(super) fn entry_item(exported: &ExportedEntry) -> EntryItem<'_> {
    let ExportedEntry { id, entry, reference, is_hidden } = exported;
    let (kind, to, from, at, what) = match entry {
        Entry::Message(Message {
            from,
            to,
            content,
            files,
            at,
            reply_to,
            edited_at,
            deleted,
            ..
        }) => {
            let (reply_to, edited_at, deleted) = (*reply_to, *edited_at, *deleted);
            let what = WhatItem::Message { content, files, reply_to, edited_at, deleted };
            ("message", *to, *from, *at, what)
        }
        Entry::Change(GroupChange { group, change, by, member, name, at }) => {
            let what = WhatItem::Change { change: *change, member: *member, name };
            ("group", Recipient::Group(*group), *by, *at, what)
        }
        Entry::Retention(Retention { by, to, days, at }) => {
            ("retention", *to, *by, *at, WhatItem::Retention { days: *days })
        }
    };
    let (reference, hidden) = (reference.as_deref(), *is_hidden);
    EntryItem { kind, id: *id, to, from, at, what, reference, hidden }
}
