//! Commits, hints, typing and closes come to the inbox from several threads, and the dispatcher takes them.

use std::collections::BTreeSet;

use shuttle::thread;
use sql::Batch;
use wire::{AccountId, Seq};

use super::explore;
use crate::dispatcher::{Inbox, Next, Notification};

const ALICE: AccountId = AccountId(1);
const COMMITS: usize = 3;
const HINTS: i64 = 4;

/// Takes everything, until the inbox is closed and empty.
fn take_all(inbox: &Inbox) -> Vec<Notification> {
    let next = || match inbox.next(None, false) {
        Next::Deliver(notification) => Some(notification),
        Next::TimedOut | Next::Closed => None,
    };
    std::iter::from_fn(next).collect()
}

fn heads(notification: &Notification) -> Option<Seq> {
    match notification {
        Notification::HeadsGrown(heads) => heads.get(&ALICE).copied(),
        _ => None,
    }
}

fn is_commit(notification: &Notification) -> bool {
    matches!(notification, Notification::Committed(..))
}

/// Three times as many commits as may wait, hints and typing, each from a thread of its own.
fn producers(inbox: &Inbox) -> Vec<thread::JoinHandle<()>> {
    let (commits, hints, typing) = (inbox.clone(), inbox.clone(), inbox.clone());
    vec![
        thread::spawn(move || {
            for _ in 0..COMMITS {
                commits.begin_commit(BTreeSet::new()).deliver(Batch::default(), Vec::new(), None);
            }
        }),
        thread::spawn(move || (1..=HINTS).for_each(|n| hints.heads_grown(&[(ALICE, Seq(n))]))),
        thread::spawn(move || {
            typing.typing(vec![ALICE], b"{}".to_vec());
            typing.presence_changed(ALICE, 0);
        }),
    ]
}

#[test]
fn all_that_comes_before_the_end_is_delivered() {
    explore(|| {
        let inbox = Inbox::default();
        let producers = producers(&inbox);
        let taking = inbox.clone();
        let dispatcher = thread::spawn(move || take_all(&taking));
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        inbox.close();
        let taken = dispatcher.join().unwrap();
        assert_eq!(taken.iter().filter(|it| is_commit(it)).count(), COMMITS);
        let heads: Vec<_> = taken.iter().filter_map(heads).collect();
        assert!(heads.is_sorted(), "{heads:?}");
        assert_eq!(heads.last(), Some(&Seq(HINTS)));
        let live = taken.iter().filter(|it| matches!(it, Notification::Live(_))).count();
        assert_eq!(live, 2);
    });
}

/// The dispatcher takes one notification and no more, while another thread ends the inbox.
fn nobody_waits_once(ends: fn(&Inbox)) {
    let inbox = Inbox::default();
    let producers = producers(&inbox);
    let (ending, taking) = (inbox.clone(), inbox.clone());
    let ended = thread::spawn(move || ends(&ending));
    let dispatcher = thread::spawn(move || drop(taking.next(None, false)));
    producers.into_iter().chain([ended, dispatcher]).for_each(|it| it.join().unwrap());
}

#[test]
fn nobody_waits_for_room_once_the_inbox_is_closed() {
    explore(|| nobody_waits_once(Inbox::close));
}

#[test]
fn nobody_waits_for_room_once_the_dispatcher_has_ended() {
    explore(|| nobody_waits_once(Inbox::abandon));
}

#[test]
fn a_hint_about_a_commit_that_runs_comes_after_it() {
    explore(|| {
        let inbox = Inbox::default();
        let taking = inbox.clone();
        let dispatcher = thread::spawn(move || take_all(&taking));
        let committing = inbox.begin_commit([ALICE].into());
        let hinting = inbox.clone();
        let hint = thread::spawn(move || hinting.heads_grown(&[(ALICE, Seq(1))]));
        hint.join().unwrap();
        committing.deliver(Batch::default(), Vec::new(), None);
        drop(committing);
        inbox.close();
        let taken = dispatcher.join().unwrap();
        let place = |is: fn(&Notification) -> bool| taken.iter().position(is).unwrap();
        assert!(place(is_commit) < place(|it| heads(it).is_some()));
    });
}
