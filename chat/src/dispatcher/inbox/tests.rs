use std::time::Duration;

use super::*;
use crate::test_support;

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

/// Longer than any test may take.
const DEADLINE: Duration = Duration::from_secs(20);

fn commit(inbox: &Inbox) {
    inbox.begin_commit(BTreeSet::new()).deliver(Batch::default(), Vec::new(), None);
}

/// What the dispatcher would do next, by a word.
fn next(inbox: &Inbox) -> String {
    match inbox.next(Some(Instant::now() + DEADLINE), false) {
        Next::TimedOut => "nothing".to_owned(),
        Next::Closed => "closed".to_owned(),
        Next::Deliver(Notification::Committed(..)) => "commit".to_owned(),
        Next::Deliver(Notification::Close(_)) => "close".to_owned(),
        Next::Deliver(Notification::Backfilled(account)) => format!("filled {account}"),
        Next::Deliver(Notification::Live(Live::Typing { frame, .. })) => {
            String::from_utf8(frame).unwrap()
        }
        Next::Deliver(Notification::Live(Live::PresenceChanged { account, .. })) => {
            format!("presence {account}")
        }
        Next::Deliver(Notification::HeadsGrown(heads)) => {
            let mut heads: Vec<_> = heads.iter().map(|(id, seq)| (id.0, seq.0)).collect();
            heads.sort_unstable();
            format!("heads {heads:?}")
        }
    }
}

/// Whether `run` is still waiting until the dispatcher takes something, and returns then.
fn waits_for_room(inbox: &Inbox, run: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(run);
        while inbox.0.lock().waiting_for_room == 0 {
            assert!(!waiting.is_finished(), "it does not wait");
            std::thread::yield_now();
        }
        next(inbox);
        waiting.join().unwrap();
    });
}

#[test]
fn notifications_are_delivered_in_their_order() {
    let inbox = Inbox::default();
    inbox.typing(vec![BOB], b"typing 1".to_vec());
    commit(&inbox);
    inbox.presence_changed(ALICE, 0);
    inbox.typing(vec![BOB], b"typing 2".to_vec());
    inbox.close_connections(vec![(Close::GoingAway, test_support::outbox().0)]);
    inbox.close();
    let order: Vec<_> = (0..6).map(|_| next(&inbox)).collect();
    assert_eq!(order, ["typing 1", "commit", "presence 1", "typing 2", "close", "closed"]);
}

#[test]
fn the_committer_is_no_more_than_a_few_commits_ahead() {
    let inbox = Inbox::default();
    (0..COMMITS_WAITING_MAX).for_each(|_| commit(&inbox));
    waits_for_room(&inbox, || commit(&inbox));
}

#[test]
fn hints_about_one_log_are_one_hint() {
    let inbox = Inbox::default();
    inbox.heads_grown(&[(ALICE, Seq(5)), (BOB, Seq(2))]);
    inbox.heads_grown(&[(ALICE, Seq(7)), (BOB, Seq(1))]);
    assert_eq!(next(&inbox), "heads [(1, 7), (2, 2)]");
}

#[test]
fn of_two_hints_about_one_log_that_come_together_the_furthest_head_counts() {
    // Two other nodes have extended the same log between two looks. The later commit is the first in the list.
    let both = [(ALICE, Seq(9)), (BOB, Seq(8)), (ALICE, Seq(8))];
    let inbox = Inbox::default();
    inbox.heads_grown(&both);
    assert_eq!(next(&inbox), "heads [(1, 9), (2, 8)]");

    let committing = inbox.begin_commit([ALICE, BOB].into());
    inbox.heads_grown(&both);
    drop(committing);
    assert_eq!(next(&inbox), "heads [(1, 9), (2, 8)]");
    assert_eq!(inbox.0.lock().heads, 0);
}

