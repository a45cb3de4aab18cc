//! The bounds that all objects being written to a bucket share: bytes in memory, and requests to the bucket.
//!
//! An object counts with the memory that it occupies, so an object whose bytes arrive slowly takes little from others.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use os_thread::lock;

use crate::error::{Cause, Failure};

#[derive(Debug)]
pub(super) struct Writing {
    bytes_max: usize,
    requests_max: usize,
    used: Mutex<Used>,
    /// Signalled when a request has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Used {
    bytes: usize,
    requests: usize,
}

impl Writing {
    pub(super) fn new(bytes_max: usize, requests_max: usize) -> Arc<Self> {
        let (used, ended) = (Mutex::default(), Condvar::new());
        Arc::new(Self { bytes_max, requests_max, used, ended })
    }

    /// Waits until a request to the bucket may begin. The request counts until the result is dropped.
    ///
    /// # Errors
    /// [`Cause::Busy`] after `wait`.
    pub(super) fn request(self: &Arc<Self>, wait: Duration) -> io::Result<WriteRequest> {
        let deadline = Instant::now() + wait;
        let mut used = lock(&self.used);
        while used.requests >= self.requests_max {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let text = format!("{} requests at a time", self.requests_max);
                return Err(Failure::error(Cause::Busy, text));
            }
            let waited = self.ended.wait_timeout(used, left);
            used = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        used.requests += 1;
        Ok(WriteRequest(Arc::clone(self)))
    }
}

/// The bytes of an object until it is written.
#[derive(Debug)]
pub(super) struct HeldBytes {
    writing: Arc<Writing>,
    bytes: Vec<u8>,
}

impl HeldBytes {
    pub(super) fn new(writing: &Arc<Writing>) -> Self {
        Self { writing: Arc::clone(writing), bytes: Vec::new() }
    }

    /// # Errors
    /// [`Cause::Busy`] if all objects together would have too much memory.
    pub(super) fn extend(&mut self, more: &[u8]) -> io::Result<()> {
        let (capacity, length) = (self.bytes.capacity(), self.bytes.len() + more.len());
        if length > capacity {
            let wanted = length.max(2 * capacity);
            let mut used = lock(&self.writing.used);
            if used.bytes + (wanted - capacity) > self.writing.bytes_max {
                let text = format!("{} bytes at a time", self.writing.bytes_max);
                return Err(Failure::error(Cause::Busy, text));
            }
            used.bytes += wanted - capacity;
            drop(used);
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// The bytes, to be sent. They count until the second part of the result is dropped.
    pub(super) fn take(&mut self) -> (Vec<u8>, CountedBytes) {
        let bytes = std::mem::take(&mut self.bytes);
        let counted = CountedBytes(Arc::clone(&self.writing), bytes.capacity());
        (bytes, counted)
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Bytes that are still in memory.
pub(super) struct CountedBytes(Arc<Writing>, usize);

impl Drop for CountedBytes {
    fn drop(&mut self) {
        lock(&self.0.used).bytes -= self.1;
    }
}

/// A request that writes an object.
pub(super) struct WriteRequest(Arc<Writing>);

impl Drop for WriteRequest {
    fn drop(&mut self) {
        lock(&self.0.used).requests -= 1;
        self.0.ended.notify_one();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn is_busy<T>(done: io::Result<T>) -> bool {
        done.is_err_and(|error| Cause::of(&error) == Cause::Busy)
    }

    #[test]
    fn objects_have_so_many_bytes_together_however_many_they_are() {
        let writing = Writing::new(1000, 1);
        let mut slow: Vec<_> = (0..500).map(|_| HeldBytes::new(&writing)).collect();
        slow.iter_mut().for_each(|it| it.extend(b"x").unwrap());
        let mut fast = HeldBytes::new(&writing);
        fast.extend(&[b'y'; 500]).unwrap();
        assert!(is_busy(slow[0].extend(b"xx")) && is_busy(fast.extend(b"y")));
        drop(slow);
        fast.extend(&[b'z'; 300]).unwrap();
        assert_eq!(lock(&writing.used).bytes, 1000, "what is reserved counts");
        let (bytes, counted) = fast.take();
        assert!(bytes.len() == 800 && bytes.ends_with(b"z"));
        drop((bytes, fast));
        assert!(is_busy(HeldBytes::new(&writing).extend(b"x")), "as long as it is being sent");
        drop(counted);
        assert_eq!(lock(&writing.used).bytes, 0);
    }

    #[test]
    fn a_request_waits_for_another_and_not_for_ever() {
        let writing = Writing::new(1, 1);
        let first = writing.request(Duration::ZERO).unwrap();
        assert!(is_busy(writing.request(Duration::from_millis(1))));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| writing.request(Duration::from_secs(60)).map(drop));
            drop(first);
            second.join().unwrap().unwrap();
        });
        assert_eq!(lock(&writing.used).requests, 0);
    }
}
