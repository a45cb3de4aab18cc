//! `{"type":"history",…}` and `{"type":"search",…}`: earlier messages, page by page.

use std::collections::HashMap;

use sql::{Message, Reaction, Reader, Store};
use wire::limit::PAGE_ITEMS;
use wire::{Code, Frame, MessageId, Page, Peer};

use crate::event;
use crate::limit::{PAGE_BYTES, REACTIONS_CHUNK};
use crate::query_context::QueryContext;
use crate::request::Anchor;
use crate::verb::paging::{PageRequest, page_of, page_within};

/// A page of one conversation.
pub(super) fn history(context: &QueryContext<'_>, with: Peer, anchor: Anchor, limit: Option<i64>) {
    let request = |before| PageRequest { before, limit };
    match anchor {
        Anchor::Newest => before(context, with, request(None)),
        Anchor::Before(id) => before(context, with, request(Some(id))),
        Anchor::After(id) => after(context, with, id, request(None).limit(PAGE_ITEMS)),
        Anchor::Around(id) => around(context, with, id, request(None).limit(PAGE_ITEMS)),
    }
}

fn before(context: &QueryContext<'_>, with: Peer, page: PageRequest) {
    let found = context.read(|store, reader| {
        let found = store.history(reader, with, page.before(), page.limit(PAGE_ITEMS) + 1)?;
        found.map(|found| with_their_reactions(store, reader, found)).transpose()
    });
    match found {
        Ok(Some(found)) => answer(context, &found, page, List::History),
        Ok(None) => context.refuse(Code::NotFound, NO_GROUP),
        Err(error) => context.error(&error),
    }
}

fn after(context: &QueryContext<'_>, with: Peer, id: MessageId, limit: usize) {
    let reference = context.reference;
    let found = context.read(|store, reader| {
        let found = store.history_after(reader, with, id, limit + 1)?;
        found.map(|found| with_their_reactions(store, reader, found)).transpose()
    });
    match found {
        Ok(Some((found, reactions))) => {
            let (messages, more) = page_of(with_all_reactions(&found, &reactions), limit);
            context.push(&Frame::History(Page { reference, messages, more, more_after: None }));
        }
        Ok(None) => context.refuse(Code::NotFound, NO_GROUP),
        Err(error) => context.error(&error),
    }
}

/// The message itself is in the older half, which has one message more if `limit` is odd. The older half may use half
/// of the bytes; the newer half may use the rest.
fn around(context: &QueryContext<'_>, with: Peer, id: MessageId, limit: usize) {
    let reference = context.reference;
    let newer_limit = limit / 2;
    let older_limit = limit - newer_limit;
    let found = context.read(|store, reader| {
        let upto = MessageId(id.0.saturating_add(1));
        let Some(older) = store.history(reader, with, upto, older_limit + 1)? else {
            return Ok(None);
        };
        let Some(newer) = store.history_after(reader, with, id, newer_limit + 1)? else {
            return Ok(None);
        };
        let older = with_their_reactions(store, reader, older)?;
        Ok(Some([older, with_their_reactions(store, reader, newer)?]))
    });
    match found {
        Ok(Some([(older, of_older), (newer, of_newer)])) => {
            let mut budget = PAGE_BYTES / 2;
            let older = with_all_reactions(&older, &of_older);
            let (mut messages, more) = page_within(older, older_limit, &mut budget);
            messages.reverse();
            budget += PAGE_BYTES / 2;
            let newer = with_all_reactions(&newer, &of_newer);
            let (newer, more_after) = page_within(newer, newer_limit, &mut budget);
            messages.extend(newer);
            let more_after = Some(more_after);
            context.push(&Frame::History(Page { reference, messages, more, more_after }));
        }
        Ok(None) => context.refuse(Code::NotFound, NO_GROUP),
        Err(error) => context.error(&error),
    }
}

const NO_GROUP: &str = "you are in no such group";

/// The messages that contain these words.
pub(super) fn search(context: &QueryContext<'_>, text: &str, page: PageRequest) {
    let found = context.read(|store, reader| {
        let found = store.search(reader, text, page.before(), page.limit(PAGE_ITEMS) + 1)?;
        with_their_reactions(store, reader, found)
    });
    match found {
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

/// `found` begins with the newest message; the answer ends with it.
fn answer(
    context: &QueryContext<'_>,
    (found, reactions): &MessagesAndReactions,
    page: PageRequest,
    list: List,
) {
    let messages = with_all_reactions(found, reactions);
    let (mut messages, more) = page_of(messages, page.limit(PAGE_ITEMS));
    messages.reverse();
    let page = Page { reference: context.reference, messages, more, more_after: None };
    context.push(&match list {
        List::History => Frame::History(page),
        List::Search => Frame::Search(page),
    });
}

fn with_all_reactions<'a>(
    found: &'a [Message],
    reactions: &'a HashMap<MessageId, Vec<Reaction>>,
) -> impl Iterator<Item = wire::Message<'a>> {
    found.iter().map(|message| {
        let reactions = reactions.get(&message.id).map_or(&[][..], Vec::as_slice);
        with_reactions(message, reactions)
    })
}

type MessagesAndReactions = (Vec<Message>, HashMap<MessageId, Vec<Reaction>>);

/// `found` with its reactions, which are read a chunk at a time, until the page is full.
fn with_their_reactions(
    store: &Store,
    reader: Reader<'_>,
    found: Vec<Message>,
) -> sql::Result<MessagesAndReactions> {
    let (mut all, mut bytes) = (HashMap::new(), 0);
    for chunk in found.chunks(REACTIONS_CHUNK) {
        if bytes >= PAGE_BYTES {
            break;
        }
        let read = store.reactions(reader, chunk.iter().map(|message| message.id))?;
        bytes += chunk.iter().map(|message| message.content.len()).sum::<usize>();
        bytes += read.values().flatten().map(|reaction| reaction.emoji.len()).sum::<usize>();
        all.extend(read);
    }
    Ok((found, all))
}

fn with_reactions<'a>(message: &'a Message, reactions: &'a [Reaction]) -> wire::Message<'a> {
    let reactions = reactions.iter().map(|it| wire::Reaction { by: it.by, emoji: &it.emoji });
    wire::Message { reactions: reactions.collect(), ..event::message(message) }
}
