//! `GET /export`: all data about an account, as one JSON document.
//!
//! The document is generated page by page while it is sent, so it takes no more memory than one page.

use http::Response;
use std::io::{self, Read, Write as _};
use std::sync::Arc;

use serde::Serialize;
use sql::{
    Account, Entry, ExportedBlock, ExportedConversation, ExportedEntry, ExportedEvent,
    FoundAccount, GroupChange,
};
use sql::{ExportedInvitation, ExportedReaction, LogState, Message, Retention, Session, Store};
use wire::{AccountId, GroupId, MessageId, Peer, Recipient, Role, Seq, SessionId};

use crate::context::Context;
use crate::error::ApiError;
use crate::limit::EXPORT_PAGE_ROWS;
use crate::request::Request;

pub(crate) fn export(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let place = context.exports.begin(session.account)?;
    let account = context.store.account(session.account)?.ok_or_else(ApiError::unauthorized)?;
    let document = Document::new(Arc::clone(&context.store), &account, request.now);
    let document = document.map_err(|error| ApiError::internal(&error))?;
    let response = Response::stream(200, "application/json", place.of(document));
    Ok(response
        .with_header("Content-Disposition", "attachment; filename=\"messenger-export.json\""))
}

/// The document, as a stream.
pub(crate) struct Document {
    store: Arc<Store>,
    account: AccountId,
    stage: Stage,
    rows: i64,
    page: Vec<u8>,
    read: usize,
    /// Whether the present list has an item already.
    has_items: bool,
}

/// The contents of the next page.
#[derive(Clone, Copy)]
enum Stage {
    Sessions {
        after: SessionId,
    },
    Conversations {
        after: i64,
    },
    Invitations {
        after: GroupId,
    },
    /// The messages of one conversation after the other.
    Messages {
        after: i64,
    },
    Entries {
        conversation: i64,
        after: MessageId,
    },
    Reactions {
        after: MessageId,
    },
    Events {
        after: Seq,
    },
    End,
}

#[derive(Serialize)]
struct SessionItem<'a> {
    id: SessionId,
    device: &'a str,
    created_at: i64,
    seen_at: i64,
    expires_at: i64,
}

#[derive(Serialize)]
struct ConversationItem<'a> {
    #[serde(flatten)]
    with: Peer,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    since: MessageId,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<MessageId>,
    delivered: MessageId,
    read: MessageId,
    days: Option<i64>,
    /// The account whose message request waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    asker: Option<AccountId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    declined: bool,
}

#[derive(Serialize)]
struct InvitationItem<'a> {
    group: GroupId,
    name: &'a str,
    by: AccountId,
    at: i64,
}

