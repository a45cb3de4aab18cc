use std::time::Duration;

use sql::{Error, GroupAction, Operation, SEARCH_TIME_MAX, SEARCH_WORDS_MAX, Store, Submission};
use wire::limit::{UNREAD_LOOKED_AT_MAX, UNREAD_MAX};
use wire::{AccountId, GroupId, MessageId, Peer, Seq};

use crate::{HOUR, NOW, account, act, commit, group, post, post_to, say};

cases! {
    OPEN:
    history_comes_in_pages,
    history_goes_on_after_a_message,
    what_is_withheld_is_passed_on_the_way_to_newer_messages,
    conversations_are_listed_by_activity,
    unread_messages_are_counted_up_to_a_bound,
    what_is_deleted_is_not_unread,
    what_is_deleted_between_what_is_withheld_is_not_unread,
    unread_messages_are_looked_for_among_the_newest,
    unread_messages_are_looked_for_in_so_many_pieces,
    a_search_finds_only_ones_own,
    words_are_found_however_they_are_written,
    many_words_are_searched_for_at_once,
    what_came_before_and_after_ones_time_in_a_group_is_not_found,
    a_search_takes_no_longer_than_it_may,
    one_of_many_conversations_has_the_word,
}

const END: MessageId = MessageId(i64::MAX);

fn history_comes_in_pages(store: &Store) {
    let [alice, bob, stranger] = ["Alice", "Bob", "Stranger"].map(|name| account(store, name));
    commit(store, (1..=10).map(|n| post(alice, bob, &n.to_string(), None)).collect());
    let (mut read, mut before) = (Vec::new(), END);
    loop {
        let page = store.history(bob, Peer::Account(alice), before, 4).unwrap().unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        before = last.id;
        read.extend(page.into_iter().map(|message| message.content));
    }
    assert_eq!(read, (1..=10).rev().map(|n| n.to_string()).collect::<Vec<_>>());
    let none = |with| store.history(stranger, with, END, 4).unwrap();
    assert_eq!(none(Peer::Account(alice)), Some(Vec::new()));
    let trip = group(store, &[alice, bob]);
    assert_eq!(none(Peer::Group(trip)), None);
    assert_eq!(none(Peer::Group(GroupId(i64::MAX))), None);
}

fn history_goes_on_after_a_message(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    commit(store, (1..=10).map(|n| post(alice, bob, &n.to_string(), None)).collect());
    let (mut read, mut after) = (Vec::new(), MessageId(0));
    loop {
        let page = store.history_after(bob, Peer::Account(alice), after, 4).unwrap().unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = last.id;
        read.extend(page.into_iter().map(|message| message.content));
    }
    assert_eq!(read, (1..=10).map(|n| n.to_string()).collect::<Vec<_>>());
    let none = |with| store.history_after(carol, with, MessageId(0), 4).unwrap();
    assert_eq!(none(Peer::Account(alice)), Some(Vec::new()));
    let trip = group(store, &[alice, bob]);
    assert_eq!(none(Peer::Group(trip)), None);

    // A member sees what was said while it was one.
    let texts = |who| -> Vec<String> {
        let page = store.history_after(who, Peer::Group(trip), MessageId(0), 9).unwrap().unwrap();
        page.into_iter().map(|message| message.content).collect()
    };
    act(store, alice, post_to(trip, "before"));
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Add(carol) });
    act(store, alice, post_to(trip, "during"));
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Remove(carol) });
    act(store, alice, post_to(trip, "afterwards"));
    assert_eq!(texts(carol), ["during"]);
    assert_eq!(texts(bob), ["before", "during", "afterwards"]);
}

