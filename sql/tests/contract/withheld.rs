//! What those do not get who have declined a request, or blocked an admin; each case is a test of its own on each engine.

use sql::{Alteration, Deed, Outcome, Store, What};
use wire::{MessageId, Seq, With};

use crate::revise::{edit, react};
use crate::strangers::{accept, decline, listed, meet, people, texts, tries};
use crate::{act, commit, events, group, post, post_to, say};

pub fn what_is_edited_after_a_decline(store: &Store) {
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
    act(store, alice, Deed::Delete { id });
    assert_eq!(texts(store, bob, alice), [""]);
}

pub fn several_messages_after_a_decline(store: &Store) {
    let [alice, bob] = people(store);
    let seen = say(store, alice, bob, "hello", "1").id;
    act(store, bob, decline(alice));
    for _ in 0..2 {
        assert_eq!(tries(store, alice, bob), Outcome::Done);
    }
    let acts = vec![post(alice, bob, "x", None), post(alice, bob, "y", None)];
    assert_eq!(commit(store, acts).outcomes, vec![Outcome::Done; 2]);
    act(store, bob, accept(alice));
    let line = listed(store, bob, alice).unwrap();
    assert_eq!((line.activity, line.last.map(|last| last.id)), (seen, Some(seen)));
    assert_eq!(texts(store, bob, alice), ["hello"]);
}

pub fn a_rename_by_who_is_blocked(store: &Store) {
    let [alice, bob, carol] = people(store);
    meet(store, bob, alice);
    meet(store, bob, carol);
    let trip = group(store, &[bob, alice, carol]);
    let line = || {
        let all = store.conversations(alice, MessageId(i64::MAX), 9).unwrap();
        let line = all.into_iter().find(|it| it.with == With::Group(trip)).unwrap();
        (line.name, line.activity)
    };
    let (name, activity) = line();
    assert_eq!(name.as_deref(), Some("Trip"));
    act(store, alice, Deed::Block { id: bob });
    let (hers, carols) = (events(store, alice, Seq(0)), events(store, carol, Seq(0)).len());
    let rename =
        |name: &str| Deed::Change { group: trip, how: Alteration::Rename(name.to_owned()) };
    // Before a message of his and after it: all of it is one run.
    for name in ["Rome", "Read this, Alice"] {
        assert_eq!(act(store, bob, rename(name)), Outcome::Done);
        act(store, bob, post_to(trip, "hidden"));
        assert_eq!(line(), (Some(name.to_owned()), activity), "the name holds");
    }
    assert_eq!(events(store, alice, Seq(0)), hers);
    assert_eq!(events(store, carol, Seq(0)).len(), carols + 4);
    // What else he changes is the group's.
    act(store, bob, Deed::Change { group: trip, how: Alteration::Promote(carol) });
    assert!(matches!(events(store, alice, Seq(0)).pop(), Some(What::Entry(_))));
    act(store, carol, rename("Trip"));
    assert_eq!(events(store, alice, Seq(0)).len(), hers.len() + 2, "who is not blocked is heard");
}
