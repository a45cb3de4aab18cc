//! Passwords: how they are hashed, and how many at once.
//!
//! A hash takes 19 MiB and some 28 ms of a core on purpose, so a stranger could make the server run out of both: a
//! [`Permit`] and a [`Worker`] a core, a bounded queue before them, first come, first served. Only this file sees what is in
//! a [`Password`].

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limit::{
    HASH_BYTES, HASH_MEMORY_KIB, HASH_PASSES, HASH_PATIENCE, HASH_WAITING_MAX, PASSWORD_BYTES_MAX,
    PASSWORD_BYTES_MIN, SALT_BYTES,
};
use crate::metrics;
use crate::worker::Worker;

/// A clear password. It has neither `Debug` nor `Serialize`, so that it cannot end in a log.
pub(crate) struct Password(String);

impl Password {
    /// A password somebody chooses; none if it is too short or too long.
    pub(crate) fn chosen(text: String) -> Option<Self> {
        (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&text.len()).then_some(Self(text))
    }

    /// A password somebody claims to be theirs. Any text: whatever is no password is simply wrong.
    pub(crate) fn claimed(text: String) -> Self {
        Self(text)
    }
}

/// How a hash is made. Stored ones that are weaker are made anew when their password comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strength {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
}

impl Strength {
    pub(crate) const TODAY: Self = Self { memory_kib: HASH_MEMORY_KIB, passes: HASH_PASSES };

    /// Of a hash that is Argon2id 1.3; none of any other.
    fn of(phc: &str) -> Option<Self> {
        let mut parts = phc.strip_prefix("$argon2id$v=19$")?.split('$').next()?.split(',');
        let memory_kib = parts.next()?.strip_prefix("m=")?.parse().ok()?;
        let passes = parts.next()?.strip_prefix("t=")?.parse().ok()?;
        Some(Self { memory_kib, passes })
    }

    /// Whether a stored hash falls short of this.
    pub(crate) fn exceeds(self, phc: &str) -> bool {
        Self::of(phc).is_none_or(|it| it.memory_kib < self.memory_kib || it.passes < self.passes)
    }
}

/// How many hash at once, and how many wait for it how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) at_once: usize,
    pub(crate) waiting_max: usize,
    pub(crate) patience: Duration,
}

impl Bounds {
    /// One a core.
    pub(crate) fn of_this_machine() -> Self {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        Self { at_once, waiting_max: HASH_WAITING_MAX, patience: HASH_PATIENCE }
    }
}

/// Too many wait already, or it took too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// Why a password could not be hashed: no randomness, or a stored hash that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unhashed(String);

/// Lends the permits to hash.
pub(crate) struct Hasher {
    strength: Strength,
    bounds: Bounds,
    /// A hash of nothing anyone knows, for accounts that do not exist.
    dummy: String,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The last one used is the next: few logins keep to one.
    free: Vec<Worker>,
    /// Who waits, in order of arrival.
    waiting: VecDeque<u64>,
    next: u64,
}

impl Hasher {
    pub(crate) fn new(strength: Strength, bounds: Bounds) -> Result<Self, Unhashed> {
        let dummy = hash(strength, &random::<32>()?)?;
        let workers = (0..bounds.at_once).map(|_| Worker::start()).collect::<Result<_, _>>();
        let free = workers.map_err(|error| Unhashed(format!("no thread to hash on: {error}")))?;
        let state = State { free, waiting: VecDeque::new(), next: 0 };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Ok(Self { strength, bounds, dummy, state, changed })
    }

    /// Waits for its turn.
    pub(crate) fn permit(&self) -> Result<Permit<'_>, Busy> {
        let deadline = Instant::now() + self.bounds.patience;
        let mut state = self.lock();
        if state.free.is_empty() && state.waiting.len() >= self.bounds.waiting_max {
            return Err(Busy);
        }
        let ticket = state.next;
        state.next += 1;
        state.waiting.push_back(ticket);
        metrics::HASH_QUEUE.set(state.waiting.len() as i64);
        let worker = loop {
            if state.waiting.front() == Some(&ticket)
                && let Some(worker) = state.free.pop()
            {
                break Some(worker);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break None;
            }
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.waiting.retain(|other| *other != ticket);
        metrics::HASH_QUEUE.set(state.waiting.len() as i64);
        drop(state);
        // Whoever is first now may find another permit free.
        self.changed.notify_all();
        worker.map(|worker| Permit { hasher: self, worker: Some(worker) }).ok_or(Busy)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use one core for hashing, until dropped.
pub(crate) struct Permit<'a> {
    hasher: &'a Hasher,
    /// There until it is dropped.
    worker: Option<Worker>,
}

impl Permit<'_> {
    /// A new hash of a password, as a PHC string.
    pub(crate) fn hash(&self, password: &Password) -> Result<String, Unhashed> {
        let (strength, password) = (self.hasher.strength, password.0.clone());
        self.run(move || hash(strength, password.as_bytes()))?
    }

    /// Whether this is the password. Without a hash to compare with it takes as long, and is not.
    pub(crate) fn is(&self, password: &Password, phc: Option<&str>) -> Result<bool, Unhashed> {
        let against = phc.unwrap_or(&self.hasher.dummy).to_owned();
        let password = password.0.clone();
        let is_same = self
            .run(move || argon2::verify_encoded(&against, password.as_bytes()))?
            .map_err(|error| Unhashed(format!("a stored password hash cannot be read: {error}")))?;
        Ok(is_same && phc.is_some())
    }

    /// A better hash of this password than the stored one, if there is one by now.
    pub(crate) fn better(
        &self,
        password: &Password,
        phc: &str,
    ) -> Option<Result<String, Unhashed>> {
        self.hasher.strength.exceeds(phc).then(|| self.hash(password))
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unhashed> {
        let done = self.worker.as_ref().and_then(|worker| worker.run(|| timed(work)));
        done.ok_or_else(|| Unhashed("hashing has failed".to_owned()))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.hasher.lock().free.extend(self.worker.take());
        self.hasher.changed.notify_all();
    }
}

fn hash(strength: Strength, password: &[u8]) -> Result<String, Unhashed> {
    let config = argon2::Config {
        ad: &[],
        hash_length: HASH_BYTES,
        lanes: 1,
        mem_cost: strength.memory_kib,
        secret: &[],
        thread_mode: argon2::ThreadMode::Sequential,
        time_cost: strength.passes,
        variant: argon2::Variant::Argon2id,
        version: argon2::Version::Version13,
    };
    argon2::hash_encoded(password, &random::<SALT_BYTES>()?, &config)
        .map_err(|error| Unhashed(error.to_string()))
}

fn random<const N: usize>() -> Result<[u8; N], Unhashed> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Unhashed(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}

fn timed<T>(work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = work();
    metrics::HASH_SECONDS.observe_duration(begin.elapsed());
    done
}

#[cfg(test)]
#[path = "password/tests.rs"]
mod tests;
