//! The health of the database: the results of the latest requests, or of a probe if there are none.
//!
//! A health check reads the recorded results and never waits for the database.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::{Statement, Value, statements};
use crate::limit::{
    COMMIT_SLOW, DAMAGE_SHOWN, PROBE_BYTES, PROBE_INTERVAL, PROBE_LOOK, PROBE_ROOM_INTERVAL,
};
use crate::pool::Requester;
use crate::{Error, Result, Store};

/// The part of the database's work that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhealthy {
    /// `not_storing`, `not_reading` or `damaged`.
    pub code: &'static str,
    /// The reason, for the operator.
    pub reason: String,
}

/// The state of commits, for metrics.
#[derive(Clone, Copy, Debug)]
pub struct StorageStatus {
    /// How long the present commit has been running; zero if there is none.
    pub running: Duration,
    /// The time since the last successful commit.
    pub since_good: Duration,
}

pub(crate) struct Health {
    state: Mutex<State>,
    is_probed: AtomicBool,
}

struct State {
    storing: Activity,
    reading: Activity,
    /// The time of the last probe for free space.
    room_tried: Instant,
    /// The time at which damaged data was last found, and the error.
    damage: Option<(Instant, String)>,
}

/// The recent results of one kind of work: storing or reading.
struct Activity {
    /// The time at which each running operation began, the oldest first.
    running: Vec<Instant>,
    /// The time of the last success.
    good: Instant,
    /// The time of the last try.
    tried: Instant,
    /// The error of the last try, if it failed.
    wrong: Option<String>,
}

impl Activity {
    fn new() -> Self {
        let now = Instant::now();
        Self { running: Vec::new(), good: now, tried: now, wrong: None }
    }

    fn note<T>(&mut self, done: &Result<T>) {
        match done {
            Ok(_) => {
                self.tried = Instant::now();
                self.good = self.tried;
                self.wrong = None;
            }
            Err(error) => self.note_error(error),
        }
    }

    fn note_error(&mut self, error: &Error) {
        self.tried = Instant::now();
        // Any other error is due to the request itself or to a conflict, and says nothing about the database.
        if let Error::Unavailable(_) | Error::InDoubt(_) | Error::Corrupted(_) = error {
            self.wrong = Some(error.to_string());
        }
    }
}

impl Health {
    pub(crate) fn new() -> Self {
        let (storing, reading) = (Activity::new(), Activity::new());
        let state = State { room_tried: storing.good, storing, reading, damage: None };
        Self { state: Mutex::new(state), is_probed: AtomicBool::new(false) }
    }

    /// Runs `store`, and records its result.
    pub(crate) fn record_commit<T>(&self, store: impl FnOnce() -> Result<T>) -> Result<T> {
        let began = Instant::now();
        self.lock().storing.running.push(began);
        let _running = InFlight(self, began);
        let done = store();
        let mut state = self.lock();
        state.storing.note(&done);
        done
    }

    /// Records a failed write. A successful one is not recorded, since it may have been too small to need free space.
    pub(crate) fn record_failed_write(&self, error: &Error) {
        let mut state = self.lock();
        state.storing.note_error(error);
        state.note_damage(error);
    }

    /// Records that damaged data was found.
    pub(crate) fn record_damage(&self, error: &Error) {
        self.lock().note_damage(error);
    }

    /// Records the result of a read.
    pub(crate) fn record_read<T>(&self, done: &Result<T>) {
        let mut state = self.lock();
        state.reading.note(done);
        if let Err(error) = done {
            state.note_damage(error);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the next probe must write enough to need free space.
    fn needs_space(&mut self) -> bool {
        let is_due = self.room_tried.elapsed() >= PROBE_ROOM_INTERVAL;
        if is_due {
            self.room_tried = Instant::now();
        }
        is_due || self.storing.wrong.is_some()
    }

    fn note_damage(&mut self, error: &Error) {
        if let Error::Corrupted(_) = error {
            self.damage = Some((Instant::now(), error.to_string()));
        }
    }
}

/// A commit in progress. It ends when this is dropped, also by a panic.
struct InFlight<'a>(&'a Health, Instant);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if let Some(at) = state.storing.running.iter().position(|began| *began == self.1) {
            state.storing.running.remove(at);
        }
    }
}

