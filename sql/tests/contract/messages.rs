use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use sql::{
    Batch, Entry, Event, EventBody, EventNames, Message, Operation, Outcome, Receipt, Rejection,
    Store, Submission,
};
use wire::{AccountId, Code, MessageId, Peer, Recipient, Seq};

use crate::{NOW, account, commit, post, say};

cases! {
    OPEN, const ALL:
    a_message_is_an_event_in_both_logs,
    a_message_to_oneself_is_one_event,
    a_repeated_ref_gets_the_first_answer,
    the_same_ref_twice_in_one_batch_is_stored_once,
    a_repeat_is_known_whatever_is_done_between,
    a_ref_belongs_to_its_sender,
    who_is_not_there_gets_nothing_and_costs_no_place,
    a_page_of_events_goes_on_where_the_last_one_ended,
    an_acknowledgement_only_moves_forward_and_never_beyond_the_log,
    a_batch_is_all_or_nothing,
    one_batch_may_hold_all_kinds,
    logs_have_no_hole_whoever_writes_at_once,
    two_threads_that_store_the_same_ref_at_once_get_one_answer,
}

pub fn content(event: &Event) -> &str {
    match &event.body {
        EventBody::Entry(Entry::Message(message)) => &message.content,
        other => panic!("no message: {other:?}"),
    }
}

fn log(store: &Store, account: AccountId) -> Vec<(i64, String)> {
    let events = store.events(account, Seq(0), 100_000).unwrap();
    events.iter().map(|event| (event.seq.0, content(event).to_owned())).collect()
}

fn head(store: &Store, account: AccountId) -> Option<Seq> {
    store.heads(&[account]).unwrap().first().map(|(_, head)| *head)
}

fn assert_no_hole(store: &Store, account: AccountId) {
    let seqs: Vec<i64> = log(store, account).into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
    assert_eq!(head(store, account), Some(Seq(seqs.len() as i64)));
}

fn a_message_is_an_event_in_both_logs(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let first = say(store, alice, bob, "hello", "1");
    let second = say(store, bob, alice, "héllo \"you\" 👋", "1");
    assert!(second.id > first.id);
    assert_eq!((first.sender_seq, first.recipient_seq), (Seq(1), Seq(1)));
    assert_eq!((second.sender_seq, second.recipient_seq), (Seq(2), Seq(2)));
    let message = Message {
        id: second.id,
        from: bob,
        to: Recipient::Account(alice),
        content: "héllo \"you\" 👋".to_owned(),
        at: NOW,
        files: Vec::new(),
        reply_to: None,
        edited_at: None,
        deleted: false,
        request: false,
    };
    let body = EventBody::Entry(Entry::Message(message));
    for (who, name) in [(alice, Some("Bob".to_owned())), (bob, None)] {
        let names = EventNames { by: name, member: None };
        let expected = Event { seq: Seq(2), body: body.clone(), names };
        assert_eq!(store.events(who, Seq(1), 10).unwrap(), [expected]);
        assert_no_hole(store, who);
    }
}

fn a_message_to_oneself_is_one_event(store: &Store) {
    let alice = account(store, "Alice");
    let stored = say(store, alice, alice, "milk", "1");
    assert_eq!(stored.sender_seq, stored.recipient_seq);
    assert_eq!(log(store, alice), [(1, "milk".to_owned())]);
}

fn a_repeated_ref_gets_the_first_answer(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let first = say(store, alice, bob, "hello", "c-42");
    say(store, bob, alice, "in between", "1");
    let again = commit(store, vec![post(alice, bob, "other words", Some("c-42"))]);
    let [Outcome::Repeat(EventBody::Entry(Entry::Message(message)), seq)] = &again.outcomes[..]
    else {
        panic!("{again:?}")
    };
    assert_eq!((message.id, *seq, &*message.content), (first.id, first.sender_seq, "hello"));
    assert!(again.events.is_empty());
    assert_eq!(log(store, bob).len(), 2);
}

const NO_ACCOUNT: Outcome =
    Outcome::Rejected(Rejection { code: Code::NotFound, message: "no such account" });
const GONE: Outcome =
    Outcome::Rejected(Rejection { code: Code::Unauthorized, message: "this account is deleted" });

