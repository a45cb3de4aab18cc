//! Connections submit operations while the committer is closed.

use std::sync::Arc;

use shuttle::thread;

use super::explore;
use crate::committer::Task;
use crate::test_support::{self, batch};

const CLIENTS: usize = 2;
const MESSAGES: usize = 2;

#[test]
fn each_operation_that_is_taken_is_answered_once_also_while_the_server_stops() {
    let store = test_support::store();
    explore(move || {
        let (node, committer, ended) = super::node(&store);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (node, committer) = (Arc::clone(&node), committer.clone());
                thread::spawn(move || {
                    let device = node.device(node.bob);
                    let mut taken = Vec::new();
                    for message in 0..MESSAGES {
                        let reference = format!("{number}-{message}");
                        let batch = batch(node.bob, node.alice, "x", Some(&reference));
                        for submission in batch.submissions {
                            let origin = Some(Arc::clone(&device.outbox));
                            if committer.submit(Task::Operation(submission, origin)) {
                                taken.push(reference.clone());
                            }
                        }
                    }
                    (device, taken)
                })
            })
            .collect();
        let closing = committer.clone();
        let closed = thread::spawn(move || closing.close());
        let clients: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        closed.join().unwrap();
        assert!(ended.wait_until(std::time::Instant::now()));
        node.end();
        let stored = node.store.heads_after_doubt(&[node.bob]).unwrap()[0].1.0;
        let all: usize = clients.iter().map(|(_, taken)| taken.len()).sum();
        assert_eq!(stored, all as i64);
        for (mut device, taken) in clients {
            let answered = device.rest().iter().filter(|text| text.starts_with("sent")).count();
            assert_eq!(answered, taken.len());
        }
    });
}
