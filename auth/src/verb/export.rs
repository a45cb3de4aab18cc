//! `GET /export`: all data about an account, as one JSON document.
//!
//! The document is generated page by page while it is sent, so it takes no more memory than one page.

mod item;

use http::Response;
use std::io::{self, Read, Write as _};
use std::sync::Arc;

use serde::Serialize;
use sql::{
    Account, ConversationSettings, ExportedBlock, ExportedConversation, ExportedEvent,
    ExportedFile, ExportedInvitation, ExportedReaction, ExportedReport, FoundAccount, LogState,
    Privacy, Reader, Session, Store,
};
use wire::{AccountId, GroupId, MessageId, Seq, SessionId};

use crate::context::Context;
use crate::error::ApiError;
use crate::limit::EXPORT_PAGE_ROWS;
use crate::metrics;
use crate::request::Request;
use item::{
    BlockItem, ConversationItem, EventItem, FindingItem, InvitationItem, PushItem, ReactionItem,
    ReportItem, SessionItem, UploadItem, entry_item,
};

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
    /// The last event of the account's log when the export began. A replica that has this event has all changes that the client has
    /// made before.
    head: Seq,
    stage: Stage,
    rows: i64,
    page: Vec<u8>,
    read: usize,
    /// Whether the present list has an item already.
    has_items: bool,
}

/// The contents of the next page.
#[derive(Clone)]
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
    Uploads {
        after: String,
    },
    Events {
        after: Seq,
    },
    End,
}

impl Document {
    pub(crate) fn new(store: Arc<Store>, account: &Account, now: i64) -> io::Result<Self> {
        let state = store.log_state(account.id).map_err(lost)?;
        let head = state.map_or(Seq(0), |state| state.head);
        let (email, name) = (to_json(&account.email)?, to_json(&account.name)?);
        let (id, created_at, confirmed) = (account.id, account.created_at, account.is_proved);
        let next = account.next_email.as_deref().map(to_json).transpose()?;
        let next = next.map_or_else(String::new, |next| format!(",\"new_email\":{next}"));
        let picture = account.picture.as_deref().map(to_json).transpose()?;
        let picture = picture.map_or_else(String::new, |id| format!(",\"picture\":{id}"));
        let state = store.log_state(id).map_err(lost)?;
        let Privacy { last_seen, read_receipts } = state.map(|it| it.privacy).unwrap_or_default();
        let page = format!(
            "{{\"exported_at\":{now},\"account\":{{\"id\":{id},\"email\":{email},\"name\":{name},\
             \"created_at\":{created_at},\"confirmed\":{confirmed}{next}{picture},\"last_seen\":{last_seen},\
             \"read_receipts\":{read_receipts}}},\n\"sessions\":["
        );
        Ok(Self {
            store,
            account: id,
            head,
            stage: Stage::Sessions { after: SessionId(0) },
            rows: EXPORT_PAGE_ROWS,
            page: page.into_bytes(),
            read: 0,
            has_items: false,
        })
    }

    /// Reads from the replica, if it has everything from before the export.
    fn look_up<T>(&self, read: impl Fn(&Store, Reader<'_>) -> sql::Result<T>) -> io::Result<T> {
        let store = &self.store;
        let (source, found) =
            store.read_replicated(self.account, self.head, |reader| read(store, reader));
        if let Some(word) = source.word() {
            metrics::REPLICA_READS.inc(word);
        }
        found.map_err(lost)
    }

    /// Writes the next page, which may be empty.
    fn turn(&mut self) -> io::Result<()> {
        self.page.clear();
        self.read = 0;
        // A failed read is not repeated: the connection ends.
        self.stage = match std::mem::replace(&mut self.stage, Stage::End) {
            Stage::Sessions { after } => self.sessions(after)?,
            Stage::Conversations { after } => self.conversations(after)?,
            Stage::Invitations { after } => self.invitations(after)?,
            Stage::Messages { after } => self.messages(after)?,
            Stage::Entries { conversation, after } => self.entries(conversation, after)?,
            Stage::Reactions { after } => self.reactions(after)?,
            Stage::Uploads { after } => self.uploads(&after)?,
            Stage::Events { after } => self.events(after)?,
            Stage::End => Stage::End,
        };
        Ok(())
    }

    fn sessions(&mut self, after: SessionId) -> io::Result<Stage> {
        let page = self.store.exported_sessions(self.account, after, self.rows).map_err(lost)?;
        let Some(last) = page.last() else {
            // There are few of them, so one page has all.
            self.begin_list("],\n\"push\":[");
            for push in self.store.exported_pushes(self.account).map_err(lost)? {
                let (session, endpoint) = (push.session, &*push.endpoint);
                self.item(&PushItem { session, endpoint, created_at: push.created_at })?;
            }
            self.begin_list("],\n\"conversations\":[");
            return Ok(Stage::Conversations { after: 0 });
        };
        for Session { id, device, created_at, seen_at, expires_at, .. } in &page {
            let (id, created_at, expires_at) = (*id, *created_at, *expires_at);
            // The recorded use lies ahead while the session has an open socket.
            let seen_at = (*seen_at).min(self.store.now());
            self.item(&SessionItem { id, device, created_at, seen_at, expires_at })?;
        }
        Ok(Stage::Sessions { after: last.id })
    }

    fn conversations(&mut self, after: i64) -> io::Result<Stage> {
        let page =
            self.look_up(|store, reader| store.exported_conversations(reader, after, self.rows))?;
        let Some(last) = page.last() else {
            self.begin_list("],\n\"invitations\":[");
            return Ok(Stage::Invitations { after: GroupId(0) });
        };
        for it in &page {
            let ExportedConversation { with, role, since, until, delivered, read, days, .. } = *it;
            let (name, asker, declined) = (it.name.as_deref(), it.asker, it.is_declined);
            let ConversationSettings { muted_until, pinned, archived, marked_unread } = it.settings;
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
                muted_until,
                pinned,
                archived,
                marked_unread,
                cleared: Some(it.cleared).filter(|cleared| cleared.0 > 0),
            };
            self.item(&came)?;
        }
        Ok(Stage::Conversations { after: last.number })
    }