fn the_same_ref_twice_in_one_batch_is_stored_once(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let posts = vec![
        post(alice, AccountId(i64::MAX), "nobody", Some("r")),
        post(alice, bob, "one", Some("r")),
        post(alice, bob, "two", Some("r")),
        post(alice, bob, "no ref", None),
        post(alice, bob, "no ref", None),
    ];
    let committed = commit(store, posts);
    let [refused, Outcome::Done, Outcome::Repeat(first, seq), ..] = &committed.outcomes[..] else {
        panic!("{committed:?}")
    };
    assert_eq!(*refused, NO_ACCOUNT);
    assert_eq!((first, *seq), (&committed.events[0].body, committed.events[0].to[0].1));
    let expected =
        [(1, "one"), (2, "no ref"), (3, "no ref")].map(|(seq, text)| (seq, text.to_owned()));
    assert_eq!(log(store, bob), expected);
}

fn a_repeat_is_known_whatever_is_done_between(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let retain = || Submission {
        by: alice,
        reference: Some("t".to_owned()),
        operation: Operation::SetRetention { with: Peer::Account(bob), days: Some(7) },
    };
    let say = || post(alice, bob, "x", Some("x"));
    let outcomes = commit(store, vec![say(), retain(), say(), retain(), say()]).outcomes;
    assert_eq!(outcomes[..2], [Outcome::Done, Outcome::Done]);
    for (outcome, seq) in outcomes[2..].iter().zip([1, 2, 1]) {
        assert!(matches!(outcome, Outcome::Repeat(_, Seq(at)) if *at == seq), "{outcomes:?}");
    }
    assert_eq!(crate::events(store, bob, Seq(0)).len(), 2);
}

fn a_ref_belongs_to_its_sender(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let committed =
        commit(store, vec![post(alice, bob, "a", Some("r")), post(bob, alice, "b", Some("r"))]);
    assert_eq!(committed.outcomes, [Outcome::Done, Outcome::Done]);
}

fn who_is_not_there_gets_nothing_and_costs_no_place(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let gone = account(store, "Gone");
    assert!(store.delete_account(gone, NOW).unwrap());
    let nobody = AccountId(i64::MAX);
    let posts = vec![
        post(alice, nobody, "x", None),
        post(alice, gone, "x", Some("r")),
        post(gone, bob, "x", None),
        post(alice, bob, "y", None),
    ];
    let outcomes = commit(store, posts).outcomes;
    assert_eq!(outcomes, [NO_ACCOUNT, NO_ACCOUNT, GONE, Outcome::Done]);
    assert_eq!(log(store, alice), [(1, "y".to_owned())]);
    assert_eq!(head(store, gone), None);
}

fn a_page_of_events_goes_on_where_the_last_one_ended(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    commit(store, (1..=10).map(|number| post(alice, bob, &number.to_string(), None)).collect());
    let mut read = Vec::new();
    let mut since = Seq(0);
    loop {
        let page = store.events(bob, since, 3).unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        since = last.seq;
        read.extend(page.iter().map(|event| content(event).to_owned()));
    }
    assert_eq!(read, (1..=10).map(|number| number.to_string()).collect::<Vec<_>>());
}

fn an_acknowledgement_only_moves_forward_and_never_beyond_the_log(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    crate::sessions::open(store, bob, 1).unwrap();
    commit(store, (1..=5).map(|_| post(alice, bob, "x", None)).collect());
    let acknowledged = |seqs: &[i64]| {
        let received = |seq: &i64| Submission {
            by: bob,
            reference: None,
            operation: Operation::Received { seq: Seq(*seq) },
        };
        commit(store, seqs.iter().map(received).collect());
        store.log_position(&crate::sessions::token(bob, 1), NOW).unwrap().unwrap().acknowledged.0
    };
    assert_eq!(acknowledged(&[]), 0);
    assert_eq!(acknowledged(&[2, 3, 1]), 3);
    assert_eq!(acknowledged(&[1]), 3);
    assert_eq!(acknowledged(&[99]), 5);
}

fn a_batch_is_all_or_nothing(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    // PostgreSQL cannot store U+0000; SQLite can. The wire lets it through to neither.
    let posts = vec![post(alice, bob, "good", None), post(alice, bob, "\0", None)];
    if store.commit(&Batch { submissions: posts, ..Batch::default() }, NOW).is_err() {
        assert!(log(store, bob).is_empty());
        assert_eq!(head(store, alice), Some(Seq(0)));
    }
    say(store, alice, bob, "the store works on", "1");
    assert_no_hole(store, bob);
}