fn what_is_withheld_is_passed_on_the_way_to_newer_messages(store: &Store) {
    // As many as one statement looks at, and some more.
    const WITHHELD: usize = 1010;
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob, carol]);
    act(store, carol, Operation::Block { id: bob });
    let say = |by, text: &str| Submission { by, reference: None, operation: post_to(trip, text) };
    let mut all = vec![say(alice, "1"), say(bob, "no"), say(alice, "2"), say(alice, "3")];
    all.extend((0..WITHHELD).map(|_| say(bob, "no")));
    all.push(say(alice, "4"));
    all.extend((0..3).map(|_| say(bob, "no")));
    commit(store, all);
    let page = |after, limit| store.history_after(carol, Peer::Group(trip), after, limit);
    let texts = |limit| -> Vec<String> {
        let page = page(MessageId(0), limit).unwrap().unwrap();
        page.into_iter().map(|message| message.content).collect()
    };
    assert_eq!(texts(1), ["1"]);
    assert_eq!(texts(3), ["1", "2", "3"]);
    assert_eq!(texts(9), ["1", "2", "3", "4"]);
    let last = page(MessageId(0), 9).unwrap().unwrap()[3].id;
    assert_eq!(page(last, 9).unwrap(), Some(Vec::new()));
}

fn conversations_are_listed_by_activity(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let list = |limit, before| -> Vec<Peer> {
        let listed = store.conversations(alice, before, limit).unwrap();
        listed.into_iter().map(|it| it.with).collect()
    };
    say(store, alice, bob, "first", "1");
    say(store, carol, alice, "second", "2");
    let trip = group(store, &[bob, alice]);
    say(store, alice, alice, "note", "3");
    let [b, c, me] = [bob, carol, alice].map(Peer::Account);
    assert_eq!(list(9, END), [me, Peer::Group(trip), c, b]);
    say(store, bob, alice, "again", "4");
    assert_eq!(list(2, END), [b, me]);
    let listed = store.conversations(alice, END, 2).unwrap();
    assert_eq!(list(9, listed[1].activity), [Peer::Group(trip), c]);
    let with_bob = &listed[0];
    assert_eq!(with_bob.name.as_deref(), Some("Bob"));
    assert_eq!(with_bob.last.as_ref().unwrap().content, "again");
    assert_eq!((with_bob.unread, with_bob.read, with_bob.role), (1, MessageId(0), None));

    let first = store.history(alice, b, END, 9).unwrap().unwrap()[1].id;
    act(store, bob, Operation::Received { seq: Seq(1) });
    act(store, bob, Operation::Read { id: first });
    let with_bob = &store.conversations(alice, END, 1).unwrap()[0];
    assert_eq!(with_bob.other, Some((first, first)));
}

fn unread_messages_are_counted_up_to_a_bound(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let unread = |who| store.conversations(who, END, 1).unwrap()[0].unread;
    commit(store, (0..UNREAD_MAX + 5).map(|_| post(alice, bob, "x", None)).collect());
    assert_eq!((unread(alice), unread(bob)), (0, UNREAD_MAX as i64));
    let last = store.history(bob, Peer::Account(alice), END, 3).unwrap().unwrap();
    act(store, bob, Operation::Read { id: last[2].id });
    assert_eq!(unread(bob), 2);
    say(store, bob, alice, "an own word", "r");
    assert_eq!(unread(bob), 2);
}

