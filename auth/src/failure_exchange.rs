//! Tells the other auth servers on the same database of wrong passwords, and counts theirs, so that the throttle holds
//! over all of them.
//!
//! A thread writes what this server has counted, and reads what others have written, twice a second. So a failure counts
//! everywhere about a second later.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use os_thread::lock;
use sql::{FailedLogin, Store};

use crate::limit::{FAILURES_INTERVAL, FAILURES_WAITING_MAX};
use crate::throttle::{Failure, Throttle};

pub(crate) struct FailureExchange {
    /// A random number, by which a server tells its own rows from those of others.
    source: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the last failure.
    last: i64,
    /// Failures that are not written yet.
    waiting: Vec<FailedLogin>,
}

impl FailureExchange {
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut source = [0; 8];
        getrandom::fill(&mut source).map_err(std::io::Error::other)?;
        Ok(Self { source: i64::from_ne_bytes(source), state: Mutex::default() })
    }

    /// Keeps a failure for the others. While [`FAILURES_WAITING_MAX`] wait, it counts on this server only.
    pub(crate) fn note(&self, failure: &Failure) {
        let mut state = lock(&self.state);
        if state.waiting.len() >= FAILURES_WAITING_MAX {
            return;
        }
        state.last += 1;
        let address = match failure.address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let Failure { account, origin, .. } = *failure;
        let number = state.last;
        state.waiting.push(FailedLogin { source: self.source, number, address, account, origin });
    }

    /// Exchanges failures until `wait`, which waits for a time, says that the server ends.
    pub(crate) fn run(&self, store: &Store, throttle: &Throttle, wait: impl Fn(Duration) -> bool) {
        let mut seen = HashSet::new();
        while !wait(FAILURES_INTERVAL) {
            // While the database is away, the health check reports it, and nobody can log in.
            if let Err(error) = self.exchange(store, throttle, &mut seen) {
                tracing::debug!(%error, "cannot exchange wrong passwords with other servers");
            }
        }
    }

    fn exchange(
        &self,
        store: &Store,
        throttle: &Throttle,
        seen: &mut HashSet<(i64, i64)>,
    ) -> sql::Result<()> {
        let now = store.now();
        let found = store.failed_logins_elsewhere(self.source, now)?;
        let (key, at) = (|it: &FailedLogin| (it.source, it.number), Instant::now());
        for failed in found.iter().filter(|it| !seen.contains(&key(it))) {
            if let Some(failure) = failure(failed) {
                throttle.count(&failure, at);
            }
        }
        *seen = found.iter().map(key).collect();
        let waiting = lock(&self.state).waiting.clone();
        if !waiting.is_empty() {
            store.add_failed_logins(&waiting, now)?;
            lock(&self.state).waiting.drain(..waiting.len());
        }
        Ok(())
    }
}

/// `None` if the row has no address.
fn failure(failed: &FailedLogin) -> Option<Failure> {
    let address = match <[u8; 4]>::try_from(&*failed.address) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(&*failed.address).ok()?),
    };
    Some(Failure { address, account: failed.account, origin: failed.origin })
}

#[cfg(test)]
mod tests {
    use sql::ContactPolicy;

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    struct Server {
        exchange: FailureExchange,
        throttle: Throttle,
        seen: HashSet<(i64, i64)>,
    }

    impl Server {
        fn new() -> Self {
            let exchange = FailureExchange::new().unwrap();
            Self { exchange, throttle: Throttle::new(), seen: HashSet::new() }
        }

        fn exchange(&mut self, store: &Store) {
            self.exchange.exchange(store, &self.throttle, &mut self.seen).unwrap();
        }

        /// How many wrong passwords get through at once.
        fn wrong(&self, email: &str) -> usize {
            let now = Instant::now();
            (0..100)
                .take_while(|_| self.throttle.check(None, ADDRESS, email, now).is_ok())
                .inspect(|_| {
                    self.exchange.note(&self.throttle.failed(None, ADDRESS, email, now));
                })
                .count()
        }
    }

    #[test]
    fn a_wrong_password_counts_on_every_server_once() {
        let url = "sqlite::memory:".parse().unwrap();
        let store = Store::open(&url, ContactPolicy::Open, &|_| false).unwrap();
        let (mut one, mut other) = (Server::new(), Server::new());
        for _ in 0..4 {
            one.exchange.note(&one.throttle.failed(None, ADDRESS, "a@x", Instant::now()));
        }
        for _ in 0..3 {
            one.exchange(&store);
            other.exchange(&store);
        }
        assert_eq!(other.wrong("a@x"), 6, "of ten");
        assert_eq!(one.wrong("b@x"), 10);
        other.exchange(&store);
        one.exchange(&store);
        assert_eq!(one.wrong("a@x"), 0, "the other server has counted six");
        // A server that has just started learns of them, too.
        let mut new = Server::new();
        new.exchange(&store);
        assert_eq!(new.wrong("a@x"), 0);
    }

    #[test]
    fn failures_that_wait_are_bounded() {
        let one = Server::new();
        let failure = one.throttle.failed(None, ADDRESS, "a@x", Instant::now());
        (0..FAILURES_WAITING_MAX + 10).for_each(|_| one.exchange.note(&failure));
        assert_eq!(lock(&one.exchange.state).waiting.len(), FAILURES_WAITING_MAX);
    }
}
