//! `GET /export`: all that is kept about an account, as one JSON document.
//!
//! The document is made page by page while it is sent, so that it takes no more memory than a page however much there
//! is.

use std::io::{self, Read, Write as _};
use std::sync::Arc;

use serde::Serialize;
use sql::{Account, KeptEvent, KeptMessage, LogState, Session, Store};
use wire::{AccountId, MessageId, Seq, SessionId};

use crate::answer::Answer;
use crate::context::Context;
use crate::limit::EXPORT_PAGE_ROWS;
use crate::refusal::Refusal;
use crate::request::Request;

pub(crate) fn export(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Answer, Refusal> {
    let account = context.store.account(session.account)?.ok_or_else(Refusal::unauthorized)?;
    let document = Document::new(Arc::clone(&context.store), &account, request.now);
    let document = document.map_err(|error| Refusal::internal(&error))?;
    Ok(Answer::stream("messenger-export.json", Box::new(document)))
}

/// The document, read from the front.
pub(crate) struct Document {
    store: Arc<Store>,
    account: AccountId,
    stage: Stage,
    rows: i64,
    page: Vec<u8>,
    read: usize,
    /// Whether the list that is being written has an item already.
    has_items: bool,
}

/// What the next page holds.
#[derive(Clone, Copy)]
enum Stage {
    Sessions { after: SessionId },
    Conversations { after: i64 },
    Messages { conversation: i64, after: MessageId },
    Events { after: Seq },
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
struct MessageItem<'a> {
    id: MessageId,
    from: AccountId,
    to: AccountId,
    content: &'a str,
    at: i64,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

#[derive(Serialize)]
struct EventItem {
    seq: Seq,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<MessageId>,
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

    /// Writes the next page; it may turn out empty.
    fn turn(&mut self) -> io::Result<()> {
        self.page.clear();
        self.read = 0;
        self.stage = match self.stage {
            Stage::Sessions { after } => self.sessions(after)?,
            Stage::Conversations { after } => self.conversations(after)?,
            Stage::Messages { conversation, after } => self.messages(conversation, after)?,
            Stage::Events { after } => self.events(after)?,
            Stage::End => Stage::End,
        };
        Ok(())
    }

    fn sessions(&mut self, after: SessionId) -> io::Result<Stage> {
        let page = self.store.kept_sessions(self.account, after, self.rows).map_err(lost)?;
        let Some(last) = page.last() else {
            self.begin_list("],\n\"messages\":[");
            return Ok(Stage::Conversations { after: 0 });
        };
        for Session { id, device, created_at, seen_at, expires_at, .. } in &page {
            let (id, created_at, seen_at, expires_at) = (*id, *created_at, *seen_at, *expires_at);
            self.item(&SessionItem { id, device, created_at, seen_at, expires_at })?;
        }
        Ok(Stage::Sessions { after: last.id })
    }

    fn conversations(&mut self, after: i64) -> io::Result<Stage> {
        let next = self.store.kept_conversations(self.account, after, 1).map_err(lost)?;
        if let Some(&conversation) = next.first() {
            return Ok(Stage::Messages { conversation, after: MessageId(0) });
        }
        // None: deleted since the export began.
        let state = self.store.log_state(self.account).map_err(lost)?;
        let none = LogState { head: Seq(0), acknowledged: Seq(0), forgotten: Seq(0) };
        let LogState { head, acknowledged, forgotten } = state.unwrap_or(none);
        self.begin_list(&format!(
            "],\n\"log\":{{\"head\":{head},\"acknowledged\":{acknowledged},\
             \"forgotten\":{forgotten},\"events\":["
        ));
        Ok(Stage::Events { after: Seq(0) })
    }

    fn messages(&mut self, conversation: i64, after: MessageId) -> io::Result<Stage> {
        let page = self.store.kept_messages(self.account, conversation, after, self.rows);
        let page = page.map_err(lost)?;
        let Some(last) = page.last() else {
            return Ok(Stage::Conversations { after: conversation });
        };
        for KeptMessage { id, from, to, content, at, reference } in &page {
            let reference = reference.as_deref();
            self.item(&MessageItem { id: *id, from: *from, to: *to, content, at: *at, reference })?;
        }
        Ok(Stage::Messages { conversation, after: last.id })
    }

    fn events(&mut self, after: Seq) -> io::Result<Stage> {
        let page = self.store.kept_events(self.account, after, self.rows).map_err(lost)?;
        let Some(last) = page.last() else {
            self.begin_list("]}}\n");
            return Ok(Stage::End);
        };
        for KeptEvent { seq, kind, message } in &page {
            let kind = if *kind == 1 { "message" } else { "other" };
            self.item(&EventItem { seq: *seq, kind, id: *message })?;
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