fn what_is_deleted_is_not_unread(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let unread = || store.conversations(bob, END, 1).unwrap()[0].unread;
    let [first, second, third] = ["1", "2", "3"].map(|text| say(store, alice, bob, text, text).id);
    act(store, alice, Operation::Delete { id: second });
    assert_eq!(unread(), 2);
    act(store, alice, Operation::Delete { id: third });
    let line = store.conversations(bob, END, 1).unwrap().remove(0);
    assert_eq!((line.unread, line.activity), (1, third));
    assert!(line.last.unwrap().deleted, "the list shows it as history does");
    act(store, bob, Operation::Read { id: first });
    assert_eq!(unread(), 0);
    say(store, alice, bob, "4", "4");
    assert_eq!(unread(), 1);
    // What retention has taken out is not counted either.
    act(store, bob, Operation::SetRetention { with: Peer::Account(alice), days: Some(1) });
    store.expire_messages(NOW + 2 * 24 * HOUR).unwrap();
    assert_eq!(unread(), 0);
    act(store, bob, Operation::SetRetention { with: Peer::Account(alice), days: None });

    let trip = group(store, &[alice, bob]);
    act(store, alice, post_to(trip, "to all"));
    let id = store.history(alice, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    assert_eq!(unread(), 1);
    act(store, alice, Operation::Delete { id });
    assert_eq!(unread(), 0);
}

/// Where something is withheld, unread messages are counted piece by piece.
fn what_is_deleted_between_what_is_withheld_is_not_unread(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob, carol]);
    act(store, carol, Operation::Block { id: bob });
    for text in ["1", "2", "3"] {
        act(store, alice, post_to(trip, text));
        act(store, bob, post_to(trip, "withheld"));
    }
    let unread = || store.conversations(carol, END, 1).unwrap()[0].unread;
    assert_eq!(unread(), 3);
    let seen = store.history(carol, Peer::Group(trip), END, 9).unwrap().unwrap();
    act(store, alice, Operation::Delete { id: seen[1].id });
    assert_eq!(unread(), 2);
}

fn unread_messages_are_looked_for_among_the_newest(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let unread = || store.conversations(bob, END, 1).unwrap()[0].unread;
    say(store, alice, bob, "first", "first");
    let own = |_| post(bob, alice, "x", None);
    commit(store, (1..UNREAD_LOOKED_AT_MAX).map(own).collect());
    assert_eq!(unread(), 1);
    say(store, bob, alice, "x", "one more");
    assert_eq!(unread(), 0);
}

fn found(store: &Store, who: AccountId, text: &str) -> Vec<String> {
    let found = store.search(who, text, END, 9).unwrap();
    found.into_iter().map(|message| message.content).collect()
}

/// Where something is withheld every second entry, each piece between is looked at by itself.
fn unread_messages_are_looked_for_in_so_many_pieces(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob, carol]);
    act(store, alice, Operation::Block { id: bob });
    let unread = || store.conversations(alice, END, 1).unwrap()[0].unread;
    let post = |by| Submission { by, reference: None, operation: post_to(trip, "x") };
    commit(store, vec![post(carol), post(carol)]);
    // Pieces without an unread message: Alice's own ones.
    let pieces = |count| commit(store, (0..count).flat_map(|_| [bob, alice]).map(post).collect());
    pieces(UNREAD_MAX - 1);
    assert_eq!(unread(), 2, "within the bound");
    pieces(2);
    assert_eq!(unread(), 0, "what comes before so many pieces is not looked at");
}

fn a_search_finds_only_ones_own(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    say(store, alice, bob, "the quick brown zebra", "1");
    say(store, bob, carol, "a zebra for Carol", "2");
    let trip = group(store, &[carol, alice]);
    act(store, carol, post_to(trip, "zebras in a group"));
    assert_eq!(found(store, alice, "zebra"), ["zebras in a group", "the quick brown zebra"]);
    assert_eq!(found(store, bob, "zebra"), ["a zebra for Carol", "the quick brown zebra"]);
    let newest = store.search(alice, "zebra", END, 1).unwrap();
    assert_eq!(newest[0].content, "zebras in a group");
    let next = store.search(alice, "zebra", newest[0].id, 1).unwrap();
    assert_eq!(next[0].content, "the quick brown zebra");
}

