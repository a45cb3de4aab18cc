//! What those do not get who have declined a request, or blocked an admin; each case is a test of its own on each engine.

use sql::{
    Batch, Block, ContactStatus, EventBody, GroupAction, Operation, Outcome, Store, Submission,
};
use wire::{MessageId, Peer, Seq};

use crate::revise::{edit, react};
use crate::strangers::{accept, decline, listed, meet, people, texts, tries};
use crate::{NOW, act, act_at, commit, events, group, post, post_to, say};

cases! {
    REQUEST:
    what_is_edited_after_a_decline,
    several_messages_after_a_decline,
    a_rename_by_who_is_blocked,
    when_who_has_blocked_was_here,
}

fn what_is_edited_after_a_decline(store: &Store) {
    let [alice, bob] = people(store);
    let id = say(store, alice, bob, "hello", "1").id;
    act(store, bob, decline(alice));
    let heard = events(store, bob, Seq(0));
    assert_eq!(act(store, alice, edit(id, "new words")), Outcome::Done);
    assert_eq!(act(store, alice, react(id, Some("👍"))), Outcome::Done);
    let reactions = || store.reactions(bob, [id].into_iter()).unwrap().len();
    assert_eq!((texts(store, bob, alice), reactions()), (vec!["hello".to_owned()], 0));
    assert_eq!(texts(store, alice, bob), ["new words"]);
    // Nor does it come later, before it is changed again.
    act(store, bob, accept(alice));
    assert_eq!(events(store, bob, Seq(0)).len(), heard.len() + 1, "only his accepting");
    assert_eq!((texts(store, bob, alice), reactions()), (vec!["hello".to_owned()], 0));
    act(store, alice, edit(id, "newer words"));
    act(store, alice, react(id, Some("🦜")));
    assert_eq!((texts(store, bob, alice), reactions()), (vec!["newer words".to_owned()], 1));
    // A deletion holds at once, as where somebody is blocked.
    let [alice, bob] = people(store);
    let id = say(store, alice, bob, "hello", "1").id;
    act(store, bob, decline(alice));
    act(store, alice, Operation::Delete { id });
    assert_eq!(texts(store, bob, alice), [""]);
}

fn several_messages_after_a_decline(store: &Store) {
    let [alice, bob] = people(store);
    let seen = say(store, alice, bob, "hello", "1").id;
    act(store, bob, decline(alice));
    for _ in 0..2 {
        assert_eq!(tries(store, alice, bob), Outcome::Done);
    }
    let submissions = vec![post(alice, bob, "x", None), post(alice, bob, "y", None)];
    assert_eq!(commit(store, submissions).outcomes, vec![Outcome::Done; 2]);
    act(store, bob, accept(alice));
    let line = listed(store, bob, alice).unwrap();
    assert_eq!((line.activity, line.last.map(|last| last.id)), (seen, Some(seen)));
    assert_eq!(texts(store, bob, alice), ["hello"]);
}

fn a_rename_by_who_is_blocked(store: &Store) {
    let [alice, bob, carol] = people(store);
    meet(store, bob, alice);
    meet(store, bob, carol);
    let trip = group(store, &[bob, alice, carol]);
    let line = || {
        let all = store.conversations(alice, MessageId(i64::MAX), 9).unwrap();
        let line = all.into_iter().find(|it| it.with == Peer::Group(trip)).unwrap();
        (line.name, line.activity)
    };
    let (name, activity) = line();
    assert_eq!(name.as_deref(), Some("Trip"));
    act(store, alice, Operation::Block { id: bob });
    let (hers, carols) = (events(store, alice, Seq(0)), events(store, carol, Seq(0)).len());
    let rename = |name: &str| Operation::ChangeGroup {
        group: trip,
        action: GroupAction::Rename(name.to_owned()),
    };
    // Before a message of his and after it: all of it is one run.
    for name in ["Rome", "Read this, Alice"] {
        assert_eq!(act(store, bob, rename(name)), Outcome::Done);
        act(store, bob, post_to(trip, "hidden"));
        assert_eq!(line(), (Some(name.to_owned()), activity), "the name holds");
    }
    assert_eq!(events(store, alice, Seq(0)), hers);
    assert_eq!(events(store, carol, Seq(0)).len(), carols + 4);
    // What else he changes is the group's.
    act(store, bob, Operation::ChangeGroup { group: trip, action: GroupAction::Promote(carol) });
    assert!(matches!(events(store, alice, Seq(0)).pop(), Some(EventBody::Entry(_))));
    act(store, carol, rename("Trip"));
    assert_eq!(events(store, alice, Seq(0)).len(), hers.len() + 2, "who is not blocked is heard");
}

