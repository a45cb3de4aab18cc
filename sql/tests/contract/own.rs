//! What an account clears and deletes for its own devices alone.

use sql::{
    Batch, Conversation, Entry, EventBody, Operation, Outcome, Receipt, SettingsChange, Store,
    Submission,
};
use wire::{AccountId, Code, MessageId, Peer, Seq};

use crate::{NOW, account, act, code, commit, events, group, post, post_to, say};

const END: MessageId = MessageId(i64::MAX);

cases! {
    OPEN:
    what_is_cleared_is_out_of_sight,
    a_cleared_group_stays_until_it_is_left,
    what_comes_after_a_clearing_is_seen,
    any_message_is_deleted_for_oneself_at_any_time,
    nobody_deletes_for_itself_what_it_cannot_see,
    what_is_hidden_is_received_and_read_all_the_same,
    what_is_done_to_a_hidden_message_is_not_told,
    a_batch_sees_what_it_has_hidden,
    many_hidden_messages_are_passed,
    what_is_hidden_is_exported_and_says_so,
}

pub fn set(with: Peer, change: SettingsChange) -> Operation {
    Operation::SetConversation { with, change }
}

pub fn unread(with: Peer) -> Operation {
    set(with, SettingsChange { marked_unread: Some(true), ..SettingsChange::default() })
}

pub fn clear(with: Peer) -> Operation {
    Operation::ClearConversation { with }
}

pub fn line(store: &Store, who: AccountId, with: Peer) -> Option<Conversation> {
    let all = store.conversations(who, END, 99).unwrap();
    all.into_iter().find(|it| it.with == with)
}

pub fn texts(store: &Store, who: AccountId, with: Peer) -> Vec<String> {
    let newest_first = store.history(who, with, END, 99).unwrap().unwrap();
    newest_first.into_iter().rev().map(|message| message.content).collect()
}

fn found(store: &Store, who: AccountId, text: &str) -> usize {
    store.search(who, text, END, 99).unwrap().len()
}

fn exported(store: &Store, who: AccountId) -> Vec<(MessageId, bool)> {
    let all = store.exported_conversations(who, 0, 99).unwrap();
    let entries = all.iter().flat_map(|it| {
        store.exported_entries(who, it.number, MessageId(0), 99).unwrap().into_iter()
    });
    entries.map(|it| (it.id, it.is_hidden)).collect()
}

fn what_is_cleared_is_out_of_sight(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let with = Peer::Account(bob);
    let ids = ["zebra one", "zebra two"].map(|text| say(store, bob, alice, text, text).id);
    assert_eq!(act(store, alice, clear(with)), Outcome::Done);
    assert_eq!(events(store, alice, Seq(2)), [EventBody::ConversationCleared { with }]);
    assert_eq!(act(store, alice, clear(with)), Outcome::Unchanged);
    assert_eq!(line(store, alice, with), None);
    assert!(texts(store, alice, with).is_empty());
    let after = store.history_after(alice, with, MessageId(0), 9).unwrap().unwrap();
    assert!(after.is_empty());
    assert_eq!(found(store, alice, "zebra"), 0);
    // Nor does a device read it that comes late.
    assert_eq!(events(store, alice, Seq(0))[..2], [EventBody::Expired, EventBody::Expired]);
    for operation in [
        Operation::Read { id: ids[0] },
        Operation::React { id: ids[0], emoji: Some("👍".to_owned()) },
        Operation::Hide { id: ids[0] },
    ] {
        assert_eq!(code(&act(store, alice, operation)), Some(Code::NotFound));
    }
    let with_alice = Peer::Account(alice);
    assert_eq!(texts(store, bob, with_alice), ["zebra one", "zebra two"]);
    assert_eq!((found(store, bob, "zebra"), events(store, bob, Seq(0)).len()), (2, 2));
}

fn a_cleared_group_stays_until_it_is_left(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob]);
    let with = Peer::Group(trip);
    act(store, alice, post_to(trip, "hello"));
    assert_eq!(act(store, bob, clear(with)), Outcome::Done);
    let listed = line(store, bob, with).unwrap();
    assert_eq!((listed.last, listed.unread), (None, 0));
    let log = events(store, bob, Seq(0));
    assert!(matches!(log[0], EventBody::Entry(Entry::Change(_))), "that he is in it: {log:?}");
    assert_eq!(log[1], EventBody::Expired);
    act(store, bob, Operation::ChangeGroup { group: trip, action: sql::GroupAction::Leave });
    assert!(line(store, bob, with).is_some(), "that he has left came after it");
    assert_eq!(act(store, bob, clear(with)), Outcome::Done);
    assert_eq!(line(store, bob, with), None);
    assert_eq!(line(store, alice, with).unwrap().last.unwrap().content, "hello");
}

