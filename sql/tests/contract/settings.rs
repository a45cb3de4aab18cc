//! What an account sets for a conversation, for its own devices alone.

use sql::{
    ConversationSettings, EventBody, Operation, Outcome, Receipt, SettingsChange, Store, Submission,
};
use wire::{AccountId, Code, MessageId, Peer, Seq};

use crate::own::{clear, line, set, texts, unread};
use crate::{NOW, account, act, code, commit, events, group, post, say};

cases! {
    OPEN:
    what_is_set_is_ones_own,
    nothing_is_set_where_nothing_was_said,
    reading_takes_the_mark_away,
    settings_go_with_the_account,
}

fn what_is_set_is_ones_own(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    say(store, alice, bob, "hello", "1");
    let with = Peer::Account(bob);
    let change = SettingsChange {
        muted_until: Some(Some(NOW + 1)),
        pinned: Some(true),
        ..SettingsChange::default()
    };
    let committed = commit(
        store,
        vec![Submission { by: alice, reference: None, operation: set(with, change) }],
    );
    assert_eq!(committed.outcomes, [Outcome::Done]);
    let settings = ConversationSettings {
        muted_until: Some(NOW + 1),
        pinned: true,
        ..ConversationSettings::default()
    };
    let body = EventBody::ConversationSet { with, settings };
    assert_eq!(committed.events[0].body, body);
    assert_eq!(committed.events[0].to, [(alice, Seq(2))]);
    assert_eq!(events(store, alice, Seq(1)), [body]);
    assert_eq!(act(store, alice, set(with, change)), Outcome::Unchanged);
    assert_eq!(line(store, alice, with).unwrap().settings, settings);
    assert_eq!(line(store, bob, Peer::Account(alice)).unwrap().settings, Default::default());
    assert_eq!(events(store, bob, Seq(1)), []);

    // One by one; what is not named stays. The log shows what is set now.
    let change = SettingsChange { muted_until: Some(None), ..SettingsChange::default() };
    assert_eq!(act(store, alice, set(with, change)), Outcome::Done);
    let change = SettingsChange { archived: Some(true), ..SettingsChange::default() };
    assert_eq!(act(store, alice, set(with, change)), Outcome::Done);
    let settings = ConversationSettings { muted_until: None, archived: true, ..settings };
    assert_eq!(line(store, alice, with).unwrap().settings, settings);
    let body = EventBody::ConversationSet { with, settings };
    assert_eq!(events(store, alice, Seq(1)), vec![body; 3]);

    let trip = group(store, &[alice, bob]);
    let with = Peer::Group(trip);
    assert_eq!(act(store, bob, unread(with)), Outcome::Done);
    assert!(line(store, bob, with).unwrap().settings.marked_unread);
    assert!(!line(store, alice, with).unwrap().settings.marked_unread);
    let last = events(store, bob, Seq(0)).pop().unwrap();
    assert!(matches!(last, EventBody::ConversationSet { with: of, .. } if of == with), "{last:?}");
}

fn nothing_is_set_where_nothing_was_said(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[bob, carol]);
    act(store, alice, Operation::Block { id: carol });
    act(store, carol, post(carol, alice, "withheld", None).operation);
    let places = [
        Peer::Account(bob),
        Peer::Account(carol),
        Peer::Account(AccountId(1_000_000)),
        Peer::Account(alice),
        Peer::Group(trip),
        Peer::Group(wire::GroupId(1_000_000)),
    ];
    for with in places {
        for operation in [unread(with), clear(with)] {
            assert_eq!(code(&act(store, alice, operation)), Some(Code::NotFound), "{with:?}");
        }
    }
    // Notes to oneself, and a group that one has left, are conversations.
    say(store, alice, alice, "a note", "1");
    assert_eq!(act(store, alice, unread(Peer::Account(alice))), Outcome::Done);
    let leave = Operation::ChangeGroup { group: trip, action: sql::GroupAction::Leave };
    act(store, carol, leave);
    assert_eq!(act(store, carol, unread(Peer::Group(trip))), Outcome::Done);
}

fn reading_takes_the_mark_away(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, bob, alice, "hello", "1").id;
    let with = Peer::Account(bob);
    let marked = || line(store, alice, with).unwrap().settings.marked_unread;
    assert_eq!(act(store, alice, Operation::Read { id }), Outcome::Done);
    let receipts = events(store, bob, Seq(0)).len();
    assert_eq!(act(store, alice, Operation::Read { id }), Outcome::Unchanged);
    assert_eq!(act(store, alice, unread(with)), Outcome::Done);
    assert!(marked());
    // Though she has read it before, her other devices hear of it, and Bob does not.
    assert_eq!(act(store, alice, Operation::Read { id }), Outcome::Done);
    assert!(!marked());
    let read = EventBody::Read(Receipt { id, by: alice, all: false });
    assert_eq!(events(store, alice, Seq(0)).pop(), Some(read));
    assert_eq!(events(store, bob, Seq(0)).len(), receipts);
    assert_eq!(line(store, alice, with).unwrap().read, id);
}

fn settings_go_with_the_account(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "hello", "1").id;
    let with = Peer::Account(bob);
    act(store, alice, unread(with));
    act(store, alice, Operation::Hide { id });
    act(store, alice, clear(with));
    assert!(store.delete_account(alice, NOW).unwrap());
    store.erase_deleted_accounts_rows().unwrap();
    let kept = store.exported_conversations(alice, 0, 9).unwrap().remove(0);
    assert_eq!((kept.settings, kept.cleared), (ConversationSettings::default(), MessageId(0)));
    assert_eq!(texts(store, bob, Peer::Account(alice)), ["hello"]);
}