#[test]
fn a_hint_does_not_overtake_a_commit_of_this_node() {
    let inbox = Inbox::default();
    inbox.heads_grown(&[(BOB, Seq(3))]);
    let committing = inbox.begin_commit([ALICE, BOB].into());
    // Whoever read this head may have seen the commit that is not in the inbox yet.
    inbox.heads_grown(&[(ALICE, Seq(5))]);
    inbox.heads_grown(&[(ALICE, Seq(6))]);
    assert_eq!(next(&inbox), "heads [(2, 3)]");
    committing.deliver(Batch::default(), Vec::new(), None);
    drop(committing);
    assert_eq!(next(&inbox), "commit");
    assert_eq!(next(&inbox), "heads [(1, 6)]");
    assert_eq!(inbox.0.lock().heads, 0);
}

#[test]
fn a_hint_about_an_account_that_submits_nothing_waits_for_no_commit() {
    let inbox = Inbox::default();
    let committing = inbox.begin_commit([ALICE].into());
    inbox.heads_grown(&[(ALICE, Seq(5)), (BOB, Seq(3))]);
    assert_eq!(next(&inbox), "heads [(2, 3)]");
    drop(committing);
    assert_eq!(next(&inbox), "heads [(1, 5)]");
    assert_eq!(inbox.0.lock().heads, 0);
}

#[test]
fn too_many_hints_wait_also_those_that_wait_for_a_commit() {
    let all: Vec<_> = (0..HEADS_WAITING_MAX as i64).map(|id| (AccountId(id), Seq(1))).collect();
    let more = [(AccountId(-1), Seq(1))];
    let inbox = Inbox::default();
    inbox.heads_grown(&all);
    waits_for_room(&inbox, || inbox.heads_grown(&more));
    assert_eq!(next(&inbox), "heads [(-1, 1)]");

    let committing = inbox.begin_commit(all.iter().map(|(account, _)| *account).collect());
    inbox.heads_grown(&all);
    assert_eq!(inbox.0.lock().heads, HEADS_WAITING_MAX);
    drop(committing);
    waits_for_room(&inbox, || inbox.heads_grown(&more));
}

#[test]
fn too_much_typing_is_dropped_and_presence_waits() {
    let inbox = Inbox::default();
    for number in 0..=LIVE_WAITING_MAX {
        inbox.typing(vec![BOB], number.to_string().into_bytes());
    }
    assert_eq!(inbox.0.lock().queue.len(), LIVE_WAITING_MAX);
    waits_for_room(&inbox, || inbox.presence_changed(ALICE, 0));
    for number in 1..LIVE_WAITING_MAX {
        assert_eq!(next(&inbox), number.to_string());
    }
    assert_eq!(next(&inbox), "presence 1");
}

#[test]
fn the_dispatcher_wakes_at_its_time_however_much_waits() {
    let inbox = Inbox::default();
    assert!(matches!(inbox.next(Some(Instant::now()), false), Next::TimedOut));
    commit(&inbox);
    assert!(matches!(inbox.next(Some(Instant::now()), false), Next::TimedOut));
    assert_eq!(next(&inbox), "commit");
}

#[test]
fn nobody_waits_for_a_dispatcher_that_has_ended() {
    let inbox = Inbox::default();
    commit(&inbox);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| commit(&inbox));
        while inbox.0.lock().waiting_for_room == 0 {
            std::thread::yield_now();
        }
        inbox.abandon();
        waiting.join().unwrap();
    });
    commit(&inbox);
    inbox.heads_grown(&[(ALICE, Seq(1))]);
    inbox.presence_changed(ALICE, 0);
    assert!(!inbox.is_open());
    assert_eq!(next(&inbox), "closed");
}

#[test]
fn a_closed_inbox_waits_for_gaps_that_are_being_filled() {
    let inbox = Inbox::default();
    inbox.close();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| inbox.next(None, true));
        while !inbox.0.lock().is_idle {
            assert!(!waiting.is_finished(), "it does not wait");
            std::thread::yield_now();
        }
        inbox.backfilled(BOB);
        let next = waiting.join().unwrap();
        assert!(matches!(next, Next::Deliver(Notification::Backfilled(BOB))));
    });
    assert!(matches!(inbox.next(None, false), Next::Closed));
    // Not for a thread that has ended.
    inbox.abandon();
    assert!(matches!(inbox.next(None, true), Next::Closed));
}