fn what_comes_after_a_clearing_is_seen(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let with = Peer::Account(bob);
    say(store, bob, alice, "zebra", "1");
    act(store, alice, set(with, SettingsChange { pinned: Some(true), ..Default::default() }));
    act(store, alice, clear(with));
    let id = say(store, bob, alice, "another zebra", "2").id;
    let listed = line(store, alice, with).unwrap();
    assert_eq!((listed.unread, listed.activity, listed.settings.pinned), (1, id, true));
    assert_eq!(texts(store, alice, with), ["another zebra"]);
    assert_eq!(found(store, alice, "zebra"), 1);
    let last = events(store, alice, Seq(0)).pop().unwrap();
    assert!(matches!(last, EventBody::Entry(Entry::Message(it)) if it.id == id));
    assert_eq!(act(store, alice, Operation::Read { id }), Outcome::Done);
    assert_eq!(act(store, alice, clear(with)), Outcome::Done);
    assert!(texts(store, alice, with).is_empty());
}

fn any_message_is_deleted_for_oneself_at_any_time(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let with = Peer::Account(bob);
    let ids = ["zebra 1", "zebra 2", "zebra 3"].map(|text| say(store, bob, alice, text, text).id);
    let late = |operation| crate::act_at(store, alice, operation, NOW + 99 * crate::HOUR);
    assert_eq!(late(Operation::Hide { id: ids[2] }), Outcome::Done);
    assert_eq!(late(Operation::Hide { id: ids[2] }), Outcome::Unchanged, "as often as one likes");
    let log = events(store, alice, Seq(0));
    assert_eq!(log[2..], [EventBody::Expired, EventBody::Hide { id: ids[2] }]);
    let listed = line(store, alice, with).unwrap();
    assert_eq!((listed.unread, listed.activity), (2, ids[1]));
    assert_eq!(listed.last.unwrap().content, "zebra 2");
    assert_eq!(texts(store, alice, with), ["zebra 1", "zebra 2"]);
    assert_eq!(found(store, alice, "zebra"), 2);
    assert_eq!(texts(store, bob, Peer::Account(alice)).len(), 3);
    assert_eq!(events(store, bob, Seq(0)).len(), 3);
    // One's own, and what is deleted for all.
    let own = say(store, alice, bob, "mine", "1").id;
    act(store, alice, Operation::Delete { id: own });
    for id in [own, ids[0], ids[1]] {
        assert_eq!(late(Operation::Hide { id }), Outcome::Done);
    }
    assert_eq!(line(store, alice, with), None);
    assert!(texts(store, alice, with).is_empty());
}

fn nobody_deletes_for_itself_what_it_cannot_see(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let id = say(store, alice, bob, "hello", "1").id;
    let hide = |who, id| code(&act(store, who, Operation::Hide { id }));
    assert_eq!(hide(carol, id), Some(Code::NotFound));
    assert_eq!(hide(carol, MessageId(1_000_000)), Some(Code::NotFound));
    let trip = group(store, &[alice, bob]);
    act(store, alice, post_to(trip, "before Carol"));
    let newest = || store.history(alice, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    let before = newest();
    act(store, alice, Operation::ChangeGroup { group: trip, action: sql::GroupAction::Add(carol) });
    assert_eq!(hide(carol, before), Some(Code::NotFound));
    act(store, alice, post_to(trip, "for Carol"));
    let during = newest();
    act(store, carol, Operation::Block { id: bob });
    act(store, bob, post_to(trip, "withheld"));
    assert_eq!(hide(carol, newest()), Some(Code::NotFound));
    act(
        store,
        alice,
        Operation::ChangeGroup { group: trip, action: sql::GroupAction::Remove(carol) },
    );
    act(store, alice, post_to(trip, "after Carol"));
    assert_eq!(hide(carol, newest()), Some(Code::NotFound));
    assert_eq!(hide(carol, during), None, "what it had seen");
    // The number of the entry that made the group.
    assert_eq!(hide(alice, MessageId(before.0 - 1)), Some(Code::NotFound));
}

/// The sender cannot tell.
fn what_is_hidden_is_received_and_read_all_the_same(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob, carol]);
    act(store, alice, post_to(trip, "1"));
    act(store, alice, post_to(trip, "2"));
    let page = store.history(alice, Peer::Group(trip), END, 2).unwrap().unwrap();
    let (hidden, last) = (page[1].id, page[0].id);
    for who in [bob, carol] {
        act(store, who, Operation::Hide { id: hidden });
    }
    act(store, bob, Operation::Hide { id: last });
    for who in [bob, carol] {
        act(store, who, Operation::Received { seq: Seq(i64::MAX) });
    }
    let log = events(store, alice, Seq(0));
    let receipt = |by, all| EventBody::Delivered(Receipt { id: last, by, all });
    assert_eq!(log[3..], [receipt(bob, false), receipt(carol, true)]);
    assert_eq!(act(store, carol, Operation::Read { id: last }), Outcome::Done);
    let read = EventBody::Read(Receipt { id: last, by: carol, all: false });
    assert_eq!(events(store, alice, Seq(0)).pop(), Some(read));
}

