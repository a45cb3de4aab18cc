//! The frame of an event.

use sql::{ConversationSettings, Entry, Event, EventBody, EventNames, GroupChange, Retention};
use wire::{
    Accepted, AccountId, Blocked, ConversationCleared, ConversationSet, Declined, DeleteScope,
    Frame, GroupId, Message, Peer, Receipt, Recipient, Seq,
};

/// The frame of event `seq` in the log of `viewer`, without names.
pub(crate) fn frame<'a>(
    viewer: AccountId,
    seq: Seq,
    what: &'a EventBody,
    reference: Option<&'a str>,
) -> Frame<'a> {
    named_frame(viewer, seq, what, None, reference)
}

/// The frame of an event that is read from the log of `viewer`.
pub(crate) fn log_frame(viewer: AccountId, event: &Event) -> Frame<'_> {
    named_frame(viewer, event.seq, &event.body, Some(&event.names), None)
}

/// The frame of event `seq` in the log of `viewer`, with the names that go with it. With a `ref` it is the answer to a
/// request.
pub(crate) fn named_frame<'a>(
    viewer: AccountId,
    seq: Seq,
    what: &'a EventBody,
    names: Option<&'a EventNames>,
    reference: Option<&'a str>,
) -> Frame<'a> {
    match what {
        EventBody::Entry(entry) => of_entry(viewer, seq, entry, names, reference),
        EventBody::Delivered(receipt) => Frame::Delivered(receipt_frame(seq, receipt, reference)),
        EventBody::Read(receipt) => Frame::Read(receipt_frame(seq, receipt, reference)),
        EventBody::Edit { id, content } => Frame::Edit { reference, seq, id: *id, content },
        EventBody::Delete { id } => Frame::Delete { reference, seq, id: *id, scope: None },
        EventBody::Hide { id } => {
            Frame::Delete { reference, seq, id: *id, scope: Some(DeleteScope::Me) }
        }
        EventBody::ConversationSet { with, settings } => {
            let (with, group) = peer_keys(*with);
            let ConversationSettings { muted_until, pinned, archived, marked_unread } = *settings;
            Frame::ConversationSet(ConversationSet {
                reference,
                seq,
                with,
                group,
                muted_until,
                pinned,
                archived,
                unread: marked_unread,
            })
        }
        EventBody::ConversationCleared { with } => {
            let (with, group) = peer_keys(*with);
            Frame::ConversationClear(ConversationCleared { reference, seq, with, group })
        }
        EventBody::React { id, by, emoji } => {
            Frame::React { reference, seq, id: *id, by: *by, emoji: emoji.as_deref() }
        }
        EventBody::Block { id, .. } => Frame::Block(Blocked { reference, seq, id: *id }),
        EventBody::Unblock { id } => Frame::Unblock(Blocked { reference, seq, id: *id }),
        EventBody::Accept { id } => Frame::Accept(Accepted { reference, seq, id: *id }),
        EventBody::Decline { id } => {
            Frame::Decline(Declined { reference, seq, id: Some(*id), group: None })
        }
        EventBody::DeclineInvitation { group } => {
            Frame::Decline(Declined { reference, seq, id: None, group: Some(*group) })
        }
        EventBody::Expired => Frame::Expired { seq },
    }
}

fn of_entry<'a>(
    viewer: AccountId,
    seq: Seq,
    entry: &'a Entry,
    names: Option<&'a EventNames>,
    reference: Option<&'a str>,
) -> Frame<'a> {
    let by_name = names.and_then(|names| names.by.as_deref());
    let member_name = names.and_then(|names| names.member.as_deref());
    match (entry, reference) {
        (Entry::Message(sql::Message { id, at, .. }), Some(reference)) => {
            Frame::Sent { reference, id: Some(*id), seq: Some(seq), at: *at }
        }
        (Entry::Message(stored), None) => {
            let (seq, request, name) = (Some(seq), stored.request, by_name);
            Frame::Message(Message { seq, request, name, ..message(stored) })
        }
        (Entry::Change(GroupChange { group, change, by, member, name, at }), reference) => {
            let (group, change, by, member, at) = (*group, *change, *by, *member, *at);
            Frame::Group(wire::GroupChange {
                reference,
                seq,
                group,
                change,
                by,
                member,
                name,
                by_name,
                member_name,
                at,
            })
        }
        (Entry::Retention(Retention { by, to, days, at }), reference) => {
            let (with, group) = match *to {
                Recipient::Account(other) => (Some(if viewer == *by { other } else { *by }), None),
                Recipient::Group(group) => (None, Some(group)),
            };
            let (by, days, at) = (*by, *days, *at);
            Frame::Retention { reference, seq, by, with, group, days, at }
        }
    }
}

/// The keys `with` and `group` of a conversation.
pub(crate) fn peer_keys(with: Peer) -> (Option<AccountId>, Option<GroupId>) {
    match with {
        Peer::Account(account) => (Some(account), None),
        Peer::Group(group) => (None, Some(group)),
    }
}

fn receipt_frame<'a>(seq: Seq, receipt: &sql::Receipt, reference: Option<&'a str>) -> Receipt<'a> {
    Receipt { reference, seq, id: receipt.id, by: receipt.by, all: receipt.all }
}

/// A stored message, outside a log.
pub(crate) fn message(stored: &sql::Message) -> Message<'_> {
    let (to, group) = match stored.to {
        Recipient::Account(account) => (Some(account), None),
        Recipient::Group(group) => (None, Some(group)),
    };
    Message {
        id: Some(stored.id),
        from: stored.from,
        to,
        group,
        content: &stored.content,
        at: stored.at,
        files: &stored.files,
        reply_to: stored.reply_to,
        edited_at: stored.edited_at,
        deleted: stored.deleted,
        ..Message::default()
    }
}
