//! Threads that the server joins when it stops.

use std::io;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use crate::sync::{self, Receiver, sync_channel};

/// Starts a thread.
///
/// # Errors
/// The system has no thread for it.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Ended> {
    let (alive, ended) = sync_channel(0);
    sync::spawn(name, move || {
        // Dropped last, also by a panic.
        let _alive = alive;
        run();
    })?;
    Ok(Ended(ended))
}

/// The end of a thread.
pub(crate) struct Ended(Receiver<()>);

impl Ended {
    /// Waits until the thread has ended. False if it has not by `deadline`.
    pub(crate) fn wait_until(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        self.0.recv_timeout(left) == Err(RecvTimeoutError::Disconnected)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_end_of_a_thread_is_waited_for_until_a_deadline() {
        let (release, held) = sync_channel::<()>(0);
        let ended = spawn("test", move || held.recv().unwrap()).unwrap();
        assert!(!ended.wait_until(Instant::now()));
        release.send(()).unwrap();
        assert!(ended.wait_until(Instant::now() + Duration::from_secs(20)));
        let ended = spawn("test", || panic!("the thread of this test ends by a panic")).unwrap();
        assert!(ended.wait_until(Instant::now() + Duration::from_secs(20)));
    }
}