#[derive(Serialize)]
struct EntryItem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: MessageId,
    #[serde(flatten)]
    to: Recipient,
    from: AccountId,
    at: i64,
    #[serde(flatten)]
    what: WhatItem<'a>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WhatItem<'a> {
    Message {
        content: &'a str,
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
struct ReactionItem<'a> {
    id: MessageId,
    emoji: &'a str,
    at: i64,
}

#[derive(Serialize)]
struct BlockItem {
    id: AccountId,
    at: i64,
}

/// An account that the account has found by email.
#[derive(Serialize)]
struct FindingItem {
    id: AccountId,
    at: i64,
}

#[derive(Serialize)]
struct EventItem {
    seq: Seq,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<AccountId>,
}

impl Document {
    pub(crate) fn new(store: Arc<Store>, account: &Account, now: i64) -> io::Result<Self> {
        let (email, name) = (to_json(&account.email)?, to_json(&account.name)?);
        let (id, created_at) = (account.id, account.created_at);
        let page = format!(
            "{{\"exported_at\":{now},\"account\":{{\"id\":{id},\"email\":{email},\"name\":{name},\
             \"created_at\":{created_at}}},\n\"sessions\":["
        );
        Ok(Self {
            store,
            account: id,
            stage: Stage::Sessions { after: SessionId(0) },
            rows: EXPORT_PAGE_ROWS,
            page: page.into_bytes(),
            read: 0,
            has_items: false,
        })
    }

    /// Writes the next page, which may be empty.
    fn turn(&mut self) -> io::Result<()> {
        self.page.clear();
        self.read = 0;
        self.stage = match self.stage {
            Stage::Sessions { after } => self.sessions(after)?,
            Stage::Conversations { after } => self.conversations(after)?,
            Stage::Invitations { after } => self.invitations(after)?,
            Stage::Messages { after } => self.messages(after)?,
            Stage::Entries { conversation, after } => self.entries(conversation, after)?,
            Stage::Reactions { after } => self.reactions(after)?,
            Stage::Events { after } => self.events(after)?,
            Stage::End => Stage::End,
        };
        Ok(())
    }

    fn sessions(&mut self, after: SessionId) -> io::Result<Stage> {
        let page = self.store.exported_sessions(self.account, after, self.rows).map_err(lost)?;
        let Some(last) = page.last() else {
            self.begin_list("],\n\"conversations\":[");
            return Ok(Stage::Conversations { after: 0 });
        };
        for Session { id, device, created_at, seen_at, expires_at, .. } in &page {
            let (id, created_at, expires_at) = (*id, *created_at, *expires_at);
            // Ahead while it has an open socket.
            let seen_at = (*seen_at).min(self.store.now());
            self.item(&SessionItem { id, device, created_at, seen_at, expires_at })?;
        }
        Ok(Stage::Sessions { after: last.id })
    }

    fn conversations(&mut self, after: i64) -> io::Result<Stage> {
        let page =
            self.store.exported_conversations(self.account, after, self.rows).map_err(lost)?;
        let Some(last) = page.last() else {
            self.begin_list("],\n\"invitations\":[");
            return Ok(Stage::Invitations { after: GroupId(0) });
        };
        for it in &page {
            let ExportedConversation { with, role, since, until, delivered, read, days, .. } = *it;
            let (name, asker, declined) = (it.name.as_deref(), it.asker, it.is_declined);
            let came = ConversationItem {
                with,
                name,
                role,
                since,
                until,
                delivered,
                read,
                days,
                asker,
                declined,
            };
            self.item(&came)?;
        }
        Ok(Stage::Conversations { after: last.number })
    }

    fn invitations(&mut self, after: GroupId) -> io::Result<Stage> {
        let page = self.store.exported_invitations(self.account, after, self.rows).map_err(lost)?;
        let Some(last) = page.last() else {
            self.begin_list("],\n\"messages\":[");
            return Ok(Stage::Messages { after: 0 });
        };
        for ExportedInvitation { group, name, by, at } in &page {
            self.item(&InvitationItem { group: *group, name, by: *by, at: *at })?;
        }
        Ok(Stage::Invitations { after: last.group })
    }

    fn messages(&mut self, after: i64) -> io::Result<Stage> {
        let next = self.store.exported_conversations(self.account, after, 1).map_err(lost)?;
        if let Some(next) = next.first() {
            return Ok(Stage::Entries { conversation: next.number, after: MessageId(0) });
        }
        self.begin_list("],\n\"reactions\":[");
        Ok(Stage::Reactions { after: MessageId(0) })
    }

    fn entries(&mut self, conversation: i64, after: MessageId) -> io::Result<Stage> {
        let page = self.store.exported_entries(self.account, conversation, after, self.rows);
        let page = page.map_err(lost)?;
        let Some(last) = page.last() else {
            return Ok(Stage::Messages { after: conversation });
        };
        for ExportedEntry { id, entry, reference } in &page {
            self.item(&entry_item(*id, entry, reference.as_deref()))?;
        }
        Ok(Stage::Entries { conversation, after: last.id })
    }

    fn reactions(&mut self, after: MessageId) -> io::Result<Stage> {
        let page = self.store.exported_reactions(self.account, after, self.rows).map_err(lost)?;
        if let Some(last) = page.last() {
            for ExportedReaction { id, emoji, at } in &page {
                self.item(&ReactionItem { id: *id, emoji, at: *at })?;
            }
            return Ok(Stage::Reactions { after: last.id });
        }
        self.begin_list("],\n\"blocked\":[");
        for ExportedBlock { id, at } in self.store.exported_blocks(self.account).map_err(lost)? {
            self.item(&BlockItem { id, at })?;
        }
        self.begin_list("],\n\"found\":[");
        for FoundAccount { id, at } in self.store.found_accounts(self.account).map_err(lost)? {
            self.item(&FindingItem { id, at })?;
        }
        // None: deleted since the export began.
        let state = self.store.log_state(self.account).map_err(lost)?;
        let (head, acknowledged, forgotten, stored, last_seen) = (Seq(0), Seq(0), Seq(0), 0, None);
        let none = LogState { head, acknowledged, forgotten, stored, last_seen };
        let LogState { head, acknowledged, forgotten, stored, last_seen } = state.unwrap_or(none);
        let last_seen = serde_json::to_string(&last_seen)?;
        self.begin_list(&format!(
            "],\n\"log\":{{\"head\":{head},\"acknowledged\":{acknowledged},\
             \"forgotten\":{forgotten},\"stored\":{stored},\"last_seen\":{last_seen},\"events\":["
        ));
        Ok(Stage::Events { after: Seq(0) })
    }

    fn events(&mut self, after: Seq) -> io::Result<Stage> {
        let page = self.store.exported_events(self.account, after, self.rows).map_err(lost)?;
        let Some(last) = page.last() else {
            self.begin_list("]}}\n");
            return Ok(Stage::End);
        };
        for ExportedEvent { seq, kind, message, other } in &page {
            self.item(&EventItem { seq: *seq, kind, id: *message, by: *other })?;
        }
        Ok(Stage::Events { after: last.seq })
    }

    /// Ends one list and begins the next, if any.
    fn begin_list(&mut self, between: &str) {
        self.page.extend_from_slice(between.as_bytes());
        self.has_items = false;
    }

    fn item(&mut self, item: &impl Serialize) -> io::Result<()> {
        self.page.write_all(if self.has_items { b",\n" } else { b"\n" })?;
        self.has_items = true;
        Ok(serde_json::to_writer(&mut self.page, item)?)
    }
}

impl Read for Document {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.read == self.page.len() && !matches!(self.stage, Stage::End) {
            self.turn()?;
        }
        let count = (&self.page[self.read..]).read(out)?;
        self.read += count;
        Ok(count)
    }
}

fn entry_item<'a>(id: MessageId, entry: &'a Entry, reference: Option<&'a str>) -> EntryItem<'a> {
    match entry {
        Entry::Message(Message { from, to, content, at, reply_to, edited_at, deleted, .. }) => {
            let (reply_to, edited_at, deleted) = (*reply_to, *edited_at, *deleted);
            let what = WhatItem::Message { content, reply_to, edited_at, deleted };
            EntryItem { kind: "message", id, to: *to, from: *from, at: *at, what, reference }
        }
        Entry::Change(GroupChange { group, change, by, member, name, at }) => {
            let what = WhatItem::Change { change: *change, member: *member, name };
            let to = Recipient::Group(*group);
            EntryItem { kind: "group", id, to, from: *by, at: *at, what, reference }
        }
        Entry::Retention(Retention { by, to, days, at }) => {
            let what = WhatItem::Retention { days: *days };
            EntryItem { kind: "retention", id, to: *to, from: *by, at: *at, what, reference }
        }
    }
}

fn to_json(text: &str) -> io::Result<String> {
    Ok(serde_json::to_string(text)?)
}

fn lost(error: sql::Error) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
#[path = "export/tests.rs"]
mod tests;