impl Store {
    /// Whether the database works, by the recorded results. Never waits.
    ///
    /// # Errors
    /// The part that does not work.
    pub fn health(&self) -> std::result::Result<(), Unhealthy> {
        let state = self.health.lock();
        let unwell = |code, reason: &str| Err(Unhealthy { code, reason: reason.to_owned() });
        if let Some((_, reason)) =
            state.damage.as_ref().filter(|(at, _)| at.elapsed() < DAMAGE_SHOWN)
        {
            return unwell("damaged", reason);
        }
        if let Some(reason) = &state.storing.wrong {
            return unwell("not_storing", reason);
        }
        if let Some(age) = state.storing.running.first().map(Instant::elapsed)
            && age > COMMIT_SLOW
        {
            let reason = format!("a commit has been running for {} s", age.as_secs());
            return unwell("not_storing", &reason);
        }
        match &state.reading.wrong {
            Some(reason) => unwell("not_reading", reason),
            None => Ok(()),
        }
    }

    /// The state of commits, for metrics.
    pub fn storage_status(&self) -> StorageStatus {
        let state = self.health.lock();
        let running = state.storing.running.first().map_or(Duration::ZERO, Instant::elapsed);
        StorageStatus { running, since_good: state.storing.good.elapsed() }
    }

    /// Runs until `wait`, which waits for the given time, returns that it must stop. Records the time, checks the replica, and probes
    /// storing and reading after `PROBE_INTERVAL` (5 s) without traffic.
    ///
    /// Call it on a thread of its own. If there is such a thread in this process already, it returns at once.
    pub fn run_health_probes(&self, wait: impl Fn(Duration) -> bool) {
        if self.health.is_probed.swap(true, Ordering::SeqCst) {
            return;
        }
        while !wait(PROBE_LOOK) {
            self.keep_time();
            self.probe_replica();
            let is_due = |lane: &Activity| lane.tried.elapsed() >= PROBE_INTERVAL;
            let (storing, reading) = {
                let state = self.health.lock();
                (is_due(&state.storing), is_due(&state.reading))
            };
            // The probes record their results themselves.
            if storing {
                let _ = self.probe_storing();
            }
            if reading {
                let _ = self.read(Requester::Probe, &PROBE_READING, &[], |_| Ok(()));
            }
        }
    }

    /// A write that leaves nothing behind. After a failure, and every [`PROBE_ROOM_INTERVAL`], it needs new pages, as
    /// messages do: on a full disk, small writes that fit into existing pages still succeed.
    fn probe_storing(&self) -> Result<()> {
        let nobodys = [Value::Int(-i64::from(std::process::id()))];
        let needs_space = self.health.lock().needs_space();
        let text = if needs_space { incompressible(PROBE_BYTES) } else { String::new() };
        self.write_messages(|engine| {
            engine.run(&ADD_PROBE, &[nobodys[0], Value::Text(&text)])?;
            engine.run(&DELETE_PROBE, &nobodys)?;
            Ok(())
        })
    }
}

/// A text of `bytes` bytes that databases cannot compress.
fn incompressible(bytes: usize) -> String {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(text, "{state:016x}");
    }
    text
}

