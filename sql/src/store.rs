//! Opening a database; reading and writing transactions.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::engine::postgres::{self, Connector};
use crate::engine::sqlite::{self, Sqlite};
use crate::engine::{Engine, Purpose, StartError};
use crate::health::Health;
use crate::limit::{
    COMMIT_TIMEOUT, POSTGRES_COMMITTERS, POSTGRES_CONNECTIONS, POSTGRES_WRITERS, READERS,
    RETRY_WITHIN, SEARCHERS, SERVER_READERS, TAKE_TIMEOUT, WRITE_TRIES_MAX,
};
use crate::node::Announcer;
use crate::pacer::ForegroundWrites;
use crate::pool::{Pool, Requester};
use crate::replica::Replica;
use crate::token::RecentTokens;
use crate::url::Backend;
use crate::{ContactPolicy, DatabaseUrl, Error, OpenError, Result, migrate};

/// The least time between two rewrites of PostgreSQL's tables for deleted accounts, over all processes, since other
/// statements wait for a rewrite.
const POSTGRES_ERASE_INTERVAL: Duration = Duration::from_secs(60);

/// Decides whether to keep waiting for a database. It gets the reason, and pauses before it returns.
pub type WaitPolicy<'a> = &'a dyn Fn(&str) -> bool;

/// An open database. Shared by reference; every method may be called from any thread.
pub struct Store {
    pub(crate) writers: Pool,
    /// The connection that commits messages; `None`: the writers commit them, too.
    committers: Option<Pool>,
    /// Connections for reads; `None`: a database in memory has only one connection, which does everything.
    pub(crate) readers: Option<Pool>,
    /// Connections for searches, which may be slow and must not delay other reads.
    pub(crate) searchers: Option<Pool>,
    /// Connections for reads of the server itself, which may be slow, too.
    pub(crate) server_readers: Option<Pool>,
    /// A replica that answers some reads of requests.
    pub(crate) replica: Option<Replica>,
    /// Bytes that one account may have stored; 0: no limit.
    quota: i64,
    /// The least time between two tries to erase deleted accounts from the database's files.
    pub(crate) erase_interval: Duration,
    /// Whether there is a thread that erases.
    pub(crate) is_erasing: AtomicBool,
    /// Whether there is a thread that rebuilds the index of words.
    pub(crate) is_indexing: AtomicBool,
    /// How accounts that do not know each other make contact.
    pub(crate) contact: ContactPolicy,
    /// Writes that are not background work.
    pub(crate) foreground_writes: ForegroundWrites,
    /// The recent results of commits and reads.
    pub(crate) health: Arc<Health>,
    /// Recently valid tokens.
    pub(crate) tokens: RecentTokens,
    pub(crate) clock: Clock,
    /// The notices for other nodes.
    pub(crate) announcer: Announcer,
}

impl Store {
    /// Opens the database and brings its schema up to date. While it cannot be reached, `patience` decides whether to wait. Under
    /// [`ContactPolicy::Open`], waiting contact requests are accepted.
    ///
    /// # Errors
    /// [`OpenError`]: an error that does not pass by itself.
    pub fn open(
        url: &DatabaseUrl,
        contact: ContactPolicy,
        patience: WaitPolicy<'_>,
    ) -> std::result::Result<Self, OpenError> {
        let mut check: Box<dyn Fn() -> std::result::Result<(), StartError>> = Box::new(|| Ok(()));
        let mut store = match &url.0 {
            Backend::Memory => {
                Self::new(1, None, None, |usage| Ok(Box::new(Sqlite::open(None, usage)?)))
            }
            Backend::File(path) => {
                let (path, checked) = (path.clone(), path.clone());
                check = Box::new(move || sqlite::start::check(&checked));
                Self::new(1, None, Some(READERS), move |usage| {
                    Ok(Box::new(Sqlite::open(Some(&path), usage)?))
                })
            }
            Backend::Postgres(config, tls, given) => {
                let connector = Connector::new(config, tls, given)?.guarded();
                let checked = connector.clone();
                check = Box::new(move || checked.check(POSTGRES_CONNECTIONS));
                Self::new(
                    POSTGRES_WRITERS,
                    Some(POSTGRES_COMMITTERS),
                    Some(READERS),
                    move |usage| Ok(Box::new(connector.connect(usage)?)),
                )
            }
        };
        let is_file = url.path().is_some();
        if !is_file {
            store.erase_interval = POSTGRES_ERASE_INTERVAL;
        }
        store.contact = contact;
        loop {
            let fault = match store.start(&check) {
                Ok(()) => {
                    store.warn_of_traces();
                    return Ok(store);
                }
                Err(migrate::MigrateError::Schema(error)) => return Err(error),
                Err(migrate::MigrateError::Start(fault)) => fault,
                Err(migrate::MigrateError::Store(error)) if is_file => sqlite::start::fault(error),
                Err(migrate::MigrateError::Store(error)) => postgres::fault(error),
            };
            match fault {
                StartError::Transient(reason) if patience(&reason) => {}
                StartError::Transient(_) => return Err(OpenError::Stopped),
                StartError::Permanent(error) => {
                    return Err(OpenError::Refused { place: url.to_string(), error });
                }
            }
        }
    }