    fn invitations(&mut self, after: GroupId) -> io::Result<Stage> {
        let page =
            self.look_up(|store, reader| store.exported_invitations(reader, after, self.rows))?;
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
        let next = self.look_up(|store, reader| store.exported_conversations(reader, after, 1))?;
        if let Some(next) = next.first() {
            return Ok(Stage::Entries { conversation: next.number, after: MessageId(0) });
        }
        self.begin_list("],\n\"reactions\":[");
        Ok(Stage::Reactions { after: MessageId(0) })
    }

    fn entries(&mut self, conversation: i64, after: MessageId) -> io::Result<Stage> {
        let page = self.look_up(|store, reader| {
            store.exported_entries(reader, conversation, after, self.rows)
        })?;
        let Some(last) = page.last() else {
            return Ok(Stage::Messages { after: conversation });
        };
        for it in &page {
            self.item(&entry_item(it))?;
        }
        Ok(Stage::Entries { conversation, after: last.id })
    }

    fn reactions(&mut self, after: MessageId) -> io::Result<Stage> {
        let page =
            self.look_up(|store, reader| store.exported_reactions(reader, after, self.rows))?;
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
        self.begin_list("],\n\"reports\":[");
        for ExportedReport { id, text, at } in
            self.store.exported_reports(self.account).map_err(lost)?
        {
            self.item(&ReportItem { id, text, at })?;
        }
        self.begin_list("],\n\"files\":[");
        Ok(Stage::Uploads { after: String::new() })
    }

    fn uploads(&mut self, after: &str) -> io::Result<Stage> {
        let page = self.store.exported_files(self.account, after, self.rows).map_err(lost)?;
        if let Some(last) = page.last() {
            for ExportedFile { id, name, kind, size, received, created_at } in &page {
                let (size, received, created_at) = (*size, *received, *created_at);
                self.item(&UploadItem { id, name, kind, size, received, created_at })?;
            }
            return Ok(Stage::Uploads { after: last.id.clone() });
        }
        // None: deleted since the export began.
        let state = self.store.log_state(self.account).map_err(lost)?;
        let (head, acknowledged, forgotten, stored, last_seen) = (Seq(0), Seq(0), Seq(0), 0, None);
        let privacy = Privacy::default();
        let overhead = 0;
        let none = LogState { head, acknowledged, forgotten, stored, overhead, last_seen, privacy };
        let LogState { head, acknowledged, forgotten, stored, last_seen, .. } =
            state.unwrap_or(none);
        let last_seen = serde_json::to_string(&last_seen)?;
        self.begin_list(&format!(
            "],\n\"log\":{{\"head\":{head},\"acknowledged\":{acknowledged},\
             \"forgotten\":{forgotten},\"stored\":{stored},\"last_seen\":{last_seen},\"events\":["
        ));
        Ok(Stage::Events { after: Seq(0) })
    }

    fn events(&mut self, after: Seq) -> io::Result<Stage> {
        let page = self.look_up(|store, reader| store.exported_events(reader, after, self.rows))?;
        let Some(last) = page.last() else {
            self.begin_list("]}}\n");
            return Ok(Stage::End);
        };
        for ExportedEvent { seq, kind, message, other, with } in &page {
            self.item(&EventItem { seq: *seq, kind, id: *message, by: *other, with: *with })?;
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

fn to_json(text: &str) -> io::Result<String> {
    Ok(serde_json::to_string(text)?)
}

fn lost(error: sql::Error) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
#[path = "export/tests.rs"]
mod tests;
