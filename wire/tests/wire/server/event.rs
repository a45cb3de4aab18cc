//! Events of a log, the answers that are one, and what is live only.

use wire::{
    Accepted, AccountId, Blocked, Change, ConversationCleared, ConversationSet, Declined,
    DeleteScope, File, Frame, GroupChange, Message, MessageId, Receipt, Seq,
};

use super::{ALICE, AT, BOB, CAROL, ID, Named, TRIP};

pub fn all() -> Vec<Named> {
    [messages(), receipts(), edits(), groups(), conversations(), live()]
        .into_iter()
        .flatten()
        .collect()
}

fn cat() -> &'static [File] {
    let cat = File {
        id: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
        name: "cat.png".to_owned(),
        kind: "image/png".to_owned(),
        size: 70_123,
        width: Some(640),
        height: Some(480),
        thumbnail: Some("60303ae22b998861bce3b28f33eec1be".to_owned()),
    };
    vec![cat].leak()
}

fn messages() -> Vec<Named> {
    let to_guest =
        Message { from: BOB, to: Some(ALICE), content: "hello", at: AT, ..Message::default() };
    let to_alice = Message { id: Some(ID), seq: Some(Seq(12)), ..to_guest.clone() };
    let edited =
        Message { content: "hello, world", edited_at: Some(AT + 60_000), ..to_alice.clone() };
    let deleted = Message { content: "", deleted: true, ..to_alice.clone() };
    let request = Message { request: true, name: Some("Bob"), ..to_alice.clone() };
    let first = Message { name: Some("Bob"), ..to_alice.clone() };
    let files = Message { content: "", files: cat(), ..to_alice.clone() };
    let to_group = Message {
        id: Some(MessageId(78)),
        seq: Some(Seq(20)),
        from: BOB,
        group: Some(TRIP),
        content: "hello, all",
        at: AT,
        reply_to: Some(ID),
        ..Message::default()
    };
    vec![
        ("message", Frame::Message(to_alice)),
        ("message-guest", Frame::Message(to_guest)),
        ("message-edited", Frame::Message(edited)),
        ("message-deleted", Frame::Message(deleted)),
        ("message-request", Frame::Message(request)),
        ("message-files", Frame::Message(files)),
        ("message-first", Frame::Message(first)),
        ("message-group", Frame::Message(to_group)),
    ]
}

fn receipts() -> Vec<Named> {
    let receipt = |seq| Receipt { reference: None, seq: Seq(seq), id: ID, by: ALICE, all: false };
    let by_all = Receipt { id: MessageId(78), by: CAROL, all: true, ..receipt(16) };
    vec![
        ("delivered", Frame::Delivered(receipt(15))),
        ("delivered-all", Frame::Delivered(by_all)),
        ("read", Frame::Read(receipt(23))),
        ("read-answer", Frame::Read(Receipt { reference: Some("rd"), ..receipt(24) })),
    ]
}

fn edits() -> Vec<Named> {
    let edit =
        |reference, seq| Frame::Edit { reference, seq: Seq(seq), id: ID, content: "hello, world" };
    let react =
        |seq, emoji| Frame::React { reference: None, seq: Seq(seq), id: ID, by: ALICE, emoji };
    let for_me =
        Frame::Delete { reference: None, seq: Seq(33), id: ID, scope: Some(DeleteScope::Me) };
    vec![
        ("edit", edit(None, 17)),
        ("edit-answer", edit(Some("e"), 9)),
        ("delete", Frame::Delete { reference: None, seq: Seq(14), id: ID, scope: None }),
        ("delete-me", for_me),
        ("react", react(21, Some("👍"))),
        ("react-none", react(22, None)),
        ("expired", Frame::Expired { seq: Seq(4) }),
    ]
}

fn groups() -> Vec<Named> {
    let create = GroupChange {
        reference: Some("g"),
        seq: Seq(18),
        group: TRIP,
        change: Change::Create,
        by: BOB,
        member: None,
        name: "Trip",
        by_name: None,
        member_name: None,
        at: AT,
    };
    let add = GroupChange {
        reference: None,
        seq: Seq(19),
        change: Change::Add,
        member: Some(AccountId(4)),
        by_name: Some("Bob"),
        member_name: Some("Dora"),
        ..create.clone()
    };
    let change = Change::Invite;
    let invite = GroupChange { seq: Seq(28), change, member_name: None, ..add.clone() };
    let join = GroupChange {
        reference: Some("aj"),
        seq: Seq(29),
        change: Change::Join,
        by: AccountId(4),
        ..create.clone()
    };
    vec![
        ("group-create", Frame::Group(create)),
        ("group-add", Frame::Group(add)),
        ("group-invite", Frame::Group(invite)),
        ("group-join", Frame::Group(join)),
    ]
}

fn conversations() -> Vec<Named> {
    let direct = Frame::Retention {
        reference: None,
        seq: Seq(25),
        by: BOB,
        with: Some(BOB),
        group: None,
        days: Some(7),
        at: AT,
    };
    let group = Frame::Retention {
        reference: Some("rt"),
        seq: Seq(26),
        by: ALICE,
        with: None,
        group: Some(TRIP),
        days: None,
        at: AT,
    };
    let set = ConversationSet {
        reference: Some("cs"),
        seq: Seq(34),
        with: Some(BOB),
        group: None,
        muted_until: Some(AT + 86_400_000),
        pinned: true,
        archived: false,
        unread: false,
    };
    let set_group = ConversationSet {
        reference: None,
        with: None,
        group: Some(TRIP),
        muted_until: None,
        unread: true,
        ..set
    };
    let clear = |with, group| {
        Frame::ConversationClear(ConversationCleared { reference: None, seq: Seq(35), with, group })
    };
    let accepted = Accepted { reference: Some("a"), seq: Seq(30), id: CAROL };
    let declined = Declined { reference: Some("dc"), seq: Seq(31), id: Some(CAROL), group: None };
    let declined_group =
        Declined { reference: Some("dg"), seq: Seq(32), id: None, group: Some(TRIP) };
    let blocked = |reference, seq| Blocked { reference, seq: Seq(seq), id: CAROL };
    vec![
        ("retention", direct),
        ("retention-group", group),
        ("conversation-set", Frame::ConversationSet(set)),
        ("conversation-set-group", Frame::ConversationSet(set_group)),
        ("conversation-clear", clear(Some(BOB), None)),
        ("conversation-clear-group", clear(None, Some(TRIP))),
        ("block", Frame::Block(blocked(Some("b"), 13))),
        ("unblock", Frame::Unblock(blocked(None, 27))),
        ("accept", Frame::Accept(accepted)),
        ("decline", Frame::Decline(declined)),
        ("decline-group", Frame::Decline(declined_group)),
    ]
}

fn live() -> Vec<Named> {
    let presence = |id, online, last_seen| Frame::Presence { id, online, last_seen };
    vec![
        ("typing", Frame::Typing { from: BOB, to: Some(ALICE), group: None }),
        ("typing-group", Frame::Typing { from: BOB, to: None, group: Some(TRIP) }),
        ("presence-online", presence(BOB, true, None)),
        ("presence-offline", presence(BOB, false, Some(AT))),
        ("presence-unknown", presence(CAROL, false, None)),
    ]
}
