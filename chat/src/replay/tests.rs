use std::net::TcpStream;

use sql::{Batch, LogRetention, Operation, Submission};
use wire::Recipient;

use super::*;
use crate::test_support;

/// The server's end of a connection whose other end nobody reads.
fn outbox() -> (Arc<Outbox>, TcpStream) {
    let (outbox, theirs) = test_support::outbox();
    outbox.start_replay();
    (outbox, theirs)
}

/// A store with one account that has written to itself this many times.
fn store(events: usize) -> (Store, AccountId) {
    let store =
        Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
            .unwrap();
    let me = store.create_account("a@x", "Alice", "phc", 1).unwrap();
    let operation = Operation::Post {
        to: Recipient::Account(me),
        content: "x".to_owned(),
        files: Vec::new(),
        reply_to: None,
    };
    let submissions = vec![Submission { by: me, reference: None, operation }; events];
    store.commit(&Batch { submissions, ..Batch::default() }, 1).unwrap();
    (store, me)
}

#[test]
fn a_whole_log_is_read_and_then_live() {
    let ((store, me), (outbox, _theirs)) = (store(3), outbox());
    let mut replay = Replay::new(me, Seq(0), Seq(3));
    while matches!(replay.step(&store, &outbox), Progress::More) {}
    assert_eq!(outbox.behind(Seq(3)), None);
    assert_eq!(outbox.behind(Seq(4)), Some(Seq(3)));
}

#[test]
fn a_log_that_is_cut_while_it_is_read_sends_the_client_back() {
    let ((store, me), (outbox, _theirs)) = (store(10), outbox());
    for events in [4, 0] {
        store.trim_logs(LogRetention { days: 30, events }, 1).unwrap();
        let mut replay = Replay::new(me, Seq(3), Seq(10));
        assert!(matches!(replay.step(&store, &outbox), Progress::Unavailable));
    }
}

#[test]
fn a_damaged_log_is_told_apart_from_a_database_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let url = format!("sqlite:{}", path.display()).parse().unwrap();
    let store = Store::open(&url, sql::ContactPolicy::Open, &|_| false).unwrap();
    let me = store.create_account("a@x", "Alice", "phc", 1).unwrap();
    store.checkpoint();
    // All but the first page, before anybody has read it.
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let junk = vec![0xA5; usize::try_from(file.metadata().unwrap().len()).unwrap() - 4096];
    std::os::unix::fs::FileExt::write_all_at(&file, &junk, 4096).unwrap();
    let (outbox, _theirs) = outbox();
    let mut replay = Replay::new(me, Seq(0), Seq(3));
    assert!(matches!(replay.step(&store, &outbox), Progress::Broken));
}
