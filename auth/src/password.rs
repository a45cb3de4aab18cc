//! Passwords, and the bounded queue for hashing them.
//!
//! A hash takes 19 MiB and some 28 ms of a core on purpose, so many logins could use up both. Therefore there is one
//! [`HashSlot`] with one [`Worker`] for each core, and a bounded [`FairQueue`] before them. Only this file reads the
//! text of a [`Password`].

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::hash_queue::{FairQueue, QueuePath};
use crate::limit::{
    HASH_BYTES, HASH_MEMORY_KIB, HASH_PASSES, HASH_WAIT_MAX, HASH_WAITING_MAX, PASSWORD_BYTES_MAX,
    PASSWORD_BYTES_MIN, SALT_BYTES,
};
use crate::metrics;
use crate::worker::Worker;

/// A clear password. It has neither `Debug` nor `Serialize`, so that it cannot end in a log.
pub(crate) struct Password(String);

impl Password {
    /// A password for an account. `None`: it is too short or too long.
    pub(crate) fn chosen(text: String) -> Option<Self> {
        (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&text.len()).then_some(Self(text))
    }

    /// A password to compare with an account's. It may be any text; one that no account can have is simply wrong.
    pub(crate) fn unchecked(text: String) -> Self {
        Self(text)
    }
}

/// The parameters of a hash. A weaker stored hash is replaced at the next login with its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HashParams {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
}

impl HashParams {
    pub(crate) const CURRENT: Self = Self { memory_kib: HASH_MEMORY_KIB, passes: HASH_PASSES };

    /// The parameters of an Argon2id 1.3 hash; `None` for any other.
    fn of(phc: &str) -> Option<Self> {
        let mut parts = phc.strip_prefix("$argon2id$v=19$")?.split('$').next()?.split(',');
        let memory_kib = parts.next()?.strip_prefix("m=")?.parse().ok()?;
        let passes = parts.next()?.strip_prefix("t=")?.parse().ok()?;
        Some(Self { memory_kib, passes })
    }

    /// Whether a stored hash is weaker than these parameters.
    pub(crate) fn exceeds(self, phc: &str) -> bool {
        Self::of(phc).is_none_or(|it| it.memory_kib < self.memory_kib || it.passes < self.passes)
    }
}

/// How many passwords are hashed at a time, how many wait, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) at_once: usize,
    pub(crate) waiting_max: usize,
    pub(crate) wait_max: Duration,
}

impl Bounds {
    /// One slot for each core.
    pub(crate) fn of_this_machine() -> Self {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        Self { at_once, waiting_max: HASH_WAITING_MAX, wait_max: HASH_WAIT_MAX }
    }
}

/// Too many requests of the same key wait already, or the wait took too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The reason why a password could not be hashed: there are no random numbers, or the stored hash is malformed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HashError(String);

/// Hands out the slots for hashing.
pub(crate) struct Hasher {
    params: HashParams,
    bounds: Bounds,
    /// A hash that no password matches, for accounts that do not exist.
    dummy: String,
    state: Mutex<State>,
}

struct State {
    /// Idle workers. The last used one is used next, so few logins use one worker.
    free: Vec<Worker>,
    /// The waiting requests. There are none while a worker is idle.
    queue: FairQueue<SyncSender<Worker>>,
}

impl Hasher {
    pub(crate) fn new(params: HashParams, bounds: Bounds) -> Result<Self, HashError> {
        let dummy = hash(params, &random::<32>()?)?;
        let workers = (0..bounds.at_once).map(|_| Worker::start()).collect::<Result<_, _>>();
        let free = workers.map_err(|error| HashError(format!("no thread to hash on: {error}")))?;
        let state = Mutex::new(State { free, queue: FairQueue::new(bounds.waiting_max) });
        Ok(Self { params, bounds, dummy, state })
    }

