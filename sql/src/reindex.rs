//! Rebuilds the index of words while the program runs, after an upgrade has emptied it.
//!
//! What is done is in the database: a program that stops in the middle goes on at its next start. Till then searches read the
//! messages that are not in the index, so that they find the same.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::engine::IndexCursor;
use crate::pool::Requester;
use crate::{Result, Store};

/// The pause between two tries while the database is away.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// Rebuilding that takes longer is logged.
const TOLD_AFTER: Duration = Duration::from_secs(1);

const BEGINNING: IndexCursor = (0, 0);

impl Store {
    /// Brings all messages into the index that are not in it, a few at a time so that nobody waits long, until that is done or
    /// `stops_within`, which waits that long, tells to stop.
    ///
    /// For a thread of its own. If there is one for this store already, it returns at once.
    pub fn run_reindexer(&self, stops_within: impl Fn(Duration) -> bool) {
        if self.is_indexing.swap(true, Ordering::Relaxed) {
            return;
        }
        let (mut place, begun, mut is_told) = (BEGINNING, Instant::now(), false);
        loop {
            let pause = match self.index_some(place) {
                Ok(None) if place == BEGINNING => break,
                // Somebody may have been at some that were passed over.
                Ok(None) => {
                    place = BEGINNING;
                    Duration::ZERO
                }
                Ok(Some(next)) => {
                    place = next;
                    Duration::ZERO
                }
                Err(_) => RETRY_INTERVAL,
            };
            if !is_told && begun.elapsed() >= TOLD_AFTER {
                is_told = true;
                tracing::info!(
                    "the index of words is being made anew; till then searches take longer"
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

    /// Brings some messages into the index; what [`Engine::index_some`](crate::engine::Engine::index_some) returns.
    fn index_some(&self, place: IndexCursor) -> Result<Option<IndexCursor>> {
        self.write(Requester::Server, |engine| engine.index_some(place))
    }
}
