//! Who hides what it has read, or when it was last connected, does not see that of others either.

use sql::{
    Batch, EventBody, Member, Operation, Outcome, Privacy, PrivacyChange, Receipt, Revoked, Store,
};
use wire::{AccountId, GroupId, MessageId, Peer, Seq};

use crate::own::{line, unread};
use crate::sessions::{open, revoked_since};
use crate::{HOUR, NOW, account, act, events, group, post_to, say};

cases! {
    OPEN, const ALL:
    an_account_shows_everything_unless_it_says_otherwise,
    who_hides_what_it_has_read_tells_nobody_and_is_told_nothing,
    what_was_read_while_it_was_hidden_is_shown_by_the_next_message_alone,
    in_a_group_everybody_else_is_told_and_nobody_that_all_have_read,
    a_block_keeps_what_was_shown,
    whoever_comes_back_to_a_group_begins_anew,
    chat_servers_hear_of_who_hides_its_last_seen,
}

cases! {
    REQUEST:
    an_accepted_request_tells_nothing_that_is_hidden,
}

fn show_read(store: &Store, who: AccountId, shows: bool) {
    let change = PrivacyChange { read_receipts: Some(shows), ..PrivacyChange::default() };
    assert!(store.set_privacy(who, change, NOW).unwrap());
}

fn show_last_seen(store: &Store, who: AccountId, shows: bool) {
    let change = PrivacyChange { last_seen: Some(shows), ..PrivacyChange::default() };
    assert!(store.set_privacy(who, change, NOW).unwrap());
}

fn read(store: &Store, who: AccountId, id: MessageId) -> Outcome {
    act(store, who, Operation::Read { id })
}

/// Of which messages an account was told that others have read them.
fn told(store: &Store, who: AccountId) -> Vec<(MessageId, AccountId, bool)> {
    let read = |body| match body {
        EventBody::Read(Receipt { id, by, all }) if by != who => Some((id, by, all)),
        _ => None,
    };
    events(store, who, Seq(0)).into_iter().filter_map(read).collect()
}

/// Up to which message of a conversation of two the other one has received and read, for `who`.
fn progress(store: &Store, who: AccountId, other: AccountId) -> (MessageId, MessageId) {
    line(store, who, Peer::Account(other)).unwrap().other.unwrap()
}

fn an_account_shows_everything_unless_it_says_otherwise(store: &Store) {
    let alice = account(store, "Alice");
    let privacy = || store.log_state(alice).unwrap().unwrap().privacy;
    assert_eq!(privacy(), Privacy { last_seen: true, read_receipts: true });
    show_read(store, alice, false);
    assert_eq!(privacy(), Privacy { last_seen: true, read_receipts: false });
    show_last_seen(store, alice, false);
    assert_eq!(privacy(), Privacy { last_seen: false, read_receipts: false });
    let both = PrivacyChange { last_seen: Some(true), read_receipts: Some(true) };
    assert!(store.set_privacy(alice, both, NOW).unwrap());
    assert_eq!(privacy(), Privacy::default());
    assert!(store.set_privacy(alice, PrivacyChange::default(), NOW).unwrap());
    assert_eq!(privacy(), Privacy::default());
    store.delete_account(alice, NOW).unwrap();
    assert!(!store.set_privacy(alice, both, NOW).unwrap());
}

fn who_hides_what_it_has_read_tells_nobody_and_is_told_nothing(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let first = say(store, alice, bob, "1", "1").id;
    read(store, bob, first);
    show_read(store, bob, false);
    let second = say(store, alice, bob, "2", "2").id;
    assert_eq!(act(store, bob, Operation::Received { seq: Seq(99) }), Outcome::Unchanged);
    assert_eq!(read(store, bob, second), Outcome::Done, "his own devices are told");
    assert_eq!(line(store, bob, Peer::Account(alice)).unwrap().read, second);
    assert_eq!(line(store, bob, Peer::Account(alice)).unwrap().unread, 0);
    assert_eq!(told(store, alice), [(first, bob, false)]);
    assert_eq!(progress(store, alice, bob), (second, first), "delivered all the same");
    let reply = say(store, bob, alice, "3", "3").id;
    act(store, alice, Operation::Received { seq: Seq(99) });
    assert_eq!(read(store, alice, reply), Outcome::Done);
    assert_eq!(told(store, bob), []);
    assert_eq!(progress(store, bob, alice), (reply, MessageId(0)));
    // Between two others nothing changes.
    let carol = account(store, "Carol");
    let other = say(store, alice, carol, "x", "x").id;
    read(store, carol, other);
    assert_eq!(told(store, alice).last(), Some(&(other, carol, false)));
}

fn what_was_read_while_it_was_hidden_is_shown_by_the_next_message_alone(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let ids = ["1", "2"].map(|text| say(store, alice, bob, text, text).id);
    show_read(store, bob, false);
    for id in ids {
        read(store, bob, id);
    }
    assert_eq!(read(store, bob, ids[1]), Outcome::Unchanged);
    show_read(store, bob, true);
    assert_eq!((told(store, alice), progress(store, alice, bob).1), (vec![], MessageId(0)));
    // Nor by reading again what he has marked as unread.
    act(store, bob, unread(Peer::Account(alice)));
    assert_eq!(read(store, bob, ids[0]), Outcome::Done);
    assert_eq!(progress(store, alice, bob).1, MessageId(0));
    let next = say(store, alice, bob, "3", "3").id;
    read(store, bob, next);
    assert_eq!(told(store, alice).last(), Some(&(next, bob, false)));
    assert_eq!(progress(store, alice, bob).1, next);
    // Who has hidden it sees from then on how far others have read.
    let reply = say(store, bob, alice, "4", "4").id;
    show_read(store, bob, false);
    read(store, alice, reply);
    assert_eq!(progress(store, bob, alice).1, MessageId(0));
    show_read(store, bob, true);
    assert_eq!((told(store, bob), progress(store, bob, alice).1), (vec![], reply));
}

