//! `{"type":"conversations"}`, `group.show`, `blocks`: an account's conversations, a group, and blocked accounts.

use sql::{Conversation, ConversationSettings, Member};
use wire::limit::CONVERSATIONS;
use wire::{Code, Frame, GroupId};

use crate::event;
use crate::query_context::QueryContext;
use crate::verb::paging::{PageRequest, page_of};

/// The conversations, by last activity.
pub(super) fn list(context: &QueryContext<'_>, page: PageRequest) {
    let QueryContext { accounts, reference, me, .. } = *context;
    let limit = page.limit(CONVERSATIONS);
    let found = match accounts.store.conversations(me, page.before(), limit + 1) {
        Ok(found) => found,
        Err(error) => return context.error(&error),
    };
    let (conversations, more) = page_of(found.iter().map(conversation), limit);
    context.push(&Frame::Conversations { reference, conversations, more });
}

/// A group as it is now, for its members.
pub(super) fn show(context: &QueryContext<'_>, group: GroupId) {
    let QueryContext { accounts, reference, me, .. } = *context;
    let found = match accounts.store.group(me, group) {
        Ok(Some(found)) => found,
        Ok(None) => return context.refuse(Code::NotFound, "you are in no such group"),
        Err(error) => return context.error(&error),
    };
    let (name, days) = (found.name.as_str(), found.days);
    let members = found.members.iter().map(member).collect();
    context.push(&Frame::GroupShow { reference, group, name, days, members });
}

/// The accounts that this account has blocked.
pub(super) fn blocks(context: &QueryContext<'_>) {
    let QueryContext { accounts, reference, me, .. } = *context;
    match accounts.store.blocks(me) {
        Ok(ids) => context.push(&Frame::Blocks { reference, ids }),
        Err(error) => context.error(&error),
    }
}

fn member(found: &Member) -> wire::Member<'_> {
    let Member { id, name, picture, role, delivered, read } = found;
    let (name, picture, delivered, read) = (name.as_deref(), picture.as_deref(), *delivered, *read);
    wire::Member { id: *id, name, picture, role: *role, delivered, read }
}

fn conversation(found: &Conversation) -> wire::Conversation<'_> {
    let (with, group) = event::peer_keys(found.with);
    let ConversationSettings { muted_until, pinned, archived, marked_unread } = found.settings;
    wire::Conversation {
        with,
        group,
        name: found.name.as_deref(),
        picture: found.picture.as_deref(),
        activity: found.activity,
        last: found.last.as_ref().map(event::message),
        unread: found.unread,
        request: found.request,
        read: found.read,
        delivered_to: found.other.map(|(delivered, _)| delivered),
        read_by: found.other.map(|(_, read)| read),
        role: found.role,
        days: found.days,
        muted_until,
        pinned,
        archived,
        marked_unread,
    }
}