fn when_who_has_blocked_was_here(store: &Store) {
    let [alice, bob, carol] = people(store);
    for (one, other) in [(bob, alice), (bob, carol), (alice, carol)] {
        meet(store, one, other);
    }
    let trip = group(store, &[bob, alice, carol]);
    let without_bob = group(store, &[alice, carol]);
    act(store, bob, Operation::ChangeGroup { group: trip, action: GroupAction::Promote(alice) });
    let hers = say(store, alice, bob, "hello", "h1").id;
    let in_trip = {
        act(store, alice, post_to(trip, "in the group"));
        store.history(alice, Peer::Group(trip), MessageId(i64::MAX), 1).unwrap().unwrap()[0].id
    };
    let seen = |who, other| store.contact_statuses(who, &[other]).unwrap().remove(&other);
    let at = |millis| Some(ContactStatus::Blocked(Some(NOW + millis)));
    let block = Submission { by: alice, reference: None, operation: Operation::Block { id: bob } };
    let batch = Batch { submissions: vec![block], ..Batch::default() };
    let news = store.commit(&batch, NOW + 10).unwrap().events;
    assert_eq!(
        news[0].body,
        EventBody::Block { id: bob, at: Some(NOW + 10) },
        "as it is looked up"
    );
    assert_eq!(seen(bob, alice), at(10), "as if she had left then");
    assert_eq!(
        store.blocks_among(&[(alice, bob), (bob, alice), (carol, bob)]).unwrap(),
        [Block { by: alice, blocked: bob, last_seen: NOW + 10 }]
    );
    assert_eq!(seen(alice, bob), Some(ContactStatus::Blocked(None)));

    // What does not reach him does not show.
    act_at(store, carol, post_to(trip, "not hers"), NOW + 15);
    act_at(store, alice, post_to(without_bob, "not for him"), NOW + 16);
    act_at(store, alice, Operation::Received { seq: Seq(i64::MAX) }, NOW + 17);
    act_at(store, alice, post(alice, carol, "hi", None).operation, NOW + 18);
    let rename = |name: &str| GroupAction::Rename(name.to_owned());
    act_at(
        store,
        alice,
        Operation::ChangeGroup { group: without_bob, action: rename("Rome") },
        NOW + 19,
    );
    assert_eq!(seen(bob, alice), at(10));

    // What he hears of her she cannot have said and done while away.
    let reached = [
        post_to(trip, "hers"),
        post(alice, bob, "hi", None).operation,
        edit(hers, "edited"),
        edit(in_trip, "edited"),
        react(in_trip, Some("👍")),
        react(in_trip, None),
        Operation::ChangeGroup { group: trip, action: rename("Oslo") },
        Operation::Delete { id: in_trip },
        Operation::SetRetention { with: Peer::Group(trip), days: Some(7) },
        Operation::SetRetention { with: Peer::Account(bob), days: Some(7) },
        Operation::ChangeGroup { group: trip, action: GroupAction::Remove(bob) },
    ];
    for (operation, millis) in reached.into_iter().zip(20..) {
        let head = events(store, bob, Seq(0)).len();
        assert_eq!(
            act_at(store, alice, operation.clone(), NOW + millis),
            Outcome::Done,
            "{operation:?}"
        );
        assert_eq!(events(store, bob, Seq(0)).len(), head + 1, "{operation:?}");
        assert_eq!(seen(bob, alice), at(millis), "{operation:?}");
    }

    // Who has left a group hears no more of it; who is invited to one hears that.
    act_at(store, alice, post_to(trip, "he is gone"), NOW + 40);
    assert_eq!(seen(bob, alice), at(30));
    act_at(
        store,
        alice,
        Operation::ChangeGroup { group: without_bob, action: GroupAction::Add(bob) },
        NOW + 50,
    );
    assert_eq!(seen(bob, alice), at(50));
    // A slower clock takes nothing back.
    act_at(store, alice, post(alice, bob, "hi", None).operation, NOW + 45);
    assert_eq!(seen(bob, alice), at(50));

    // Who has blocked somebody does not look at it either, and is seen as it is afterwards.
    act(store, bob, Operation::Block { id: alice });
    assert_eq!(seen(bob, alice), Some(ContactStatus::Blocked(None)));
    act(store, bob, Operation::Unblock { id: alice });
    assert_eq!(seen(bob, alice), at(50));
    act(store, alice, Operation::Unblock { id: bob });
    assert_eq!(seen(bob, alice), Some(ContactStatus::Known(None)));
    assert_eq!(store.blocks_among(&[(alice, bob)]).unwrap(), []);
    let batch =
        Batch { disconnections: vec![(alice, NOW + 60), (alice, NOW + 59)], ..Batch::default() };
    store.commit(&batch, NOW + 61).unwrap();
    assert_eq!(seen(bob, alice), Some(ContactStatus::Known(Some(NOW + 60))));
}