fn words_are_found_however_they_are_written(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    say(store, alice, bob, "see https://example.com/train/rome or bob@mail.example", "0");
    for text in ["rome", "train rome", "mail", "example.com", "bob@mail"] {
        assert_eq!(found(store, bob, text).len(), 1, "{text}");
    }
    say(store, alice, bob, "Grüße aus ZÜRICH, it's 100% true; drop'table \"x\" AND", "1");
    for text in ["grüße", "zür", "Zürich aus", "100", "it's true", "drop'table", "AND", "\"x\"*"]
    {
        assert_eq!(found(store, alice, text).len(), 1, "{text}");
    }
    for text in ["zürich bern", "ürich", "", "'\"*", "NOT", "aus OR"] {
        assert!(found(store, alice, text).is_empty(), "{text}");
    }
}

fn many_words_are_searched_for_at_once(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let letters: String = ('a'..='z').map(|letter| format!("{letter} ")).collect();
    say(store, alice, bob, &letters, "1");
    assert_eq!(found(store, bob, &letters).first(), Some(&letters));
    let long = "x".repeat(300);
    say(store, alice, bob, &format!("{long}y"), "2");
    assert_eq!(found(store, bob, &long[..256]).len(), 1);
    assert_eq!(SEARCH_WORDS_MAX, 16, "so that the alphabet has more");
}

fn what_came_before_and_after_ones_time_in_a_group_is_not_found(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let trip = group(store, &[alice]);
    act(store, alice, post_to(trip, "walrus before"));
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Add(bob) });
    act(store, alice, post_to(trip, "walrus meanwhile"));
    assert_eq!(found(store, bob, "walrus"), ["walrus meanwhile"]);
    act(store, bob, Operation::ChangeGroup { group: trip, action: GroupAction::Leave });
    act(store, alice, post_to(trip, "walrus afterwards"));
    assert_eq!(found(store, bob, "walrus"), ["walrus meanwhile"]);
    assert_eq!(found(store, alice, "walrus").len(), 3);
}

fn a_search_takes_no_longer_than_it_may(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    say(store, alice, bob, "slow", "1");
    let within = |time| store.search_within(time, alice, "slow", END, 9);
    assert!(matches!(within(Duration::ZERO), Err(Error::TimedOut(_))));
    assert_eq!(within(SEARCH_TIME_MAX).unwrap().len(), 1, "and the next one is well");
}

/// More than PostgreSQL looks at together.
fn one_of_many_conversations_has_the_word(store: &Store) {
    let alice = account(store, "Alice");
    let others: Vec<_> = (0..150).map(|_| account(store, "Somebody")).collect();
    let text = |number: usize| format!("otter{} swims", number % 10);
    commit(store, others.iter().zip(0..).map(|(to, n)| post(alice, *to, &text(n), None)).collect());
    assert_eq!(store.search(alice, "otter7", END, 99).unwrap().len(), 15);
    assert_eq!(store.search(alice, "otter swim", END, 999).unwrap().len(), 150);
    let ids = |before, limit| -> Vec<_> {
        let found = store.search(alice, "ott", before, limit).unwrap();
        found.into_iter().map(|message| message.id).collect()
    };
    let all = ids(END, 999);
    assert!(all.is_sorted_by(|a, b| a > b));
    assert_eq!(ids(END, 3), all[..3]);
    assert_eq!(ids(all[2], 50), all[3..53]);
}

/// Two processes on one database, of which either may put words into the index.
pub fn words_are_found_whoever_stored_them(one: &Store, two: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(one, name));
    let count = |store: &Store, word| store.search(alice, word, END, 9).unwrap().len();
    let id = say(one, alice, bob, "apple", "1").id;
    assert_eq!(count(two, "apple"), 1);
    say(two, bob, alice, "pear", "1");
    assert_eq!(count(one, "pear"), 1);
    for (store, text, before) in [(two, "plum", "apple"), (one, "quince", "plum")] {
        act(store, alice, Operation::Edit { id, content: text.to_owned() });
        assert_eq!([count(one, text), count(two, text), count(one, before)], [1, 1, 0]);
    }
    act(two, alice, Operation::Delete { id });
    assert_eq!([count(one, "quince"), count(two, "pear")], [0, 1]);
}