fn one_batch_may_hold_all_kinds(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let id = say(store, alice, bob, "first", "1").id;
    let mut reply = post(bob, alice, "reply", Some("1"));
    if let Operation::Post { reply_to, .. } = &mut reply.operation {
        *reply_to = Some(id);
    }
    let by_bob = |operation| Submission { by: bob, reference: None, operation };
    let submissions = vec![
        by_bob(Operation::Received { seq: Seq(1) }),
        post(alice, bob, "again", Some("1")),
        by_bob(Operation::Read { id }),
        post(carol, carol, "milk", None),
        reply,
    ];
    let outcomes = commit(store, submissions).outcomes;
    let [Outcome::Unchanged, Outcome::Repeat(first, _), ..] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert!(matches!(first, EventBody::Entry(Entry::Message(first)) if first.id == id));
    assert_eq!(outcomes[2..], [Outcome::Done, Outcome::Done, Outcome::Done]);
    let receipt = Receipt { id, by: bob, all: false };
    for (who, receipts) in [
        (alice, vec![EventBody::Delivered(receipt), EventBody::Read(receipt)]),
        (bob, vec![EventBody::Read(receipt)]),
    ] {
        let events = crate::events(store, who, Seq(1));
        let EventBody::Entry(Entry::Message(reply)) = &events[0] else { panic!("{events:?}") };
        assert_eq!((&*reply.content, reply.reply_to), ("reply", Some(id)));
        assert_eq!(events[1..], receipts);
    }
    let listed = store.conversations(alice, MessageId(i64::MAX), 9).unwrap().remove(0);
    assert_eq!(listed.other, Some((id, id)), "received and read at once");
    assert_eq!(log(store, carol), [(1, "milk".to_owned())]);
}

fn logs_have_no_hole_whoever_writes_at_once(store: &Store) {
    const WRITERS: usize = 4;
    const BATCHES: usize = 25;
    let people: Vec<_> = (0..WRITERS).map(|_| account(store, "Somebody")).collect();
    std::thread::scope(|scope| {
        for (number, me) in people.iter().enumerate() {
            let people = &people;
            scope.spawn(move || {
                for batch in 0..BATCHES {
                    // Everybody writes to everybody, in another order each time.
                    let posts = (0..WRITERS).map(|other| {
                        post(*me, people[(number * batch + other) % WRITERS], "x", None)
                    });
                    let outcomes = commit(store, posts.collect()).outcomes;
                    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done));
                }
            });
        }
    });
    for me in people {
        assert_no_hole(store, me);
    }
}

fn two_threads_that_store_the_same_ref_at_once_get_one_answer(store: &Store) {
    two_who_store_the_same_ref_at_once_get_one_answer([store, store]);
}

pub fn two_who_store_the_same_ref_at_once_get_one_answer(nodes: [&Store; 2]) {
    let store = nodes[0];
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let go = AtomicBool::new(false);
    let mut answers = BTreeMap::<_, Vec<_>>::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let store = nodes[number % nodes.len()];
                let go = &go;
                scope.spawn(move || {
                    while !go.load(Ordering::Acquire) {
                        std::hint::spin_loop();
                    }
                    (0..20)
                        .map(|number| {
                            let posts = vec![post(alice, bob, "x", Some(&format!("r{number}")))];
                            (number, id_of(&commit(store, posts)))
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        go.store(true, Ordering::Release);
        for (number, id) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            answers.entry(number).or_default().push(id);
        }
    });
    for ids in answers.values() {
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
    assert_eq!(log(store, bob).len(), 20);
    assert_no_hole(store, alice);
}

/// The message that a post became, now or before.
fn id_of(committed: &sql::Committed) -> wire::MessageId {
    let what = match &committed.outcomes[0] {
        Outcome::Repeat(what, _) => what,
        Outcome::Done => &committed.events[0].body,
        other => panic!("{other:?}"),
    };
    match what {
        EventBody::Entry(Entry::Message(message)) => message.id,
        other => panic!("{other:?}"),
    }
}
