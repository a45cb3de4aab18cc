//! Rebuilds the index of words while the program runs, after an upgrade has emptied it.
//!
//! The progress is in the database, so a program that stops in the middle continues at its next start. Until the index is complete,
//! searches read the messages that are missing in it, so they find the same messages.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::engine::IndexCursor;
use crate::pool::Requester;
use crate::{Result, Store};

/// The pause between two tries while the database is away.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// The progress is logged only if rebuilding takes longer than this.
const TOLD_AFTER: Duration = Duration::from_secs(1);

const BEGINNING: IndexCursor = (0, 0);

impl Store {
    /// Adds all messages that are missing in the index, a few in each transaction, so that requests do not wait long. Returns when the
    /// index is complete, or when `stops_within`, which waits for the given time, returns that it must stop.
    ///
    /// Call it on a thread of its own. If there is such a thread for this store already, it returns at once.
    pub fn run_reindexer(&self, stops_within: impl Fn(Duration) -> bool) {
        if self.is_indexing.swap(true, Ordering::Relaxed) {
            return;
        }
        let (mut cursor, begun, mut is_told) = (BEGINNING, Instant::now(), false);
        loop {
            let pause = match self.index_some(cursor) {
                Ok(None) if cursor == BEGINNING => break,
                // Locked messages were skipped, so begin again until nothing is missing.
                Ok(None) => {
                    cursor = BEGINNING;
                    Duration::ZERO
                }
                Ok(Some(next)) => {
                    cursor = next;
                    Duration::ZERO
                }
                Err(_) => RETRY_INTERVAL,
            };
            if !is_told && begun.elapsed() >= TOLD_AFTER {
                is_told = true;
                tracing::info!(
                    "rebuilding the index of words; searches take longer until it is complete"
                );
            }
            if stops_within(pause) {
                return;
            }
        }
        if is_told {
            tracing::info!(seconds = begun.elapsed().as_secs(), "the index of words is complete");
        }
    }

    /// Runs one step of [`Engine::index_some`](crate::engine::Engine::index_some) in a transaction.
    fn index_some(&self, cursor: IndexCursor) -> Result<Option<IndexCursor>> {
        self.write(Requester::Server, |engine| engine.index_some(cursor))
    }
}
