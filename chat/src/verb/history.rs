//! `{"type":"history",…}` and `{"type":"search",…}`: messages of before, by pages.

use std::collections::HashMap;

use sql::{Message, Reaction};
use wire::limit::PAGE_ITEMS;
use wire::{AccountId, Code, Frame, MessageId, Page, Peer};

use crate::connection::{Connection, Flow};
use crate::event;
use crate::limit::{PAGE_BYTES, REACTIONS_CHUNK};
use crate::server::Accounts;
use crate::verb::window::{Window, page_of};

/// A page of one conversation.
pub(crate) fn history(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    with: Peer,
    window: Window,
    reference: Option<&str>,
) -> Flow {
    let Some(_slot) = connection.acquire_answer_slot(me, reference)? else { return Ok(()) };
    let found = accounts.store.history(me, with, window.before(), window.limit(PAGE_ITEMS) + 1);
    match found {
        Ok(Some(found)) => {
            answer(connection, accounts, me, &found, window, reference, List::History)
        }
        Ok(None) => {
            connection.refuse(Code::NotFound, "you are in no such group", reference);
            Ok(())
        }
        Err(error) => connection.reply_query_error(&error, reference),
    }
}

/// What has these words.
pub(crate) fn search(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    text: &str,
    window: Window,
    reference: Option<&str>,
) -> Flow {
    let Some(_slot) = connection.acquire_answer_slot(me, reference)? else { return Ok(()) };
    match accounts.store.search(me, text, window.before(), window.limit(PAGE_ITEMS) + 1) {
        Ok(found) => answer(connection, accounts, me, &found, window, reference, List::Search),
        Err(sql::Error::TimedOut(_)) => {
            let message = "the search took too long; add a letter or a word";
            connection.refuse(Code::Unavailable, message, reference);
            Ok(())
        }
        Err(error) => connection.reply_query_error(&error, reference),
    }
}

/// Which list is answered.
#[derive(Clone, Copy)]
enum List {
    History,
    Search,
}

/// `found` comes newest first, and goes newest last.
fn answer(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    found: &[Message],
    window: Window,
    reference: Option<&str>,
    list: List,
) -> Flow {
    let reactions = match reactions(accounts, me, found) {
        Ok(reactions) => reactions,
        Err(error) => return connection.reply_query_error(&error, reference),
    };
    let messages = found.iter().map(|message| {
        let reactions = reactions.get(&message.id).map_or(&[][..], Vec::as_slice);
        with_reactions(message, reactions)
    });
    let (mut messages, more) = page_of(messages, window.limit(PAGE_ITEMS));
    messages.reverse();
    let page = Page { reference, messages, more };
    connection.outbox.push_long(&match list {
        List::History => Frame::History(page),
        List::Search => Frame::Search(page),
    });
    Ok(())
}

/// The reactions to `found`, a chunk at a time, as far as what is found fills a page: no page goes beyond.
fn reactions(
    accounts: &Accounts,
    me: AccountId,
    found: &[Message],
) -> sql::Result<HashMap<MessageId, Vec<Reaction>>> {
    let (mut all, mut bytes) = (HashMap::new(), 0);
    for chunk in found.chunks(REACTIONS_CHUNK) {
        if bytes >= PAGE_BYTES {
            break;
        }
        let read = accounts.store.reactions(me, chunk.iter().map(|message| message.id))?;
        bytes += chunk.iter().map(|message| message.content.len()).sum::<usize>();
        bytes += read.values().flatten().map(|reaction| reaction.emoji.len()).sum::<usize>();
        all.extend(read);
    }
    Ok(all)
}

fn with_reactions<'a>(message: &'a Message, reactions: &'a [Reaction]) -> wire::Message<'a> {
    let reactions = reactions.iter().map(|it| wire::Reaction { by: it.by, emoji: &it.emoji });
    wire::Message { reactions: reactions.collect(), ..event::message(message) }
}
