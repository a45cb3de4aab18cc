//! `{"type":"conversations"}`, `group.show`, `blocks`: whom an account talks with, and whom not.

use sql::{Conversation, Member};
use wire::limit::CONVERSATIONS;
use wire::{AccountId, Code, Frame, GroupId, Peer};

use crate::connection::{Connection, Flow};
use crate::event;
use crate::server::Accounts;
use crate::verb::window::{Window, page_of};

/// The list, by last activity.
pub(crate) fn list(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    window: Window,
    reference: Option<&str>,
) -> Flow {
    let Some(_slot) = connection.acquire_answer_slot(me, reference)? else { return Ok(()) };
    let limit = window.limit(CONVERSATIONS);
    let found = match accounts.store.conversations(me, window.before(), limit + 1) {
        Ok(found) => found,
        Err(error) => return connection.reply_query_error(&error, reference),
    };
    let (conversations, more) = page_of(found.iter().map(conversation), limit);
    connection.outbox.push_long(&Frame::Conversations { reference, conversations, more });
    Ok(())
}

/// What a group is like now, for its members.
pub(crate) fn show(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    group: GroupId,
    reference: Option<&str>,
) -> Flow {
    let Some(_slot) = connection.acquire_answer_slot(me, reference)? else { return Ok(()) };
    let found = match accounts.store.group(me, group) {
        Ok(Some(found)) => found,
        Ok(None) => {
            connection.refuse(Code::NotFound, "you are in no such group", reference);
            return Ok(());
        }
        Err(error) => return connection.reply_query_error(&error, reference),
    };
    let (name, days) = (found.name.as_str(), found.days);
    let members = found.members.iter().map(member).collect();
    connection.outbox.push_long(&Frame::GroupShow { reference, group, name, days, members });
    Ok(())
}

/// Whom this account has blocked.
pub(crate) fn blocks(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    reference: Option<&str>,
) -> Flow {
    let Some(_slot) = connection.acquire_answer_slot(me, reference)? else { return Ok(()) };
    match accounts.store.blocks(me) {
        Ok(ids) => connection.outbox.push_long(&Frame::Blocks { reference, ids }),
        Err(error) => return connection.reply_query_error(&error, reference),
    }
    Ok(())
}

fn member(found: &Member) -> wire::Member<'_> {
    let Member { id, name, role, delivered, read } = found;
    let (name, delivered, read) = (name.as_deref(), *delivered, *read);
    wire::Member { id: *id, name, role: *role, delivered, read }
}

fn conversation(found: &Conversation) -> wire::Conversation<'_> {
    let (with, group) = match found.with {
        Peer::Account(account) => (Some(account), None),
        Peer::Group(group) => (None, Some(group)),
    };
    wire::Conversation {
        with,
        group,
        name: found.name.as_deref(),
        activity: found.activity,
        last: found.last.as_ref().map(event::message),
        unread: found.unread,
        request: found.request,
        read: found.read,
        delivered_to: found.other.map(|(delivered, _)| delivered),
        read_by: found.other.map(|(_, read)| read),
        role: found.role,
        days: found.days,
    }
}
