use sql::NodeObserver as _;

use super::*;
use crate::clock::now_ms;
use crate::cluster::Cluster;
use crate::hub::Endpoint;
use crate::limit::{BACKFILL_LOGS_MAX, HEADS_PAGE};
use crate::test_support::{Device, TestNode};

#[test]
fn what_other_nodes_have_stored_comes_before_an_answer_and_once() {
    let node = TestNode::new();
    let mut devices = [node.device(node.bob), node.device(node.bob)];
    node.store_elsewhere(node.alice, node.bob, "one");
    node.store_elsewhere(node.alice, node.bob, "two");
    node.store(node.bob, &devices[0], node.alice, "three");
    node.store_elsewhere(node.alice, node.bob, "four");
    node.store(node.bob, &devices[1], node.alice, "five");
    node.store_elsewhere(node.alice, node.bob, "six");
    node.inbox.heads_grown(&[(node.bob, Seq(4))]);
    node.inbox.heads_grown(&[(node.bob, Seq(6))]);
    node.end();
    let next = |device: &mut Device| [(); 6].map(|()| device.next());
    let expected = ["message 1 one", "message 2 two", "sent 3 ", "message 4 four"];
    let first = next(&mut devices[0]);
    assert_eq!(first[..4], expected);
    assert_eq!(first[4..], ["message 5 five", "message 6 six"]);
    let second = next(&mut devices[1]);
    assert_eq!(second[2..], ["message 3 three", "message 4 four", "sent 5 ", "message 6 six"]);
}

#[test]
fn long_gaps_of_many_logs_are_filled() {
    let node = TestNode::new();
    let (mut alice, mut bob) = (node.device(node.alice), node.device(node.bob));
    let count = 300;
    for number in 1..=count {
        node.store_elsewhere(node.alice, node.bob, &number.to_string());
    }
    node.inbox.heads_grown(&[(node.alice, Seq(count)), (node.bob, Seq(count))]);
    node.end();
    for number in 1..=count {
        let expected = format!("message {number} {number}");
        assert_eq!([alice.next(), bob.next()], [expected.clone(), expected]);
    }
}

#[test]
fn more_than_a_page_of_logs_is_compared() {
    let node = TestNode::new();
    let mut bob = node.device(node.bob);
    // Of accounts that the database does not have: only their number matters.
    for number in 0..HEADS_PAGE as i64 {
        let endpoint = Endpoint { outbox: Arc::clone(&bob.outbox), session: None, since: 0 };
        node.hub.register(AccountId(node.bob.0 + 1 + number), endpoint);
    }
    assert!(node.hub.accounts().len() > HEADS_PAGE);
    let presence = Arc::new(Presence::new(Arc::clone(&node.hub), now_ms));
    let (store, hub) = (Arc::clone(&node.store), Arc::clone(&node.hub));
    let cluster = Cluster::new(store, hub, presence, node.inbox.clone(), None).unwrap();
    node.store_elsewhere(node.alice, node.bob, "one");
    cluster.compare_all().unwrap();
    node.end();
    assert_eq!(bob.next(), "message 1 one");
}

#[test]
fn gaps_of_more_logs_than_one_statement_reads_are_filled() {
    let node = TestNode::new();
    let account = |n| node.store.create_account(&format!("r{n}@x.org"), "A", "none", 1).unwrap();
    let receivers: Vec<_> = (0..=BACKFILL_LOGS_MAX).map(account).collect();
    let mut devices: Vec<_> = receivers.iter().map(|it| node.device(*it)).collect();
    for receiver in &receivers {
        node.store_elsewhere(node.alice, *receiver, "one");
    }
    let heads: Vec<_> = receivers.iter().map(|it| (*it, Seq(1))).collect();
    node.inbox.heads_grown(&heads);
    node.end();
    assert!(devices.iter_mut().all(|device| device.next() == "message 1 one"));
}

#[test]
fn an_answer_to_a_connection_that_has_left_waits_for_nothing() {
    let node = TestNode::new();
    let mut left = node.device(node.bob);
    node.hub.unregister(node.bob, &left.outbox);
    node.store_elsewhere(node.alice, node.bob, "one");
    node.store(node.bob, &left, node.alice, "two");
    node.store(node.bob, &left, node.alice, "three");
    // Another device is not held up.
    let mut other = node.device(node.bob);
    node.store(node.bob, &other, node.alice, "four");
    node.end();
    let expected = ["message 1 one", "message 2 two", "message 3 three", "sent 4 "];
    assert_eq!([(); 4].map(|()| other.next()), expected);
    left.outbox.close(Close::GoingAway);
    let last = left.socket.read().unwrap();
    assert!(last.is_close(), "it has missed an event, so it gets nothing after that: {last}");
}
