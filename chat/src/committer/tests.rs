use wire::{GroupId, Seq};

use super::*;
use crate::rig;

fn post(content: String, to: To) -> Task {
    let deed = Deed::Post { to, content, reply_to: None };
    Task::Act(Act { by: AccountId(1), reference: None, deed }, None)
}

fn receipt(reference: Option<&str>) -> Task {
    let (reference, deed) = (reference.map(str::to_owned), Deed::Received { seq: Seq(1) });
    Task::Act(Act { by: AccountId(1), reference, deed }, None)
}

/// Puts messages of so many bytes into a queue that nobody empties; returns how many it took.
fn fill(queue: &Queue, bytes: usize) -> usize {
    let to = To::Account(AccountId(2));
    (0..).take_while(|_| queue.put(post("x".repeat(bytes), to), Duration::ZERO)).count()
}

#[test]
fn the_queue_is_bounded_in_acts_and_in_bytes_and_takes_again_once_emptied() {
    let queue = Queue::default();
    assert_eq!(fill(&queue, 1), QUEUE_ACTS_MAX);
    assert_eq!(queue.take(None).unwrap().len(), BATCH_ACTS_MAX);
    assert_eq!(fill(&queue, 1), BATCH_ACTS_MAX);

    let queue = Queue::default();
    let size = 16 * 1024;
    assert_eq!(fill(&queue, size), QUEUE_BYTES_MAX / size);
    queue.take(None).unwrap();
    assert!(fill(&queue, size) > 0);
}

#[test]
fn one_commit_takes_few_acts_for_groups() {
    let queue = Queue::default();
    for number in 0..BATCH_GROUP_ACTS_MAX + 2 {
        assert!(queue.put(post("x".to_owned(), To::Group(GroupId(5))), Duration::ZERO), "{number}");
    }
    assert_eq!(queue.take(None).unwrap().len(), BATCH_GROUP_ACTS_MAX);
    assert_eq!(queue.take(None).unwrap().len(), 2);
}

