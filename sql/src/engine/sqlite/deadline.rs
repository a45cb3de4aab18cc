//! Interrupts statements that take too long. SQLite calls a handler at intervals, which ends the statement after its deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::Result;

/// Instructions of SQLite's virtual machine between two calls of the handler: well under a millisecond.
const STEPS: i32 = 1000;

/// The deadline of the statement that a connection runs.
pub(super) struct Deadline {
    timeout: Option<Duration>,
    opened: Instant,
    /// The deadline, in milliseconds since `opened`.
    at: Arc<AtomicU64>,
}

impl Deadline {
    /// Interrupts statements of this connection that take longer than `timeout`.
    pub(super) fn new(connection: &mut Connection, timeout: Option<Duration>) -> Result<Self> {
        let (opened, at) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
        if timeout.is_some() {
            let at = Arc::clone(&at);
            let is_over = move || millis(opened.elapsed()) >= at.load(Ordering::Relaxed);
            connection.progress_handler(STEPS, Some(is_over))?;
        }
        Ok(Self { timeout, opened, at })
    }

    /// Starts the time of the next statement. Must be called before each statement.
    pub(super) fn restart(&self) {
        if let Some(timeout) = self.timeout {
            self.at.store(millis(self.opened.elapsed() + timeout), Ordering::Relaxed);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    const FOR_EVER: &str = "with recursive n (i) as (select 1 union all select i + 1 from n) \
                            select count(*) from n";

    #[test]
    fn a_statement_that_takes_too_long_is_interrupted_and_the_next_one_runs() {
        let mut connection = Connection::open_in_memory().unwrap();
        let deadline = Deadline::new(&mut connection, Some(Duration::from_millis(50))).unwrap();
        for _ in 0..2 {
            deadline.restart();
            let counted = connection.query_row(FOR_EVER, [], |row| row.get::<_, i64>(0));
            assert!(matches!(counted.map_err(Error::from), Err(Error::TimedOut(_))));
            deadline.restart();
            connection.query_row("select 1", [], |row| row.get::<_, i64>(0)).unwrap();
        }
    }
}
