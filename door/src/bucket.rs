//! Token buckets: so many at once, so many a second on the long run. The clock is always passed in.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// What float arithmetic may lose; a wait that was kept must not fail for a rounding error.
const ROUNDING: f64 = 1e-6;
/// When a full map must forget keys that still matter, it forgets one in this many at once, so that
/// the search is paid for once in as many newcomers.
const FORGOTTEN_PART: usize = 8;

/// A bucket that begins full.
#[derive(Clone, Debug)]
pub struct Bucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    updated: Option<Instant>,
}

impl Bucket {
    /// At most `capacity` takes at once, `per_second` on the long run. A rate of 0 never refills:
    /// "no limit" is the caller's to decide.
    pub const fn new(capacity: f64, per_second: f64) -> Self {
        Self { capacity, per_second, tokens: capacity, updated: None }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// There is none; one will be after this wait.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let level = self.level(now);
        self.wait(level)?;
        self.tokens = (level - 1.0).max(0.0);
        // Not back in time: the seconds between would be paid out twice.
        self.updated = self.updated.max(Some(now));
        Ok(())
    }

    /// Whether [`Bucket::take`] would succeed; takes nothing.
    ///
    /// # Errors
    /// It would not; it will after this wait.
    pub fn peek(&self, now: Instant) -> Result<(), Duration> {
        self.wait(self.level(now))
    }

    fn wait(&self, level: f64) -> Result<(), Duration> {
        if level + ROUNDING >= 1.0 {
            return Ok(());
        }
        let wait = (1.0 - level) / self.per_second;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }

    /// Whether it holds all it can, so that forgetting it changes nothing.
    pub fn is_full(&self, now: Instant) -> bool {
        self.level(now) + ROUNDING >= self.capacity
    }

    fn level(&self, now: Instant) -> f64 {
        if self.updated == Some(now) {
            return self.tokens; // As for most of what one read brings.
        }
        let since = self.updated.map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        (self.tokens + since.as_secs_f64() * self.per_second).min(self.capacity)
    }
}

/// One bucket for each key, for at most so many keys. Shared between threads.
#[derive(Debug)]
pub struct Buckets<K> {
    fresh: Bucket,
    keys_max: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Buckets of that capacity and rate. Past `keys_max` (at least 1) it forgets full buckets, and
    /// if none is full, those longest not taken from.
    pub fn new(capacity: f64, per_second: f64, keys_max: usize) -> Self {
        let fresh = Bucket::new(capacity, per_second);
        Self { fresh, keys_max: keys_max.max(1), buckets: Mutex::default() }
    }