#[test]
fn who_waits_for_room_gets_it_when_there_is_some() {
    let queue = Queue::default();
    fill(&queue, 1);
    let outbox = rig::outbox().0;
    std::thread::scope(|scope| {
        let (queue, patience) = (&queue, Duration::from_secs(60));
        let waiting =
            scope.spawn(move || queue.put(Task::Farewell(Close::GoingAway, outbox), patience));
        queue.take(None).unwrap();
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn a_closed_queue_is_emptied_and_takes_nothing_more() {
    let queue = Queue::default();
    let outbox = rig::outbox().0;
    assert!(queue.put(Task::Farewell(Close::GoingAway, Arc::clone(&outbox)), Duration::ZERO));
    queue.lock().closed = true;
    assert!(!queue.put(Task::Farewell(Close::GoingAway, outbox), Duration::ZERO));
    assert_eq!(queue.take(None).unwrap().len(), 1);
    assert!(queue.take(None).is_none());
}

#[test]
fn an_idle_committer_in_doubt_looks_again_after_a_while() {
    assert!(Queue::default().take(Some(Duration::ZERO)).unwrap().is_empty());
}

#[test]
fn receipts_let_messages_go_first_but_not_for_long() {
    let queue = Queue::default();
    let begin = Instant::now();
    let tasks =
        [receipt(None), post("x".to_owned(), To::Account(AccountId(2))), receipt(Some("r"))];
    assert!(tasks.into_iter().all(|task| queue.put(task, Duration::ZERO)));
    // What is answered does not wait.
    let first = queue.take(None).unwrap().len();
    // A machine that stood still in between takes all at once.
    assert!(first == 2 || begin.elapsed() >= RECEIPT_WAIT_MAX, "{first}");
    if first == 2 {
        assert_eq!(queue.take(None).unwrap().len(), 1);
        assert!(begin.elapsed() >= RECEIPT_WAIT_MAX);
    }
}

/// Receipts that have waited for so long.
fn waiting(count: usize, time: Duration) -> State {
    let mut state = State::default();
    let since = Instant::now().checked_sub(time).unwrap();
    (0..count).for_each(|_| state.receipts.add(receipt(None), since));
    state
}

#[test]
fn receipts_that_are_due_do_not_hold_a_message_up() {
    let mut state = waiting(2 * RECEIPTS_BESIDE_MIN + 1, RECEIPT_WAIT_BUSY);
    for left in [RECEIPTS_BESIDE_MIN + 1, 1, 0] {
        state.tasks.push_back(Task::Use(SessionId(1)));
        assert!(state.take().len() > 1);
        assert_eq!(state.receipts.len(), left);
    }
}

#[test]
fn receipts_wait_longer_while_there_is_always_a_message() {
    let begin = Instant::now();
    let mut state = waiting(3, RECEIPT_WAIT_MAX);
    state.tasks.push_back(Task::Use(SessionId(1)));
    let taken = state.take().len();
    // A machine that stood still in between takes all at once.
    assert!(taken == 1 || begin.elapsed() >= RECEIPT_WAIT_BUSY - RECEIPT_WAIT_MAX, "{taken}");
    assert!(taken == 4 || state.receipts_are_due(Instant::now()));
    assert_eq!(taken + state.take().len(), 4);
}

#[test]
fn one_commit_does_no_more_receipts_than_its_bound() {
    let mut state = waiting(RECEIPTS_WAITING_MAX + 5, Duration::ZERO);
    state.tasks.push_back(Task::Use(SessionId(1)));
    assert_eq!(state.take().len(), 1 + RECEIPTS_WAITING_MAX);
    assert_eq!(state.take().len(), 5);
}

#[test]
fn how_far_a_connection_has_come_waits_once() {
    let (queue, one, other) = (Queue::default(), rig::outbox().0, rig::outbox().0);
    let say = |outbox, seq| {
        let deed = Deed::Received { seq: Seq(seq) };
        let act = Act { by: AccountId(1), reference: None, deed };
        assert!(queue.put(Task::Act(act, Some(Arc::clone(outbox))), Duration::ZERO));
    };
    let take = |count| {
        let mut tasks = Vec::new();
        queue.lock().receipts.move_to(&mut tasks, count);
        let seq = |task| match task {
            Task::Act(Act { deed: Deed::Received { seq }, .. }, _) => seq.0,
            _ => panic!("another task"),
        };
        tasks.into_iter().map(seq).collect::<Vec<_>>()
    };
    [(&one, 5), (&other, 6), (&one, 9), (&one, 7)]
        .iter()
        .for_each(|(outbox, seq)| say(outbox, *seq));
    assert_eq!(take(1), [9]);
    // What has gone is said anew, behind what waits.
    [10, 11].iter().for_each(|seq| say(&one, *seq));
    assert_eq!(take(9), [6, 11]);

    // It needs no room.
    say(&one, 12);
    fill(&queue, 1);
    say(&one, 13);
    assert_eq!(take(9), [13]);
}

#[test]
fn receipts_do_not_outlast_their_bound_a_goodbye_or_the_queue() {
    let queue = Queue::default();
    for _ in 0..RECEIPTS_WAITING_MAX {
        assert!(queue.put(receipt(None), Duration::ZERO));
    }
    assert_eq!(queue.take(None).unwrap().len(), RECEIPTS_WAITING_MAX);

    for end in [Task::Farewell(Close::GoingAway, rig::outbox().0), Task::Depart(AccountId(1))] {
        assert!(queue.put(receipt(None), Duration::ZERO));
        assert!(queue.put(end, Duration::ZERO));
        assert_eq!(queue.take(None).unwrap().len(), 2);
    }

    assert!(queue.put(receipt(None), Duration::ZERO));
    queue.close();
    assert_eq!(queue.take(None).unwrap().len(), 1);
    assert!(queue.take(None).is_none());
}

#[test]
fn nothing_more_is_done_once_nobody_would_hear_of_it() {
    let queue = Queue::default();
    let message = post("x".to_owned(), To::Account(AccountId(2)));
    assert!(queue.put(message, Duration::ZERO) && queue.put(receipt(None), Duration::ZERO));
    drop(Closing(&queue));
    assert!(queue.take(None).is_none());
    assert_eq!(fill(&queue, 1), 0);
}
