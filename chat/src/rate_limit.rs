//! The rate limits of an account, over all its connections to this node.
//!
//! The connections of an account share its [`RateLimit`]. It is kept after the last one has ended until it is full
//! again, so a client that reconnects quickly gets no new burst.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::bucket::Bucket;
use wire::AccountId;

use crate::limit::{
    ACCOUNTS_REMEMBERED_MAX, HELLOS_BURST, HELLOS_PER_SECOND, LIVE_BURST, LIVE_PER_SECOND,
    PINGS_PER_MESSAGE, RATE_BURST_SECONDS, RECEIPTS_PER_MESSAGE, UNKNOWN_FRAMES_MAX,
    UNKNOWN_FRAMES_PER_SECOND,
};

/// The kinds of frames that are counted, each with a bucket of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RateKind {
    /// Any frame, even if it is refused.
    Frame,
    /// `received` or `read`, whose number depends on what others send.
    Receipt,
    /// The bare text `ping`, and WebSocket pings and pongs.
    Ping,
    /// A hello with a valid token.
    Hello,
    /// `typing` that is sent to others. It has a limit even if `--message-rate` is 0.
    Live,
}

/// The rate limits of one account. The default has no limits.
pub(crate) struct RateLimit {
    is_limited: bool,
    /// In the order of [`RateKind`].
    buckets: Mutex<[Bucket; 5]>,
}

impl RateLimit {
    /// The limits of an account or a guest: `per_second` frames per second, saved up for [`RATE_BURST_SECONDS`]; 0: no
    /// limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let bucket = |times: u32| {
            let per_second = f64::from(per_second.saturating_mul(times));
            Bucket::new(per_second * f64::from(RATE_BURST_SECONDS), per_second)
        };
        let [frames, receipts, pings] = [1, RECEIPTS_PER_MESSAGE, PINGS_PER_MESSAGE].map(bucket);
        Self::of(per_second > 0, frames, receipts, pings)
    }

    /// The limits of a connection before its hello.
    pub(crate) fn before_hello(per_second: u32) -> Self {
        let bucket = Bucket::new(f64::from(UNKNOWN_FRAMES_MAX), UNKNOWN_FRAMES_PER_SECOND);
        Self::of(per_second > 0, bucket.clone(), bucket.clone(), bucket)
    }

    fn of(is_limited: bool, frames: Bucket, receipts: Bucket, pings: Bucket) -> Self {
        let hellos = Bucket::new(HELLOS_BURST, HELLOS_PER_SECOND);
        let live = Bucket::new(LIVE_BURST, LIVE_PER_SECOND);
        Self { is_limited, buckets: Mutex::new([frames, receipts, pings, hellos, live]) }
    }

    /// Counts a frame of this kind.
    ///
    /// # Errors
    /// The frame exceeds the limit. After this wait another one does not.
    pub(crate) fn take(&self, kind: RateKind, now: Instant) -> Result<(), Duration> {
        if !self.is_limited && kind != RateKind::Live {
            return Ok(());
        }
        self.lock()[kind as usize].take(now)
    }

    fn peek(&self, kind: RateKind, now: Instant) -> Result<(), Duration> {
        if self.is_limited { self.lock()[kind as usize].peek(now) } else { Ok(()) }
    }

    /// Whether it is full, so that it can be dropped and created anew without a difference.
    fn is_full(&self, now: Instant) -> bool {
        self.lock().iter().all(|bucket| bucket.is_full(now))
    }

    fn lock(&self) -> MutexGuard<'_, [Bucket; 5]> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rate limits of all accounts that are connected, or were so a short while ago.
pub(crate) struct RateLimits {
    /// Frames a second of one account; 0: no limit.
    per_second: u32,
    table: Mutex<Table>,
}

struct Table {
    accounts: HashMap<AccountId, Arc<RateLimit>>,
    /// At this size the limits that need not be remembered are dropped.
    sweep_at: usize,
}

