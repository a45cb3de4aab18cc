//! A thread that hashes passwords.
//!
//! glibc keeps freed memory for the thread that has freed it. If the threads of connections hashed, it would keep 19
//! MiB for many of them. A worker returns the memory to the system once it has had no job for a while.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};

use crate::limit::HASH_MEMORY_KEPT;

type Job = Box<dyn FnOnce() + Send>;

/// A handle of the thread, which ends when the handle is dropped.
pub(crate) struct Worker(SyncSender<Job>);

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        // The holder waits for each job.
        let (sender, jobs) = sync_channel::<Job>(1);
        os_thread::spawn("auth-hash", os_thread::SERVICE_STACK_BYTES, move || {
            let mut has_worked = false;
            loop {
                let job = match has_worked {
                    true => jobs.recv_timeout(HASH_MEMORY_KEPT),
                    false => jobs.recv().map_err(RecvTimeoutError::from),
                };
                match job {
                    // If a job panics, its sender is dropped, so the waiting thread learns that there is no result.
                    Ok(job) => {
                        has_worked = true;
                        let _ = catch_unwind(AssertUnwindSafe(job));
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        has_worked = false;
                        os_thread::trim_heap();
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Runs `work` on the thread and waits for its result. `None` if it panics.
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
    use std::time::Instant;

    use super::*;

    /// Resident KiB of the process.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_a_job_has_freed_is_given_back_after_a_while() {
        let worker = Worker::start().unwrap();
        // Far more than the hashes of other tests; the last block keeps the heap from shrinking by itself.
        let work = || {
            let mut blocks: Vec<Vec<u8>> = (0..4000).map(|_| vec![1; 64 * 1024]).collect();
            (blocks.pop(), resident())
        };
        let (_last, full) = worker.run(work).unwrap();
        let deadline = Instant::now() + 20 * HASH_MEMORY_KEPT;
        while full < resident() + 128 * 1024 {
            assert!(Instant::now() < deadline, "{full} KiB, and still {}", resident());
            std::thread::yield_now();
        }
    }

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
