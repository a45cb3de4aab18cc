//! The one thread on which asynchronous libraries run.
//!
//! The servers are blocking: each connection has a thread. A library that exists only in an asynchronous form, such as the clients of
//! NATS, S3 and HTTP, runs on the one thread of this crate. All such libraries of a process share this thread and its tokio runtime.
//! Both start with the first call.

use std::future::Future;
use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use os_thread::lock;
use tokio::runtime::{Builder, Handle};

/// Stack of the thread: TLS handshakes and request building of the libraries run on it.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// The reason why a future has no result.
#[derive(Debug)]
pub enum Failure {
    /// The future was not ready at the deadline. It has been dropped.
    Late,
    /// The future panicked.
    Panicked,
    /// The system has no thread or no descriptor for the runtime.
    NotStarted(io::Error),
}

/// Starts `future` on the runtime's thread and returns at once. Nobody learns how it ends.
///
/// The future must not block: everything asynchronous of the process waits for it.
///
/// # Errors
/// The system has no thread or no descriptor for the runtime. A later call tries again.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    drop(handle()?.spawn(future));
    Ok(())
}

/// Runs `future` on the runtime's thread and waits for its result, at most `deadline`. After that the future is dropped.
///
/// For threads that may block. On the runtime's own thread this would wait for itself until the deadline.
///
/// # Errors
/// [`Failure`] says why there is no result.
pub fn wait<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
    deadline: Duration,
) -> Result<T, Failure> {
    let (sender, receiver) = sync_channel(1);
    let task = handle().map_err(Failure::NotStarted)?.spawn(async move {
        // Whoever waited may have given up.
        let _ = sender.send(future.await);
    });
    receiver.recv_timeout(deadline).map_err(|error| match error {
        RecvTimeoutError::Timeout => {
            task.abort();
            Failure::Late
        }
        RecvTimeoutError::Disconnected => Failure::Panicked,
    })
}

fn handle() -> io::Result<Handle> {
    static HANDLE: Mutex<Option<Handle>> = Mutex::new(None);
    let mut kept = lock(&HANDLE);
    if let Some(handle) = &*kept {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    os_thread::spawn("async", STACK_BYTES, move || {
        runtime.block_on(std::future::pending::<()>());
    })?;
    *kept = Some(handle.clone());
    Ok(handle)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Failure, wait};

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn all_futures_run_on_one_thread() {
        let on = || wait(async { std::thread::current().id() }, LONG).unwrap();
        assert_eq!(on(), on());
        assert_ne!(on(), std::thread::current().id());
    }

    #[test]
    fn a_late_future_is_dropped() {
        let held = Arc::new(());
        let moved = Arc::clone(&held);
        let forever = async move {
            let _held = moved;
            std::future::pending::<()>().await;
        };
        assert!(matches!(wait(forever, Duration::from_millis(10)), Err(Failure::Late)));
        // The task is dropped by the thread, which runs tasks in turn.
        for _ in 0..3 {
            wait(async { tokio::task::yield_now().await }, LONG).unwrap();
        }
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_panic_ends_only_its_future() {
        assert!(matches!(
            wait(async { panic!("expected") }, LONG),
            Err::<(), _>(Failure::Panicked)
        ));
        wait(async {}, LONG).unwrap();
    }
}
