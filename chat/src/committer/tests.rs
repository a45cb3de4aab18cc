use wire::{GroupId, Seq};

use super::*;
use crate::limit::{
    BATCH_ACCOUNT_BYTES_MAX, BATCH_ACCOUNT_FILES_MAX, BATCH_ACCOUNT_LARGE_OPERATIONS_MAX,
    BATCH_ACCOUNT_OPERATIONS_MAX, BATCH_LARGE_OPERATIONS_MAX,
};
use crate::test_support;

fn post(content: String, to: Recipient) -> Task {
    post_by(1, content, to)
}

fn post_by(account: i64, content: String, to: Recipient) -> Task {
    let operation = Operation::Post { to, content, files: Vec::new(), reply_to: None };
    Task::Operation(Submission { by: AccountId(account), reference: None, operation }, None)
}

fn receipt(reference: Option<&str>) -> Task {
    let (reference, operation) =
        (reference.map(str::to_owned), Operation::Received { seq: Seq(1) });
    Task::Operation(Submission { by: AccountId(1), reference, operation }, None)
}

/// Puts messages of so many bytes, each of another account, into a queue that nobody empties; returns how many it took.
fn fill(queue: &Queue, bytes: usize) -> usize {
    let to = Recipient::Account(AccountId(2));
    let put = |by: &i64| queue.put(post_by(*by, "x".repeat(bytes), to), Duration::ZERO);
    (1..).take_while(put).count()
}

#[test]
fn the_queue_is_bounded_in_operations_and_in_bytes_and_takes_again_once_emptied() {
    let queue = Queue::default();
    assert_eq!(fill(&queue, 1), QUEUE_OPERATIONS_MAX);
    assert_eq!(queue.take(None).unwrap().len(), BATCH_OPERATIONS_MAX);
    assert_eq!(fill(&queue, 1), BATCH_OPERATIONS_MAX);

    let queue = Queue::default();
    let size = 16 * 1024;
    assert_eq!(fill(&queue, size), QUEUE_BYTES_MAX / size);
    queue.take(None).unwrap();
    assert!(fill(&queue, size) > 0);
}

#[test]
fn one_commit_takes_few_operations_for_groups() {
    let queue = Queue::default();
    for number in 0..BATCH_LARGE_OPERATIONS_MAX as i64 + 2 {
        let post = post_by(number, "x".to_owned(), Recipient::Group(GroupId(5)));
        assert!(queue.put(post, Duration::ZERO), "{number}");
    }
    assert_eq!(queue.take(None).unwrap().len(), BATCH_LARGE_OPERATIONS_MAX);
    assert_eq!(queue.take(None).unwrap().len(), 2);
}

/// Who sends much, and then somebody who sends one message: how many operations of the first are in each commit.
fn commits(content: &str, to: Recipient, count: usize) -> Vec<usize> {
    let queue = Queue::default();
    (0..count).for_each(|_| assert!(queue.put(post(content.to_owned(), to), Duration::ZERO)));
    assert!(queue.put(post_by(2, "x".to_owned(), to), Duration::ZERO));
    let mut commits = Vec::new();
    while !queue.lock().tasks.is_empty() {
        let tasks = queue.take(None).unwrap();
        let is_of = |task: &&Task, account| matches!(task, Task::Operation(submission, _) if submission.by == AccountId(account));
        let others = tasks.iter().filter(|task| is_of(task, 2)).count();
        assert_eq!(others, usize::from(commits.is_empty()), "the other one is in the first commit");
        commits.push(tasks.len() - others);
    }
    commits
}

#[test]
fn one_commit_takes_an_accounts_share() {
    let (alice, group) = (Recipient::Account(AccountId(3)), Recipient::Group(GroupId(5)));
    let most = BATCH_ACCOUNT_OPERATIONS_MAX;
    assert_eq!(commits("x", alice, 2 * most + 1), [most, most, 1]);
    let most = BATCH_ACCOUNT_LARGE_OPERATIONS_MAX;
    assert_eq!(commits("x", group, 2 * most + 1), [most, most, 1]);
    let most = "x".repeat(BATCH_ACCOUNT_BYTES_MAX / 4);
    assert_eq!(commits(&most, alice, 9), [4, 4, 1]);
    let too_much = "x".repeat(BATCH_ACCOUNT_BYTES_MAX + 1);
    assert_eq!(commits(&too_much, alice, 2), [1, 1]);
}

#[test]
fn one_commit_looks_for_few_files_of_an_account() {
    let queue = Queue::default();
    let put = |by: i64, files: usize| {
        let files = vec!["f".to_owned(); files];
        let (to, content) = (Recipient::Account(AccountId(3)), String::new());
        let operation = Operation::Post { to, content, files, reply_to: None };
        let submission = Submission { by: AccountId(by), reference: None, operation };
        assert!(queue.put(Task::Operation(submission, None), Duration::ZERO));
    };
    (0..5).for_each(|_| put(1, BATCH_ACCOUNT_FILES_MAX / 2));
    put(2, 1);
    let commits: Vec<_> = (0..3).map(|_| queue.take(None).unwrap().len()).collect();
    assert_eq!(commits, [2 + 1, 2, 1], "the other one is in the first commit");
}

