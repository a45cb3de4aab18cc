//! The structures that several threads share, with the threads' steps in many orders. The crate `shuttle` runs one
//! thread at a time, and chooses at each lock, wait and atomic operation which one goes on.
//!
//!     cargo test --workspace --lib --features chat/shuttle interleavings
//!
//! `INTERLEAVINGS=20000` sets the number of orders for each test, `INTERLEAVINGS_SEED=7` chooses others. A failing test
//! fails again with the same two settings, run alone. Without the filter `interleavings` other tests of `chat` would run
//! with these locks, outside of `shuttle`, and fail.
//!
//! What `shuttle` does not know runs as one step: a call of the store (SQLite in memory), a `send` to a socket. Waits with a
//! deadline last until they are woken.

mod committer;
mod delivery;
mod inbox;
mod outbox;

use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};
use sql::Store;

use crate::committer::Committer;
use crate::service::Ended;
use crate::test_support::TestNode;

/// Orders tried for each test and way to choose them, unless `INTERLEAVINGS` is set.
const ORDERS: usize = 300;
/// More steps than any test needs: threads that give each other work without end fail the test.
const STEPS_MAX: usize = 20_000;
/// Stack of a thread. SQLite needs much of it.
const STACK_BYTES: usize = 1024 * 1024;
/// How often a thread is interrupted by one of a lower priority, where threads have priorities
/// (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010).
const CHANGES_MAX: usize = 3;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// Runs `test` in many orders: of these every step is chosen at random, or the threads have random priorities that
/// change a few times.
fn explore(test: impl Fn() + Send + Sync + 'static) {
    let orders = usize::try_from(setting("INTERLEAVINGS", ORDERS as u64)).unwrap();
    let (seed, test) = (setting("INTERLEAVINGS_SEED", 1), Arc::new(test));
    run(RandomScheduler::new_from_seed(seed, orders), Arc::clone(&test));
    run(PctScheduler::new_from_seed(seed, CHANGES_MAX, orders), test);
}

/// A node on this store, and its committer with the thread.
fn node(store: &Arc<Store>) -> (Arc<TestNode>, Committer, Ended) {
    let node = Arc::new(TestNode::on(Arc::clone(store)));
    let (store, hub) = (Arc::clone(&node.store), Arc::clone(&node.hub));
    let (committer, ended) = Committer::start(store, hub, node.inbox.clone(), None).unwrap();
    (node, committer, ended)
}

fn run(scheduler: impl Scheduler + 'static, test: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    Runner::new(scheduler, config).run(move || test());
}
