//! Opening: migrations, newer schemas, two nodes at once, a database that is away.

use std::sync::Barrier;

use sql::{DatabaseUrl, OpenError, Store};

pub fn two_nodes_may_start_at_once(url: &DatabaseUrl) {
    const NODES: usize = 4;
    let barrier = Barrier::new(NODES);
    std::thread::scope(|scope| {
        for _ in 0..NODES {
            scope.spawn(|| {
                barrier.wait();
                crate::open(url).health().unwrap();
            });
        }
    });
}

/// `raise` sets the version in the database to 1,000,000.
pub fn a_newer_schema_is_refused(url: &DatabaseUrl, raise: impl FnOnce()) {
    crate::open(url);
    raise();
    match Store::open(url, sql::ContactPolicy::Request, &|_| false).err() {
        Some(error @ OpenError::NewerSchema { found: 1_000_000, .. }) => {
            assert!(error.to_string().contains("use a newer program"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

pub fn what_waiting_would_not_mend_is_said_at_once() {
    let url: DatabaseUrl = "sqlite:/nowhere/at/all.db".parse().unwrap();
    let error =
        Store::open(&url, sql::ContactPolicy::Request, &|_| panic!("there is nothing to wait for"))
            .err()
            .unwrap();
    assert!(error.to_string().contains("/nowhere/at/all.db"), "{error}");
}