    /// One try at opening.
    fn start(
        &self,
        check: &dyn Fn() -> std::result::Result<(), StartError>,
    ) -> std::result::Result<(), migrate::MigrateError> {
        check().map_err(migrate::MigrateError::Start)?;
        self.write(Requester::Server, migrate::up)?.log();
        self.begin_time().map_err(migrate::MigrateError::Store)?;
        self.apply_contact_policy().map_err(migrate::MigrateError::Store)
    }

    /// Whether servers on other machines may use the same database.
    pub fn is_shared(&self) -> bool {
        // SQLite commits messages on its only writer.
        self.committers.is_some()
    }

    pub(crate) fn new(
        writers: usize,
        committers: Option<usize>,
        readers: Option<usize>,
        connect: impl Fn(Purpose) -> Result<Box<dyn Engine>> + Clone + Send + Sync + 'static,
    ) -> Self {
        let health = Arc::new(Health::new());
        let pool = |size, usage| {
            let (connect, health) = (connect.clone(), Arc::clone(&health));
            let connect = move || {
                let connected = connect(usage);
                // The result of connecting is recorded only for reads: a commit records its own result.
                if usage != Purpose::Write && connected.is_err() {
                    health.record_read(&connected);
                }
                connected
            };
            Pool::new(size, TAKE_TIMEOUT, Box::new(connect))
        };
        Self {
            writers: pool(writers, Purpose::Write),
            committers: committers.map(|size| pool(size, Purpose::Write)),
            readers: readers.map(|size| pool(size, Purpose::Read)),
            searchers: readers.map(|_| pool(SEARCHERS, Purpose::Search)),
            server_readers: readers.map(|_| pool(SERVER_READERS, Purpose::Upkeep)),
            replica: None,
            quota: 0,
            erase_interval: Duration::ZERO,
            is_erasing: AtomicBool::new(false),
            is_indexing: AtomicBool::new(false),
            contact: ContactPolicy::default(),
            foreground_writes: ForegroundWrites::default(),
            health: Arc::clone(&health),
            tokens: RecentTokens::default(),
            clock: Clock::default(),
            announcer: Announcer::default(),
        }
    }

    /// Sets the quota of each account, in bytes; 0: no limit.
    #[must_use]
    pub fn with_quota(self, bytes: i64) -> Self {
        Self { quota: bytes, ..self }
    }

    /// Bytes of stored text that one account may have sent; `None`: there is no limit.
    pub fn quota(&self) -> Option<i64> {
        (self.quota > 0).then_some(self.quota)
    }

    /// Runs `work` for `requester` in one transaction. After a conflict with others it runs again from the start.
    pub(crate) fn write<T>(
        &self,
        requester: impl Into<Requester>,
        work: impl FnMut(&mut dyn Engine) -> Result<T>,
    ) -> Result<T> {
        let _counted = self.foreground_writes.begin();
        self.write_in_background(requester, work)
    }

