//! The frame of an event.

use sql::{Entry, EventBody, GroupChange, Retention};
use wire::{Accepted, AccountId, Blocked, Declined, Frame, Message, Receipt, Recipient, Seq};

/// The frame of event `seq` in the log of `viewer`. With `reference` it is the answer to the request with this `ref`.
pub(crate) fn frame<'a>(
    viewer: AccountId,
    seq: Seq,
    what: &'a EventBody,
    reference: Option<&'a str>,
) -> Frame<'a> {
    match what {
        EventBody::Entry(entry) => of_entry(viewer, seq, entry, reference),
        EventBody::Delivered(receipt) => Frame::Delivered(receipt_frame(seq, receipt, reference)),
        EventBody::Read(receipt) => Frame::Read(receipt_frame(seq, receipt, reference)),
        EventBody::Edit { id, content } => Frame::Edit { reference, seq, id: *id, content },
        EventBody::Delete { id } => Frame::Delete { reference, seq, id: *id },
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
    reference: Option<&'a str>,
) -> Frame<'a> {
    match (entry, reference) {
        (Entry::Message(sql::Message { id, at, .. }), Some(reference)) => {
            Frame::Sent { reference, id: Some(*id), seq: Some(seq), at: *at }
        }
        (Entry::Message(stored), None) => {
            Frame::Message(Message { seq: Some(seq), request: stored.request, ..message(stored) })
        }
        (Entry::Change(GroupChange { group, change, by, member, name, at }), reference) => {
            let (group, change, by, member, at) = (*group, *change, *by, *member, *at);
            Frame::Group(wire::GroupChange { reference, seq, group, change, by, member, name, at })
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