fn what_is_done_to_a_hidden_message_is_not_told(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let [hidden, cleared] = ["1", "2"].map(|text| say(store, alice, bob, text, text).id);
    act(store, bob, Operation::Hide { id: hidden });
    let heard = events(store, bob, Seq(0)).len();
    let react = |id| Operation::React { id, emoji: Some("👍".to_owned()) };
    let edit = |id| Operation::Edit { id, content: "new".to_owned() };
    for operation in [edit(hidden), react(hidden), Operation::Delete { id: hidden }] {
        assert_eq!(act(store, alice, operation), Outcome::Done);
    }
    act(store, bob, clear(Peer::Account(alice)));
    for operation in [edit(cleared), react(cleared)] {
        assert_eq!(act(store, alice, operation), Outcome::Done);
    }
    assert_eq!(events(store, bob, Seq(0)).len(), heard + 1, "only his clearing");
    // Her own text, hidden from herself, is not hers to change any more.
    act(store, alice, Operation::Hide { id: cleared });
    assert_eq!(code(&act(store, alice, edit(cleared))), Some(Code::NotFound));
}

fn a_batch_sees_what_it_has_hidden(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let [one, two] = ["1", "2"].map(|text| say(store, alice, bob, text, text).id);
    let edit = |id| Operation::Edit { id, content: "new".to_owned() };
    let operations = [
        Operation::Hide { id: one },
        edit(one),
        edit(two),
        clear(Peer::Account(bob)),
        edit(two),
        Operation::Hide { id: two },
    ];
    let submissions = operations.into_iter().map(|operation| Submission {
        by: alice,
        reference: Some("r".to_owned()),
        operation,
    });
    let batch = Batch { submissions: submissions.collect(), ..Batch::default() };
    let outcomes = store.commit(&batch, NOW).unwrap().outcomes;
    let codes: Vec<_> = outcomes.iter().map(code).collect();
    let not_found = Some(Code::NotFound);
    assert_eq!(codes, [None, not_found, None, None, not_found, not_found]);
    assert_eq!(texts(store, bob, Peer::Account(alice)), ["1", "new"]);
}

/// From either end, however they were hidden, and beside what a block withholds.
fn many_hidden_messages_are_passed(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob, carol]);
    let with = Peer::Group(trip);
    let post = |by, text: &str| Submission { by, reference: None, operation: post_to(trip, text) };
    let several = |by, text: &str| commit(store, (0..20).map(|_| post(by, text)).collect());
    commit(store, vec![post(bob, "first")]);
    several(bob, "hidden");
    act(store, alice, Operation::Block { id: carol });
    several(carol, "withheld");
    several(bob, "hidden");
    commit(store, vec![post(bob, "last")]);
    let seen = store.history(alice, with, END, 99).unwrap().unwrap();
    let hidden: Vec<_> = seen.iter().filter(|it| it.content == "hidden").map(|it| it.id).collect();
    assert_eq!(hidden.len(), 40);
    let (even, odd): (Vec<MessageId>, Vec<_>) = hidden.into_iter().partition(|id| id.0 % 2 == 0);
    for id in even.into_iter().chain(odd) {
        assert_eq!(act(store, alice, Operation::Hide { id }), Outcome::Done);
    }
    assert_eq!(texts(store, alice, with), ["first", "last"]);
    let after = store.history_after(alice, with, MessageId(0), 1).unwrap().unwrap();
    assert_eq!(after[0].content, "first");
    let before = store.history(alice, with, seen[0].id, 1).unwrap().unwrap();
    assert_eq!(before[0].content, "first");
    let listed = line(store, alice, with).unwrap();
    assert_eq!((listed.unread, listed.last.unwrap().content), (2, "last".to_owned()));
    act(store, alice, Operation::Hide { id: seen[0].id });
    let listed = line(store, alice, with).unwrap();
    assert_eq!((listed.unread, listed.last.unwrap().content), (1, "first".to_owned()));
}

fn what_is_hidden_is_exported_and_says_so(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let with = Peer::Account(bob);
    let [one, two] = ["1", "2"].map(|text| say(store, alice, bob, text, text).id);
    act(store, alice, Operation::Hide { id: one });
    assert_eq!(exported(store, alice), [(one, true), (two, false)]);
    act(store, alice, Operation::Hide { id: two });
    assert_eq!(exported(store, alice), [(one, true), (two, true)]);
    let three = say(store, bob, alice, "3", "3").id;
    act(store, alice, clear(with));
    let of_alice = store.exported_conversations(alice, 0, 9).unwrap().remove(0);
    assert_eq!(of_alice.cleared, three);
    assert_eq!(exported(store, alice), [(one, true), (two, true), (three, true)]);
    assert_eq!(exported(store, bob), [(one, false), (two, false), (three, false)]);
    let log = store.exported_events(alice, Seq(0), 99).unwrap();
    let last = log.last().unwrap();
    assert_eq!((last.kind, last.other, last.with), ("conversation.clear", None, Some(with)));
    // What a block withholds is not the account's.
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, post(bob, alice, "withheld", None).operation);
    assert_eq!(exported(store, alice).len(), 3);
}