    /// Waits for a slot, in the turn of the keys in `path`.
    pub(crate) fn acquire_slot(&self, path: QueuePath) -> Result<HashSlot<'_>, Busy> {
        let (notify, notified) = sync_channel(1);
        let mut state = self.lock();
        if let Some(worker) = state.free.pop() {
            return Ok(HashSlot { hasher: self, worker: Some(worker) });
        }
        let number = state.queue.push(path, notify);
        metrics::HASH_QUEUE.set(state.queue.len() as i64);
        drop(state);
        let number = number.map_err(|_full| Busy)?;
        // An error means that the time is over, or that the request was removed from the queue.
        let worker = notified.recv_timeout(self.bounds.wait_max).ok().or_else(|| {
            let mut state = self.lock();
            state.queue.cancel(number);
            metrics::HASH_QUEUE.set(state.queue.len() as i64);
            drop(state);
            // It may have got a slot just before it was removed.
            notified.try_recv().ok()
        });
        worker.map(|worker| HashSlot { hasher: self, worker: Some(worker) }).ok_or(Busy)
    }

    /// A hash that no password matches, with the parameters of stored ones.
    pub(crate) fn dummy(&self) -> &str {
        &self.dummy
    }

    /// Passes a worker to the next waiting request.
    fn give_back(&self, mut worker: Worker) {
        let mut state = self.lock();
        while let Some(notify) = state.queue.pop() {
            match notify.send(worker) {
                Ok(()) => {
                    metrics::HASH_QUEUE.set(state.queue.len() as i64);
                    return;
                }
                // It has just given up waiting.
                Err(unsent) => worker = unsent.0,
            }
        }
        state.free.push(worker);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use one core for hashing, until it is dropped.
pub(crate) struct HashSlot<'a> {
    hasher: &'a Hasher,
    /// `None` only while this is dropped.
    worker: Option<Worker>,
}

impl HashSlot<'_> {
    /// A new hash of a password, as a PHC string.
    pub(crate) fn hash(&self, password: &Password) -> Result<String, HashError> {
        let (params, password) = (self.hasher.params, password.0.clone());
        self.run(move || hash(params, password.as_bytes()))?
    }

    /// Whether this is the password. Without a stored hash it takes as long, and the result is `false`.
    pub(crate) fn is(&self, password: &Password, phc: Option<&str>) -> Result<bool, HashError> {
        let against = phc.unwrap_or(&self.hasher.dummy).to_owned();
        let password = password.0.clone();
        let is_same =
            self.run(move || argon2::verify_encoded(&against, password.as_bytes()))?.map_err(
                |error| HashError(format!("a stored password hash cannot be read: {error}")),
            )?;
        Ok(is_same && phc.is_some())
    }

    /// A new hash of this password, if the stored one has weaker parameters than those of today.
    pub(crate) fn better(
        &self,
        password: &Password,
        phc: &str,
    ) -> Option<Result<String, HashError>> {
        self.hasher.params.exceeds(phc).then(|| self.hash(password))
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let done = self.worker.as_ref().and_then(|worker| worker.run(|| timed(work)));
        done.ok_or_else(|| HashError("hashing has failed".to_owned()))
    }
}

impl Drop for HashSlot<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.hasher.give_back(worker);
        }
    }
}

fn hash(params: HashParams, password: &[u8]) -> Result<String, HashError> {
    let config = argon2::Config {
        ad: &[],
        hash_length: HASH_BYTES,
        lanes: 1,
        mem_cost: params.memory_kib,
        secret: &[],
        thread_mode: argon2::ThreadMode::Sequential,
        time_cost: params.passes,
        variant: argon2::Variant::Argon2id,
        version: argon2::Version::Version13,
    };
    argon2::hash_encoded(password, &random::<SALT_BYTES>()?, &config)
        .map_err(|error| HashError(error.to_string()))
}

fn random<const N: usize>() -> Result<[u8; N], HashError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| HashError(format!("the system gives no random numbers: {error}")))?;
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