#[test]
fn blocks_count_as_large_operations() {
    let queue = Queue::default();
    let most = BATCH_ACCOUNT_LARGE_OPERATIONS_MAX;
    for number in 0..=most as i64 {
        let id = AccountId(100 + number);
        let operation =
            if number % 2 == 0 { Operation::Block { id } } else { Operation::Unblock { id } };
        let submission = Submission { by: AccountId(1), operation, reference: None };
        assert!(queue.put(Task::Operation(submission, None), Duration::ZERO));
    }
    assert_eq!(queue.take(None).unwrap().len(), most);
    assert_eq!(queue.take(None).unwrap().len(), 1);
}

#[test]
fn what_stays_in_the_queue_keeps_its_order_and_its_goodbye() {
    let queue = Queue::default();
    let (outbox, other) = (test_support::outbox().0, test_support::outbox().0);
    let put = |task| assert!(queue.put(task, Duration::ZERO));
    for number in 0..=BATCH_ACCOUNT_OPERATIONS_MAX {
        let Task::Operation(submission, _) =
            post(number.to_string(), Recipient::Account(AccountId(3)))
        else {
            return;
        };
        put(Task::Operation(submission, Some(Arc::clone(&outbox))));
    }
    // Small enough by itself, and it must not overtake.
    put(post("last".to_owned(), Recipient::Account(AccountId(3))));
    put(Task::Close(Close::GoingAway, outbox));
    put(Task::Disconnection(AccountId(1), 0));
    put(Task::Close(Close::GoingAway, other));
    put(Task::Disconnection(AccountId(2), 0));
    let content = |task: &Task| match task {
        Task::Operation(Submission { operation: Operation::Post { content, .. }, .. }, _) => {
            content.clone()
        }
        Task::Close(..) => "close".to_owned(),
        _ => "departure".to_owned(),
    };
    let first: Vec<_> = queue.take(None).unwrap().iter().map(content).collect();
    let numbers = (0..BATCH_ACCOUNT_OPERATIONS_MAX).map(|number| number.to_string());
    let of_others = ["close", "departure"].map(str::to_owned);
    assert_eq!(first, numbers.chain(of_others).collect::<Vec<_>>());
    let second: Vec<_> = queue.take(None).unwrap().iter().map(content).collect();
    let last = BATCH_ACCOUNT_OPERATIONS_MAX.to_string();
    assert_eq!(second, [&*last, "last", "close", "departure"]);
    assert_eq!(queue.lock().bytes, 0);
}

#[test]
fn who_waits_for_room_gets_it_when_there_is_some() {
    let queue = Queue::default();
    fill(&queue, 1);
    let outbox = test_support::outbox().0;
    std::thread::scope(|scope| {
        let (queue, patience) = (&queue, Duration::from_secs(60));
        let waiting =
            scope.spawn(move || queue.put(Task::Close(Close::GoingAway, outbox), patience));
        queue.take(None).unwrap();
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn a_closed_queue_is_emptied_and_takes_nothing_more() {
    let queue = Queue::default();
    let outbox = test_support::outbox().0;
    assert!(queue.put(Task::Close(Close::GoingAway, Arc::clone(&outbox)), Duration::ZERO));
    queue.lock().closed = true;
    assert!(!queue.put(Task::Close(Close::GoingAway, outbox), Duration::ZERO));
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
        [receipt(None), post("x".to_owned(), Recipient::Account(AccountId(2))), receipt(Some("r"))];
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
        state.tasks.push_back(Task::SessionUse(SessionId(1)));
        assert!(state.take().len() > 1);
        assert_eq!(state.receipts.len(), left);
    }
}

#[test]
fn receipts_wait_longer_while_there_is_always_a_message() {
    let begin = Instant::now();
    let mut state = waiting(3, RECEIPT_WAIT_MAX);
    state.tasks.push_back(Task::SessionUse(SessionId(1)));
    let taken = state.take().len();
    // A machine that stood still in between takes all at once.
    assert!(taken == 1 || begin.elapsed() >= RECEIPT_WAIT_BUSY - RECEIPT_WAIT_MAX, "{taken}");
    assert!(taken == 4 || state.receipts_are_due(Instant::now()));
    assert_eq!(taken + state.take().len(), 4);
}

#[test]
fn one_commit_does_no_more_receipts_than_its_bound() {
    let mut state = waiting(RECEIPTS_WAITING_MAX + 5, Duration::ZERO);
    state.tasks.push_back(Task::SessionUse(SessionId(1)));
    assert_eq!(state.take().len(), 1 + RECEIPTS_WAITING_MAX);
    assert_eq!(state.take().len(), 5);
}

#[test]
fn how_far_a_connection_has_come_waits_once() {
    let (queue, one, other) =
        (Queue::default(), test_support::outbox().0, test_support::outbox().0);
    let say = |outbox, seq| {
        let operation = Operation::Received { seq: Seq(seq) };
        let submission = Submission { by: AccountId(1), reference: None, operation };
        assert!(queue.put(Task::Operation(submission, Some(Arc::clone(outbox))), Duration::ZERO));
    };
    let take = |count| {
        let mut tasks = Vec::new();
        queue.lock().receipts.move_to(&mut tasks, count);
        let seq = |task| match task {
            Task::Operation(Submission { operation: Operation::Received { seq }, .. }, _) => seq.0,
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

    for end in [
        Task::Close(Close::GoingAway, test_support::outbox().0),
        Task::Disconnection(AccountId(1), 0),
    ] {
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
    let message = post("x".to_owned(), Recipient::Account(AccountId(2)));
    assert!(queue.put(message, Duration::ZERO) && queue.put(receipt(None), Duration::ZERO));
    drop(Closing(&queue));
    assert!(queue.take(None).is_none());
    assert_eq!(fill(&queue, 1), 0);
}