    /// As [`Store::write`], for work that gives way to all other writes; see [`crate::pacer`].
    pub(crate) fn write_in_background<T>(
        &self,
        requester: impl Into<Requester>,
        work: impl FnMut(&mut dyn Engine) -> Result<T>,
    ) -> Result<T> {
        write_on(&self.writers, requester.into(), None, work, &self.health)
    }

    /// The engine's name, for metrics.
    pub fn engine(&self) -> &'static str {
        if self.committers.is_some() { "postgresql" } else { "sqlite" }
    }

    /// As [`Store::write`], on the connection for commits of messages, and within [`COMMIT_TIMEOUT`].
    pub(crate) fn write_messages<T>(
        &self,
        work: impl FnMut(&mut dyn Engine) -> Result<T>,
    ) -> Result<T> {
        let pool = self.committers.as_ref().unwrap_or(&self.writers);
        let until = Instant::now() + COMMIT_TIMEOUT;
        let _counted = self.foreground_writes.begin();
        self.health
            .record_commit(|| write_on(pool, Requester::Server, Some(until), work, &self.health))
    }

    /// To be called before a process ends: moves SQLite's write-ahead log into the database file, unless other processes use it.
    pub fn checkpoint(&self) {
        if self.committers.is_some() {
            return; // PostgreSQL has files of its own.
        }
        let writer = self.writers.take_within(Requester::Server, Duration::ZERO);
        let settled = writer.and_then(|mut lease| lease.engine().checkpoint());
        if let Err(error) = settled {
            tracing::debug!(%error, "the write-ahead log stays");
        }
    }

    /// Has the engine make deleted accounts unreadable; see [`Engine::scrub`].
    pub(crate) fn scrub(
        &self,
        requester: impl Into<Requester>,
        accounts: &[i64],
        interval: Duration,
    ) -> Result<Vec<i64>> {
        let mut lease = self.writers.take(requester.into())?;
        let done = lease.engine().scrub(accounts, interval);
        if let Err(error) = &done {
            self.health.record_damage(error);
            lease.give_back();
        }
        done
    }

    /// Logs a warning if deleted accounts cannot be erased from the database's files.
    fn warn_of_traces(&self) {
        let found = self
            .writers
            .take(Requester::Server)
            .and_then(|mut lease| lease.engine().cannot_scrub());
        if let Ok(Some(reason)) = found {
            tracing::warn!("{reason}");
        }
    }
}

fn write_on<T>(
    pool: &Pool,
    requester: Requester,
    until: Option<Instant>,
    mut work: impl FnMut(&mut dyn Engine) -> Result<T>,
    health: &Health,
) -> Result<T> {
    for last in (0..WRITE_TRIES_MAX).rev() {
        let mut lease = pool.take(requester)?;
        lease.engine().set_deadline(until);
        let began = Instant::now();
        if let Err(error) = lease.engine().begin() {
            lease.engine().set_deadline(None);
            lease.give_back();
            if last == 0 || began.elapsed() > RETRY_WITHIN {
                health.record_failed_write(&error);
                return Err(error);
            }
            continue; // Nothing has happened yet, and a dead connection has been replaced.
        }
        let done = work(lease.engine());
        match done.and_then(|value| lease.engine().commit().map(|()| value)) {
            Ok(value) => {
                lease.engine().set_deadline(None);
                return Ok(value);
            }
            Err(error) => {
                lease.engine().set_deadline(None);
                match lease.engine().rollback() {
                    Ok(()) => lease.give_back(),
                    Err(_) => lease.discard(),
                }
                if last == 0 || !matches!(error, Error::Contention(_)) {
                    health.record_failed_write(&error);
                    return Err(error);
                }
            }
        }
    }
    unreachable!("the last try returns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_deleted_account_leaves_is_taken_out_whoever_reads() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("messenger.db").display());
        let store = Store::open(&url.parse().unwrap(), ContactPolicy::Open, &|_| false).unwrap();
        let gone = store.create_account("gone@example.com", "Gone", "phc", 1).unwrap();
        let readers = store.readers.as_ref().unwrap();
        let _held: Vec<_> =
            (0..READERS).map(|_| readers.take(Requester::Stranger).unwrap()).collect();
        store.erase_account_rows(gone, crate::pacer::Pacer::new()).unwrap();
    }
}
