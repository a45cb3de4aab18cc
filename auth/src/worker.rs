//! A thread that hashes for others.
//!
//! glibc keeps what a thread has freed for that thread and those that share its memory: hashed on the threads of connections,
//! 19 MiB at a time would be kept for many of them. A worker gives them back once nobody has wanted a hash for a while.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};

use crate::limit::HASH_MEMORY_KEPT;

type Job = Box<dyn FnOnce() + Send>;

/// The way to one thread, which ends when this is dropped.
pub(crate) struct Worker(SyncSender<Job>);

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        // Whoever holds it waits for each job.
        let (sender, jobs) = sync_channel::<Job>(1);
        door::thread::spawn("auth-hash", door::limit::SERVICE_STACK_BYTES, move || {
            let mut has_worked = false;
            loop {
                let job = match has_worked {
                    true => jobs.recv_timeout(HASH_MEMORY_KEPT),
                    false => jobs.recv().map_err(RecvTimeoutError::from),
                };
                match job {
                    // Whoever waits for the answer of one that panics learns that there is none.
                    Ok(job) => {
                        has_worked = catch_unwind(AssertUnwindSafe(job)).is_ok() || has_worked
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        has_worked = false;
                        door::thread::trim_heap();
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Does `work` there and waits for what comes of it; nothing if it panics.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = sync_channel(1);
        self.0.send(Box::new(move || drop(tell.send(work())))).ok()?;
        told.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Worker;

    #[test]
    fn a_panic_ends_one_job() {
        let worker = Worker::start().unwrap();
        let thread = || std::thread::current().id();
        let first = worker.run(thread).unwrap();
        assert_ne!(first, thread());
        assert_eq!(worker.run(|| -> () { panic!("on purpose") }), None);
        assert_eq!(worker.run(thread), Some(first), "the same thread");
    }
}
