//! Token buckets: they bound a burst and the long-term rate. The time is always a parameter.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use os_thread::lock;

/// Tolerance for rounding errors, so that a take after exactly the announced wait succeeds.
const ROUNDING: f64 = 1e-6;

/// A bucket that begins full.
#[derive(Clone, Debug)]
pub struct Bucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    updated: Option<Instant>,
}

impl Bucket {
    /// Allows `capacity` takes at once and `per_second` in the long term. A rate of 0 never refills; callers for which 0 means
    /// "no limit" must not use a bucket then.
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

    /// Whether the bucket is full, so that it can be dropped and created anew without a difference.
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

/// Rows of [`Buckets`]. Each key has one cell in each row.
const ROWS: usize = 4;

/// A bucket for each key, in a fixed amount of memory for any number of keys. Shared between threads.
///
/// It is a count-min sketch: a key has one cell in each of four rows, at a position given by a keyed hash, which a client
/// cannot compute. The key has a token as long as one of its four cells has one, and a take reduces the fullest cells. So no
/// key is ever evicted to make room for others. A client that empties the buckets of many keys empties all four cells of
/// another key only by chance, with a probability of the share of emptied cells to the fourth power.
#[derive(Debug)]
pub struct Buckets {
    /// Nanoseconds until a token comes back.
    token: u64,
    /// Nanoseconds until all of them but one have come back.
    slack: u64,
    hashes: [RandomState; ROWS],
    begin: Instant,
    /// Cells of a row.
    width: usize,
    /// Row after row: the nanoseconds after `begin` at which the cell is full.
    full_at: Mutex<Vec<u64>>,
}

impl Buckets {
    /// Buckets of that capacity (at least 1) and rate (more than 0), in rows of `width` cells (at least 1).
    pub fn new(capacity: f64, per_second: f64, width: usize) -> Self {
        let nanos = |seconds: f64| {
            let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            // A century is for ever, and sums of a few still fit.
            u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX / 8)
        };
        let width = width.max(1);
        Self {
            token: nanos(1.0 / per_second),
            slack: nanos((capacity - 1.0).max(0.0) / per_second),
            hashes: std::array::from_fn(|_| RandomState::new()),
            begin: Instant::now(),
            width,
            full_at: Mutex::new(vec![0; ROWS * width]),
        }
    }

    /// Takes one token from the bucket of `key`.
    ///
    /// # Errors
    /// There is none; one will be after this wait.
    pub fn take(&self, key: &impl Hash, now: Instant) -> Result<(), Duration> {
        let (cells, now) = (self.cells(key), self.since_begin(now));
        let mut full_at = lock(&self.full_at);
        let fullest = self.fullest(&full_at, &cells);
        self.wait(fullest, now)?;
        // Cells that other keys have emptied further are left as they are.
        let after = fullest.max(now) + self.token;
        for cell in cells {
            full_at[cell] = full_at[cell].max(after);
        }
        Ok(())
    }

    /// Whether [`Buckets::take`] would succeed; takes nothing.
    ///
    /// # Errors
    /// It would not; it will after this wait.
    pub fn peek(&self, key: &impl Hash, now: Instant) -> Result<(), Duration> {
        let cells = self.cells(key);
        let fullest = self.fullest(&lock(&self.full_at), &cells);
        self.wait(fullest, self.since_begin(now))
    }

    fn cells(&self, key: &impl Hash) -> [usize; ROWS] {
        std::array::from_fn(|row| {
            let hash = self.hashes[row].hash_one(key) % self.width as u64;
            row * self.width + hash as usize
        })
    }

    fn fullest(&self, full_at: &[u64], cells: &[usize; ROWS]) -> u64 {
        cells.iter().map(|cell| full_at[*cell]).min().unwrap_or(0)
    }

    fn wait(&self, full_at: u64, now: u64) -> Result<(), Duration> {
        match full_at.saturating_sub(now).saturating_sub(self.slack) {
            0 => Ok(()),
            nanos => Err(Duration::from_nanos(nanos)),
        }
    }

    fn since_begin(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.begin).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX).min(u64::MAX / 8)
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
        let buckets = Buckets::new(1.0, 1.0, 1024);
        assert!(buckets.peek(&"a", now).is_ok());
        assert!(buckets.take(&"a", now).is_ok());
        assert!(buckets.peek(&"a", now).is_err());
        assert!(buckets.take(&"b", now).is_ok());
    }

    #[test]
    fn each_key_has_a_burst_then_the_rate() {
        let buckets = Buckets::new(3.0, 2.0, 1024);
        let start = Instant::now() + SECOND;
        let takes = |now| (0..5).filter(|_| buckets.take(&7, now).is_ok()).count();
        assert_eq!(takes(start), 3);
        let wait = buckets.peek(&7, start).unwrap_err();
        assert_eq!(wait, SECOND / 2);
        assert!(buckets.take(&7, start + wait - Duration::from_nanos(1)).is_err());
        assert_eq!(takes(start + wait), 1);
        // Ten seconds later it is full, and no fuller.
        assert_eq!(takes(start + 10 * SECOND), 3);
        // A clock that goes back gives nothing.
        assert_eq!(takes(start), 0);
    }

    #[test]
    fn the_wait_told_is_enough_whatever_the_rate_of_keys() {
        for per_second in [0.1, 1.0 / 3.0, 0.7, 1.0 / 60.0, 7.0, 1e5] {
            let buckets = Buckets::new(1.0, per_second, 64);
            let mut now = Instant::now();
            buckets.take(&(), now).unwrap();
            for _ in 0..100 {
                now += buckets.take(&(), now).unwrap_err();
                assert_eq!(buckets.take(&(), now), Ok(()), "{per_second}");
            }
        }
    }

    #[test]
    fn other_keys_neither_refill_an_empty_bucket_nor_empty_a_full_one() {
        const WIDTH: usize = 1024;
        let (now, buckets) = (Instant::now(), Buckets::new(2.0, 0.001, WIDTH));
        while buckets.take(&"emptied", now).is_ok() {}
        // As many other keys as a row has cells, a quarter of them emptied.
        for key in 0..WIDTH {
            let takes = if key % 4 == 0 { 2 } else { 1 };
            (0..takes).for_each(|_| {
                let _ = buckets.take(&key, now);
            });
        }
        assert!(buckets.peek(&"emptied", now).is_err(), "never forgotten");
        let spoilt = (WIDTH..2 * WIDTH).filter(|key| buckets.peek(key, now).is_err()).count();
        assert!(spoilt < WIDTH / 20, "{spoilt} of {WIDTH} others are refused");
    }
}