statements! {
    static PROBE_READING: Statement = Statement::both("select id from account order by id desc limit 1");

    static ADD_PROBE: Statement = Statement::both("insert into schema_version (version, checksum) values ($1, $2)");

    static DELETE_PROBE: Statement = Statement::both("delete from schema_version where version = $1");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::statement::in_test;
    use crate::limit::{ANSWER_GRACE, READ_TIMEOUT};

    fn store() -> Store {
        let url = "sqlite::memory:".parse().unwrap();
        Store::open(&url, crate::ContactPolicy::Open, &|_| false).unwrap()
    }

    fn code(store: &Store) -> Option<&'static str> {
        store.health().err().map(|unwell| unwell.code)
    }

    #[test]
    fn what_traffic_saw_last_is_what_is_told() {
        let store = store();
        assert_eq!(code(&store), None);
        let away = || Err::<(), _>(Error::Unavailable("away".to_owned()));
        store.health.record_read(&away());
        assert_eq!(code(&store), Some("not_reading"));
        store.health.record_commit(away).unwrap_err();
        assert_eq!(code(&store), Some("not_storing"));
        store.probe_storing().unwrap();
        assert_eq!(code(&store), Some("not_reading"));
        store.read(Requester::Probe, in_test("select 1"), &[], |_| Ok(())).unwrap();
        assert_eq!(code(&store), None);
        // An error that is due to the request says nothing about the database.
        store.health.record_commit(|| Err::<(), _>(Error::AlreadyExists)).unwrap_err();
        assert_eq!(code(&store), None);
        store.health.record_read(&Err::<(), _>(Error::Corrupted("a page".to_owned())));
        store.read(Requester::Probe, in_test("select 1"), &[], |_| Ok(())).unwrap();
        assert_eq!(code(&store), Some("damaged"), "others' pages may be whole");
    }

    #[test]
    fn whether_there_is_room_is_tried_once_in_a_while_and_after_a_failure() {
        let store = store();
        let needs_space = || store.health.lock().needs_space();
        assert!(!needs_space());
        store.health.lock().room_tried -= PROBE_ROOM_INTERVAL;
        assert_eq!([needs_space(), needs_space()], [true, false]);
        store.health.lock().storing.wrong = Some("full".to_owned());
        assert_eq!([needs_space(), needs_space()], [true, true]);
        store.probe_storing().unwrap();
        assert!(!needs_space());
    }

    #[test]
    fn what_any_write_comes_across_is_told() {
        let store = store();
        let fails = |error: fn(String) -> Error| {
            let done = store.write(Requester::Stranger, |_| Err::<(), _>(error("a".to_owned())));
            done.unwrap_err();
            code(&store)
        };
        assert_eq!(fails(Error::Internal), None);
        assert_eq!(fails(Error::Unavailable), Some("not_storing"));
        store.probe_storing().unwrap();
        assert_eq!(code(&store), None);
        assert_eq!(fails(Error::Corrupted), Some("damaged"));
        assert_eq!(incompressible(PROBE_BYTES).len(), PROBE_BYTES);
    }

    #[test]
    fn a_commit_that_runs_for_long_is_told_while_it_does() {
        let store = store();
        store.health.lock().storing.running.push(Instant::now() - 2 * COMMIT_SLOW);
        assert_eq!(code(&store), Some("not_storing"));
        assert!(store.storage_status().running > COMMIT_SLOW);
    }

    #[test]
    fn a_database_that_freezes_before_the_time_is_kept_is_told() {
        let cluster = acceptance::Cluster::make().unwrap();
        cluster.start().unwrap();
        let url = cluster.database().unwrap().parse().unwrap();
        let store = Store::open(&url, crate::ContactPolicy::Open, &|_| false).unwrap();
        let _frozen = cluster.freeze().unwrap();
        store.clock.forget_record();
        let began = Instant::now();
        // Keeping the time comes first, and nothing else is due.
        store.run_health_probes(|_| code(&store).is_some());
        assert_eq!(code(&store), Some("not_reading"));
        let most = READ_TIMEOUT + ANSWER_GRACE + COMMIT_SLOW;
        assert!(began.elapsed() < most, "{:?}", began.elapsed());
    }

    #[test]
    fn what_is_used_is_not_probed_and_what_is_not_is() {
        let store = store();
        let tried = |store: &Store| store.health.lock().storing.tried;
        let before = tried(&store);
        let rounds = std::cell::Cell::new(0);
        store.run_health_probes(|_| rounds.replace(rounds.get() + 1) == 3);
        assert_eq!(tried(&store), before);
        store.health.is_probed.store(false, Ordering::SeqCst);
        store.health.lock().storing.tried = before - PROBE_INTERVAL;
        rounds.set(0);
        store.run_health_probes(|_| rounds.replace(rounds.get() + 1) == 1);
        assert!(tried(&store) >= before);
    }
}
