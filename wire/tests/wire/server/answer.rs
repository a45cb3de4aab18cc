//! Answers that are not events.

use wire::{
    AccountId, Code, Conversation, ErrorFrame, Frame, Member, Message, MessageId, Page, Reaction,
    Role, Seq,
};

use super::{ALICE, AT, BOB, CAROL, ID, Named, TRIP};

pub fn all() -> Vec<Named> {
    [welcomes(), words(), errors(), pages(), lists()].into_iter().flatten().collect()
}

fn welcomes() -> Vec<Named> {
    let alice = |recovered, reference: Option<&'static str>| Frame::Welcome {
        id: ALICE,
        name: Some("Alice".into()),
        seq: Some(Seq(9)),
        head: Some(Seq(12)),
        recovered: Some(recovered),
        now: Some(AT),
        reference: reference.map(Into::into),
    };
    let guest = Frame::Welcome {
        id: ALICE,
        name: None,
        seq: None,
        head: None,
        recovered: None,
        now: None,
        reference: None,
    };
    vec![
        ("welcome", alice(true, None)),
        ("welcome-ref", alice(false, Some("h"))),
        ("welcome-guest", guest),
    ]
}

fn words() -> Vec<Named> {
    let sent = |id, seq| Frame::Sent { reference: "c-42", id, seq, at: AT };
    vec![
        ("sent", sent(Some(ID), Some(Seq(9)))),
        ("sent-guest", sent(None, None)),
        ("ok", Frame::Ok { reference: "r" }),
        ("pong", Frame::Pong { reference: None }),
    ]
}

fn errors() -> Vec<Named> {
    let own = ErrorFrame {
        code: Code::Forbidden,
        message: "`from` must be your own id, 2, or be left out".into(),
        reference: Some("c-42".into()),
        retry_after_ms: None,
    };
    let rate = ErrorFrame {
        code: Code::RateLimited,
        message: "too many requests; wait and send it again".into(),
        reference: None,
        retry_after_ms: Some(20),
    };
    vec![("error", Frame::Error(own)), ("error-rate", Frame::Error(rate))]
}

fn pages() -> Vec<Named> {
    let deleted = Message {
        id: Some(MessageId(70)),
        from: BOB,
        to: Some(ALICE),
        at: AT,
        deleted: true,
        ..Message::default()
    };
    let edited = Message {
        id: Some(ID),
        from: ALICE,
        to: Some(BOB),
        content: "hello, world",
        at: AT + 1000,
        edited_at: Some(AT + 60_000),
        reactions: vec![Reaction { by: BOB, emoji: "👍" }],
        ..Message::default()
    };
    let found = Message {
        id: Some(MessageId(78)),
        from: BOB,
        group: Some(TRIP),
        content: "hello, all",
        at: AT,
        ..Message::default()
    };
    let page = |reference, messages, more| Page {
        reference: Some(reference),
        messages,
        more,
        more_after: None,
    };
    let around = Page { more_after: Some(true), ..page("h", vec![edited.clone()], true) };
    vec![
        ("history", Frame::History(page("h", vec![deleted, edited], true))),
        ("history-around", Frame::History(around)),
        ("search", Frame::Search(page("s", vec![found], false))),
    ]
}

fn lists() -> Vec<Named> {
    let last = Message {
        id: Some(ID),
        from: BOB,
        to: Some(ALICE),
        content: "hello",
        at: AT,
        ..Message::default()
    };
    let with_bob = Conversation {
        with: Some(BOB),
        group: None,
        name: Some("Bob"),
        picture: Some("9f86d081884c7d659a2feaa0c55ad015"),
        activity: MessageId(415),
        last: Some(last),
        unread: 1,
        request: false,
        read: MessageId(70),
        delivered_to: Some(MessageId(71)),
        read_by: Some(MessageId(71)),
        role: None,
        days: None,
        muted_until: Some(AT + 86_400_000),
        pinned: true,
        archived: false,
        marked_unread: false,
    };
    let trip = Conversation {
        with: None,
        group: Some(TRIP),
        name: Some("Trip"),
        picture: None,
        activity: MessageId(414),
        last: None,
        unread: 0,
        request: false,
        read: MessageId(0),
        delivered_to: None,
        read_by: None,
        role: Some(Role::Admin),
        days: Some(7),
        muted_until: None,
        pinned: false,
        archived: true,
        marked_unread: true,
    };
    let conversations = Frame::Conversations {
        reference: Some("c"),
        conversations: vec![with_bob, trip],
        more: false,
    };
    let member = |id, name, role, delivered, read| Member {
        id: AccountId(id),
        name,
        picture: name.map(|_| "9f86d081884c7d659a2feaa0c55ad015"),
        role,
        delivered: MessageId(delivered),
        read: MessageId(read),
    };
    let show = Frame::GroupShow {
        reference: Some("gs"),
        group: TRIP,
        name: "Trip",
        days: None,
        members: vec![
            member(2, Some("Bob"), Role::Admin, 78, 78),
            member(9, None, Role::Member, 77, 0),
        ],
    };
    let blocks = Frame::Blocks { reference: Some("bs"), ids: vec![CAROL, AccountId(8)] };
    vec![("conversations", conversations), ("group-show", show), ("blocks", blocks)]
}