fn members(store: &Store, who: AccountId, of: GroupId) -> Vec<(AccountId, MessageId)> {
    let all = store.group(who, of).unwrap().unwrap().members;
    all.into_iter().map(|Member { id, read, .. }| (id, read)).collect()
}

fn newest(store: &Store, who: AccountId, of: GroupId) -> MessageId {
    store.history(who, Peer::Group(of), MessageId(i64::MAX), 1).unwrap().unwrap()[0].id
}

fn in_a_group_everybody_else_is_told_and_nobody_that_all_have_read(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    let begun = members(store, alice, trip)[0].1;
    show_read(store, bob, false);
    act(store, alice, post_to(trip, "from Alice"));
    let id = newest(store, alice, trip);
    read(store, bob, id);
    read(store, carol, id);
    assert_eq!(told(store, alice), [(id, carol, false)], "that all have would tell of Bob");
    assert_eq!(members(store, alice, trip), [(alice, begun), (bob, begun), (carol, id)]);
    let none = MessageId(0);
    assert_eq!(members(store, bob, trip), [(alice, none), (bob, id), (carol, none)]);
    // What he says is read, and he is not told.
    act(store, bob, post_to(trip, "from Bob"));
    let his = newest(store, bob, trip);
    read(store, alice, his);
    assert_eq!(told(store, bob), []);
    // Once he shows it again, one receipt covers what he has read meanwhile.
    show_read(store, bob, true);
    read(store, carol, his);
    act(store, carol, post_to(trip, "from Carol"));
    let hers = newest(store, carol, trip);
    read(store, bob, hers);
    assert_eq!(told(store, alice).last(), Some(&(id, bob, true)));
    assert_eq!(told(store, carol).last(), Some(&(hers, bob, false)));
    assert_eq!(members(store, carol, trip)[1], (bob, hers));
}

fn a_block_keeps_what_was_shown(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let first = say(store, alice, bob, "1", "1").id;
    read(store, bob, first);
    show_read(store, bob, false);
    let second = say(store, alice, bob, "2", "2").id;
    read(store, bob, second);
    act(store, bob, Operation::Block { id: alice });
    show_read(store, bob, true);
    assert_eq!(progress(store, alice, bob).1, first);
    show_read(store, alice, false);
    assert_eq!(progress(store, alice, bob).1, MessageId(0));
}

fn whoever_comes_back_to_a_group_begins_anew(store: &Store) {
    let people = ["Alice", "Bob"].map(|name| account(store, name));
    let [alice, bob] = people;
    let trip = group(store, &people);
    show_read(store, bob, false);
    act(store, alice, post_to(trip, "1"));
    read(store, bob, newest(store, alice, trip));
    let change = |action| Operation::ChangeGroup { group: trip, action };
    act(store, bob, change(sql::GroupAction::Leave));
    show_read(store, bob, true);
    act(store, alice, change(sql::GroupAction::Add(bob)));
    assert_eq!(act(store, bob, Operation::JoinGroup { group: trip }), Outcome::Done);
    let joined = members(store, bob, trip)[1].1;
    assert_eq!(members(store, alice, trip)[1], (bob, joined), "he has read up to his joining");
}

fn an_accepted_request_tells_nothing_that_is_hidden(store: &Store) {
    for hiding in [0, 1] {
        let people = ["Alice", "Bob"].map(|name| account(store, name));
        let [alice, bob] = people;
        let id = say(store, alice, bob, "hello", "1").id;
        act(store, bob, Operation::Received { seq: Seq(99) });
        read(store, bob, id);
        show_read(store, people[hiding], false);
        assert_eq!(act(store, bob, Operation::Accept { id: alice }), Outcome::Done);
        assert_eq!(told(store, alice), []);
        let delivered = EventBody::Delivered(Receipt { id, by: bob, all: false });
        assert_eq!(events(store, alice, Seq(0)).pop(), Some(delivered));
    }
}

fn chat_servers_hear_of_who_hides_its_last_seen(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let batch = Batch { disconnections: vec![(alice, NOW + HOUR)], ..Batch::default() };
    store.commit(&batch, NOW).unwrap();
    let mark = store.newest_revocation().unwrap();
    let hiding = || store.hiding_last_seen(bob, [alice, bob]).unwrap();
    assert!(hiding().is_empty());
    show_last_seen(store, alice, false);
    show_last_seen(store, alice, false);
    assert_eq!(hiding(), [alice].into());
    show_read(store, alice, false);
    show_last_seen(store, bob, false);
    show_last_seen(store, alice, true);
    assert_eq!(hiding(), [bob].into());
    let revocations = store.revocations(mark).unwrap();
    let heard = revocations.iter().filter(|one| one.id > mark).map(|one| one.what);
    let change = |account, hides| Revoked::LastSeen { account, hides };
    let expected = [change(alice, true), change(bob, true), change(alice, false)];
    assert_eq!(heard.collect::<Vec<_>>(), expected, "once for each change");
    let session = open(store, alice, 1).unwrap();
    store.revoke(alice, session, NOW).unwrap();
    assert_eq!(revoked_since(store, mark), [session]);
}
