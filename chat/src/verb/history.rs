//! `{"type":"history",…}` and `{"type":"search",…}`: earlier messages, page by page.

use std::collections::HashMap;

use sql::{Message, Reaction};
use wire::limit::PAGE_ITEMS;
use wire::{AccountId, Code, Frame, MessageId, Page, Peer};

use crate::event;
use crate::limit::{PAGE_BYTES, REACTIONS_CHUNK};
use crate::query_context::QueryContext;
use crate::server::Accounts;
use crate::verb::paging::{PageRequest, page_of};

/// A page of one conversation.
pub(super) fn history(context: &QueryContext<'_>, with: Peer, page: PageRequest) {
    let QueryContext { accounts, me, .. } = *context;
    match accounts.store.history(me, with, page.before(), page.limit(PAGE_ITEMS) + 1) {
        Ok(Some(found)) => answer(context, &found, page, List::History),
        Ok(None) => context.refuse(Code::NotFound, "you are in no such group"),
        Err(error) => context.error(&error),
    }
}

/// The messages that contain these words.
pub(super) fn search(context: &QueryContext<'_>, text: &str, page: PageRequest) {
    let QueryContext { accounts, me, .. } = *context;
    match accounts.store.search(me, text, page.before(), page.limit(PAGE_ITEMS) + 1) {
        Ok(found) => answer(context, &found, page, List::Search),
        Err(sql::Error::TimedOut(_)) => {
            context.refuse(Code::Unavailable, "the search took too long; add a letter or a word");
        }
        Err(error) => context.error(&error),
    }
}

/// The list that is answered.
#[derive(Clone, Copy)]
enum List {
    History,
    Search,
}

/// `found` comes newest first; the answer has the newest last.
fn answer(context: &QueryContext<'_>, found: &[Message], page: PageRequest, list: List) {
    let reactions = match reactions(context.accounts, context.me, found) {
        Ok(reactions) => reactions,
        Err(error) => return context.error(&error),
    };
    let messages = found.iter().map(|message| {
        let reactions = reactions.get(&message.id).map_or(&[][..], Vec::as_slice);
        with_reactions(message, reactions)
    });
    let (mut messages, more) = page_of(messages, page.limit(PAGE_ITEMS));
    messages.reverse();
    let page = Page { reference: context.reference, messages, more };
    context.push(&match list {
        List::History => Frame::History(page),
        List::Search => Frame::Search(page),
    });
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