impl RateLimits {
    /// `per_second` frames a second for each account; 0: no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let table = Table { accounts: HashMap::new(), sweep_at: ACCOUNTS_REMEMBERED_MAX };
        Self { per_second, table: Mutex::new(table) }
    }

    /// The limits of a guest, which has one connection.
    pub(crate) fn guest(&self) -> Arc<RateLimit> {
        Arc::new(RateLimit::new(self.per_second))
    }

    /// A connection's before its hello.
    pub(crate) fn before_hello(&self) -> Arc<RateLimit> {
        Arc::new(RateLimit::before_hello(self.per_second))
    }

    /// The limits of an account, for one more connection.
    pub(crate) fn of(&self, account: AccountId, now: Instant) -> Arc<RateLimit> {
        let mut table = self.lock();
        if let Some(rate_limit) = table.accounts.get(&account) {
            return Arc::clone(rate_limit);
        }
        table.make_room(now);
        let rate_limit = self.guest();
        table.accounts.insert(account, Arc::clone(&rate_limit));
        rate_limit
    }

    /// Whether the account may send a frame of this kind. Counts nothing.
    ///
    /// # Errors
    /// The frame would exceed the limit. After this wait another one does not.
    pub(crate) fn peek(
        &self,
        account: AccountId,
        kind: RateKind,
        now: Instant,
    ) -> Result<(), Duration> {
        let rate_limit = self.lock().accounts.get(&account).cloned();
        rate_limit.map_or(Ok(()), |rate_limit| rate_limit.peek(kind, now))
    }

    /// A connection of the account, which holds `rate_limit`, is about to end.
    pub(crate) fn leave(&self, account: AccountId, rate_limit: &Arc<RateLimit>, now: Instant) {
        let mut table = self.lock();
        // Only the table and this connection hold it.
        if Arc::strong_count(rate_limit) <= 2 && rate_limit.is_full(now) {
            table.accounts.remove(&account);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Keeps the limits of at most [`ACCOUNTS_REMEMBERED_MAX`] disconnected accounts: drops those that are full, and if
    /// these are not enough, all.
    fn make_room(&mut self, now: Instant) {
        if self.accounts.len() < self.sweep_at {
            return;
        }
        let is_online = |rate_limit: &Arc<RateLimit>| Arc::strong_count(rate_limit) > 1;
        self.accounts.retain(|_, rate_limit| is_online(rate_limit) || !rate_limit.is_full(now));
        let here = self.accounts.values().filter(|rate_limit| is_online(rate_limit)).count();
        if self.accounts.len() - here > ACCOUNTS_REMEMBERED_MAX / 2 {
            self.accounts.retain(|_, rate_limit| is_online(rate_limit));
        }
        self.sweep_at = here + ACCOUNTS_REMEMBERED_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: AccountId = AccountId(1);

    fn takes(rate_limit: &RateLimit, kind: RateKind, now: Instant) -> u32 {
        (0..100_000).take_while(|_| rate_limit.take(kind, now).is_ok()).count() as u32
    }

    #[test]
    fn each_kind_has_ten_seconds_worth_at_once() {
        let (rate_limit, now) = (RateLimit::new(2), Instant::now());
        assert_eq!(takes(&rate_limit, RateKind::Frame, now), 2 * RATE_BURST_SECONDS);
        let receipts = 2 * RATE_BURST_SECONDS * RECEIPTS_PER_MESSAGE;
        assert_eq!(takes(&rate_limit, RateKind::Receipt, now), receipts);
        let pings = 2 * RATE_BURST_SECONDS * PINGS_PER_MESSAGE;
        assert_eq!(takes(&rate_limit, RateKind::Ping, now), pings);
        assert_eq!(f64::from(takes(&rate_limit, RateKind::Hello, now)), HELLOS_BURST);
        assert_eq!(f64::from(takes(&rate_limit, RateKind::Live, now)), LIVE_BURST);
        let later = now + Duration::from_millis(500);
        assert_eq!(takes(&rate_limit, RateKind::Frame, later), 1);
    }

    #[test]
    fn zero_is_no_limit_but_for_typing() {
        let now = Instant::now();
        for rate_limit in [RateLimit::new(0), RateLimit::before_hello(0)] {
            for kind in [RateKind::Frame, RateKind::Receipt, RateKind::Ping, RateKind::Hello] {
                assert_eq!(takes(&rate_limit, kind, now), 100_000);
            }
            assert_eq!(f64::from(takes(&rate_limit, RateKind::Live, now)), LIVE_BURST);
        }
    }

    #[test]
    fn a_stranger_has_a_small_one() {
        let (rate_limit, now) = (RateLimit::before_hello(50), Instant::now());
        assert_eq!(takes(&rate_limit, RateKind::Frame, now), UNKNOWN_FRAMES_MAX);
        assert_eq!(takes(&rate_limit, RateKind::Ping, now), UNKNOWN_FRAMES_MAX);
    }

    #[test]
    fn connections_of_an_account_share_and_coming_back_gives_nothing() {
        let (rate_limits, now) = (RateLimits::new(1), Instant::now());
        let (phone, laptop) = (rate_limits.of(ALICE, now), rate_limits.of(ALICE, now));
        assert_eq!(takes(&phone, RateKind::Frame, now), RATE_BURST_SECONDS);
        assert_eq!(takes(&laptop, RateKind::Frame, now), 0);
        assert!(rate_limits.peek(ALICE, RateKind::Frame, now).is_err());
        assert!(rate_limits.peek(AccountId(2), RateKind::Frame, now).is_ok());
        for connection in [phone, laptop] {
            rate_limits.leave(ALICE, &connection, now);
        }
        let again = rate_limits.of(ALICE, now);
        assert_eq!(takes(&again, RateKind::Frame, now), 0);
        // A full limit need not be remembered.
        let later = now + Duration::from_secs(u64::from(RATE_BURST_SECONDS));
        rate_limits.leave(ALICE, &again, later);
        assert!(rate_limits.lock().accounts.is_empty());
    }

    #[test]
    fn those_who_have_left_are_remembered_up_to_a_bound() {
        let (rate_limits, now) = (RateLimits::new(1), Instant::now());
        let here = rate_limits.of(ALICE, now);
        here.take(RateKind::Frame, now).unwrap();
        for id in 2..3 * ACCOUNTS_REMEMBERED_MAX as i64 {
            let passing = rate_limits.of(AccountId(id), now);
            passing.take(RateKind::Frame, now).unwrap();
            rate_limits.leave(AccountId(id), &passing, now);
            assert!(rate_limits.lock().accounts.len() <= ACCOUNTS_REMEMBERED_MAX + 1);
        }
        assert!(Arc::ptr_eq(&here, &rate_limits.of(ALICE, now)), "who is here is never forgotten");
    }
}
