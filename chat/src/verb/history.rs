//! `{"type":"history",…}` and `{"type":"search",…}`: messages of before, by pages.

use sql::{Message, Reaction};
use wire::limit::PAGE_ITEMS;
use wire::{AccountId, Code, Frame, Page, With};

use crate::event;
use crate::server::Accounts;
use crate::session::{Flow, Session};
use crate::verb::window::{Window, page_of};

/// A page of one conversation.
pub(crate) fn history(
    session: &mut Session<'_>,
    accounts: &Accounts,
    me: AccountId,
    with: With,
    window: Window,
    reference: Option<&str>,
) -> Flow {
    let found = accounts.store.history(me, with, window.before(), window.limit(PAGE_ITEMS) + 1);
    match found {
        Ok(Some(found)) => answer(session, accounts, me, &found, window, reference, List::History),
        Ok(None) => {
            session.refuse(Code::NotFound, "you are in no such group", reference);
            Ok(())
        }
        Err(error) => session.put_off(&error, reference),
    }
}

/// What has these words.
pub(crate) fn search(
    session: &mut Session<'_>,
    accounts: &Accounts,
    me: AccountId,
    text: &str,
    window: Window,
    reference: Option<&str>,
) -> Flow {
    match accounts.store.search(me, text, window.before(), window.limit(PAGE_ITEMS) + 1) {
        Ok(found) => answer(session, accounts, me, &found, window, reference, List::Search),
        Err(error) => session.put_off(&error, reference),
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
    session: &mut Session<'_>,
    accounts: &Accounts,
    me: AccountId,
    found: &[Message],
    window: Window,
    reference: Option<&str>,
    list: List,
) -> Flow {
    let reactions = match accounts.store.reactions(me, found.iter().map(|message| message.id)) {
        Ok(reactions) => reactions,
        Err(error) => return session.put_off(&error, reference),
    };
    let messages = found.iter().map(|message| {
        let reactions = reactions.get(&message.id).map_or(&[][..], Vec::as_slice);
        with_reactions(message, reactions)
    });
    let (mut messages, more) = page_of(messages, window.limit(PAGE_ITEMS));
    messages.reverse();
    let page = Page { reference, messages, more };
    session.answer_at_length(&match list {
        List::History => Frame::History(page),
        List::Search => Frame::Search(page),
    })
}

fn with_reactions<'a>(message: &'a Message, reactions: &'a [Reaction]) -> wire::Message<'a> {
    let reactions = reactions.iter().map(|it| wire::Reaction { by: it.by, emoji: &it.emoji });
    wire::Message { reactions: reactions.collect(), ..event::message(message) }
}
