//! A thread that hashes for others.
//!
//! glibc keeps what a thread has freed for that thread and those that share its memory. Hashed on the threads of connections,
//! 19 MiB at a time would in the end be kept some sixteen times over for each two cores; here once a worker.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};

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
            for job in jobs {
                // Whoever waits for its answer learns that there is none.
                let _ = catch_unwind(AssertUnwindSafe(job));
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