    /// Takes one token from the bucket of `key`.
    ///
    /// # Errors
    /// There is none; one will be after this wait.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = lock(&self.buckets);
        if let Some(bucket) = buckets.get_mut(&key) {
            return bucket.take(now);
        }
        if buckets.len() >= self.keys_max {
            make_room(&mut buckets, self.keys_max, now);
        }
        buckets.entry(key).or_insert_with(|| self.fresh.clone()).take(now)
    }

    /// Whether [`Buckets::take`] would succeed; takes nothing and remembers nothing.
    ///
    /// # Errors
    /// It would not; it will after this wait.
    pub fn peek(&self, key: &K, now: Instant) -> Result<(), Duration> {
        lock(&self.buckets).get(key).unwrap_or(&self.fresh).peek(now)
    }

    /// Forgets `key`: its bucket is full again.
    pub fn forget(&self, key: &K) {
        lock(&self.buckets).remove(key);
    }

    /// Keys remembered.
    pub fn len(&self) -> usize {
        lock(&self.buckets).len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn make_room<K: Hash + Eq + Clone>(
    buckets: &mut HashMap<K, Bucket>,
    keys_max: usize,
    now: Instant,
) {
    buckets.retain(|_, bucket| !bucket.is_full(now));
    if buckets.len() < keys_max {
        return;
    }
    let mut ages: Vec<(Option<Instant>, K)> =
        buckets.iter().map(|(key, bucket)| (bucket.updated, key.clone())).collect();
    let forgotten = (keys_max / FORGOTTEN_PART).max(1);
    ages.select_nth_unstable_by_key(forgotten - 1, |(updated, _)| *updated);
    for (_, key) in &ages[..forgotten] {
        buckets.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3.0, 2.0);
        assert_eq!((0..5).filter(|_| bucket.take(start).is_ok()).count(), 3);
        let wait = bucket.take(start).unwrap_err();
        assert_eq!(wait, SECOND / 2);
        assert!(bucket.peek(start + wait / 2).is_err());
        assert_eq!(bucket.take(start + wait), Ok(()));
        // Ten seconds later it is full, and no fuller.
        assert_eq!((0..5).filter(|_| bucket.take(start + 10 * SECOND).is_ok()).count(), 3);
    }

    #[test]
    fn the_wait_told_is_enough_whatever_the_rate() {
        for per_second in [0.1, 1.0 / 3.0, 0.7, 1.0 / 6.0, 7.0, 1e5] {
            let mut now = Instant::now();
            let mut bucket = Bucket::new(1.0, per_second);
            bucket.take(now).unwrap();
            for _ in 0..1000 {
                now += bucket.take(now).unwrap_err();
                assert_eq!(bucket.take(now), Ok(()), "{per_second}");
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let start = Instant::now() + SECOND;
        let mut bucket = Bucket::new(1.0, 1.0);
        bucket.take(start).unwrap();
        assert!(bucket.take(start - SECOND).is_err());
        // Nor is the same second paid out twice.
        let mut bucket = Bucket::new(2.0, 1.0);
        bucket.take(start).unwrap();
        bucket.take(start - SECOND).unwrap();
        assert!(bucket.take(start).is_err());
    }

    #[test]
    fn a_rate_of_nothing_never_refills() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1.0, 0.0);
        bucket.take(start).unwrap();
        assert_eq!(bucket.take(start + 1000 * SECOND), Err(Duration::MAX));
    }

    #[test]
    fn keys_do_not_share_and_peeking_takes_nothing() {
        let now = Instant::now();
        let buckets = Buckets::new(1.0, 1.0, 10);
        assert!(buckets.peek(&"a", now).is_ok() && buckets.is_empty());
        assert!(buckets.take("a", now).is_ok());
        assert!(buckets.peek(&"a", now).is_err());
        assert!(buckets.take("b", now).is_ok());
        buckets.forget(&"a");
        assert!(buckets.take("a", now).is_ok());
    }

    #[test]
    fn a_full_map_forgets_full_buckets_first() {
        let start = Instant::now();
        let buckets = Buckets::new(2.0, 0.5, 2);
        buckets.take("emptied", start).unwrap();
        buckets.take("emptied", start).unwrap();
        buckets.take("refilled", start + SECOND).unwrap();
        let now = start + 3 * SECOND;
        buckets.take("new", now).unwrap();
        assert_eq!(buckets.len(), 2);
        buckets.take("emptied", now).unwrap();
        assert!(buckets.peek(&"emptied", now).is_err(), "it was older, but remembered");
    }

    #[test]
    fn if_none_is_full_the_stalest_is_forgotten() {
        let start = Instant::now();
        let buckets = Buckets::new(1.0, 0.001, 3);
        for (key, second) in [("b", 2), ("a", 1), ("c", 3), ("d", 4)] {
            buckets.take(key, start + second * SECOND).unwrap();
        }
        let now = start + 4 * SECOND;
        assert!(buckets.peek(&"a", now).is_ok());
        assert!(["b", "c", "d"].iter().all(|key| buckets.peek(key, now).is_err()));
    }

    #[test]
    fn the_map_never_outgrows_its_bound() {
        let now = Instant::now();
        let buckets = Buckets::new(1.0, 0.001, 64);
        for key in 0..10_000 {
            buckets.take(key, now).unwrap();
            assert!(buckets.len() <= 64);
        }
    }
}
