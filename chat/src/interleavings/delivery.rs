//! Events of this node and of others reach connections that come, stay and leave.

use std::sync::Arc;
use std::time::Instant;

use shuttle::thread;
use wire::{AccountId, Seq};

use super::explore;
use crate::clock::now_ms;
use crate::committer::{Committer, Task};
use crate::hub::Endpoint;
use crate::replay::{Progress, Replay};
use crate::test_support::{self, Device, TestNode, batch};

/// Messages that another node stores, and that connections of this node send.
const MESSAGES: usize = 2;

/// Another node stores messages from Alice to Bob, and tells this node.
fn other_node(node: &Arc<TestNode>, messages: usize) -> thread::JoinHandle<()> {
    let node = Arc::clone(node);
    thread::spawn(move || {
        for _ in 0..messages {
            let batch = batch(node.alice, node.bob, "elsewhere", None);
            let committed = node.store.commit(&batch, now_ms()).unwrap();
            let heads: Vec<_> =
                committed.events.iter().flat_map(|event| event.to.clone()).collect();
            node.inbox.heads_grown(&heads);
        }
    })
}

/// A connection of Bob that sends messages. `stays`: it remains connected.
fn sender(
    node: &Arc<TestNode>,
    committer: &Committer,
    device: Device,
    stays: bool,
) -> thread::JoinHandle<Device> {
    let (node, committer) = (Arc::clone(node), committer.clone());
    thread::spawn(move || {
        for number in 0..MESSAGES {
            let reference = format!("{stays}-{number}");
            for submission in batch(node.bob, node.alice, "here", Some(&reference)).submissions {
                let origin = Some(Arc::clone(&device.outbox));
                assert!(committer.submit(Task::Operation(submission, origin)));
            }
        }
        if !stays {
            node.hub.unregister(node.bob, &device.outbox);
            device.outbox.finish();
        }
        device
    })
}

/// A connection of Bob that comes, and reads its log from the beginning.
fn newcomer(node: &Arc<TestNode>) -> thread::JoinHandle<Device> {
    let node = Arc::clone(node);
    thread::spawn(move || {
        let device = test_support::device();
        device.outbox.start_replay();
        let endpoint = Endpoint { outbox: Arc::clone(&device.outbox), session: None, since: 0 };
        node.hub.register(node.bob, endpoint);
        let mut replay = Replay::new(node.bob, Seq(0), head(&node, node.bob));
        while matches!(replay.step(&node.store, &device.outbox), Progress::More) {}
        device
    })
}

fn head(node: &TestNode, account: AccountId) -> Seq {
    node.store.heads_after_doubt(&[account]).unwrap()[0].1
}

/// The numbers of the events that a connection was sent, as events or as answers.
fn numbers(device: &mut Device) -> Vec<i64> {
    let number = |text: String| text.split(' ').nth(1).unwrap().parse().unwrap();
    device.rest().into_iter().map(number).collect()
}

#[test]
fn each_connection_gets_every_event_once_and_in_order() {
    let store = test_support::store();
    explore(move || {
        let (node, committer, ended) = super::node(&store);
        let [mut alice, staying, leaving] =
            [node.alice, node.bob, node.bob].map(|account| node.device(account));
        let staying = sender(&node, &committer, staying, true);
        let leaving = sender(&node, &committer, leaving, false);
        let (newcomer, other_node) = (newcomer(&node), other_node(&node, MESSAGES));
        let (mut staying, mut newcomer) = (staying.join().unwrap(), newcomer.join().unwrap());
        let mut leaving = leaving.join().unwrap();
        other_node.join().unwrap();
        committer.close();
        assert!(ended.wait_until(Instant::now()));
        node.end();
        let all: Vec<i64> = (1..=head(&node, node.bob).0).collect();
        assert_eq!(all.len(), 3 * MESSAGES);
        assert_eq!(numbers(&mut staying), all);
        assert_eq!(numbers(&mut newcomer), all);
        assert_eq!(numbers(&mut alice), all);
        let until_it_left = numbers(&mut leaving);
        assert_eq!(until_it_left, all[..until_it_left.len()]);
    });
}

#[test]
fn who_goes_live_while_an_event_is_delivered_gets_it_once() {
    let store = test_support::store();
    explore(move || {
        let node = Arc::new(TestNode::on(Arc::clone(&store)));
        // After its last event nothing else would reveal a gap.
        let (newcomer, other_node) = (newcomer(&node), other_node(&node, 1));
        let mut newcomer = newcomer.join().unwrap();
        other_node.join().unwrap();
        node.end();
        assert_eq!(numbers(&mut newcomer), [1]);
    });
}
