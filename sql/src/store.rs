//! Opening a database, and the two ways to work on it.

use crate::engine::postgres::Connector;
use crate::engine::sqlite::Sqlite;
use crate::engine::{Engine, Value};
use crate::pool::{Pool, TAKE_TIMEOUT};
use crate::url::Place;
use crate::{DatabaseUrl, Error, OpenError, Result, migrate};

/// Connections that write: SQLite allows one writer; on PostgreSQL the committer shares them with signups and logins.
const POSTGRES_WRITERS: usize = 4;
/// Connections that only read.
const READERS: usize = 4;
/// How often a write is tried that others are in the way of, or whose connection turns out to be dead.
const WRITE_TRIES_MAX: usize = 4;

/// Decides, told what is wrong, whether to go on waiting for a database (after a pause of its own making).
pub type Patience<'a> = &'a dyn Fn(&str) -> bool;

/// An open database. Shared by reference; every verb may be called from any thread.
pub struct Store {
    writers: Pool,
    /// `None`: a database in memory has one connection, and it does everything.
    readers: Option<Pool>,
}

impl Store {
    /// Opens the database, waiting with `patience` while it cannot be reached, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]: what waiting would not mend.
    pub fn open(url: &DatabaseUrl, patience: Patience<'_>) -> std::result::Result<Self, OpenError> {
        let store = match &url.0 {
            Place::Memory => Self::new(1, None, || Ok(Box::new(Sqlite::open(None)?))),
            Place::File(path) => {
                let path = path.clone();
                Self::new(1, Some(READERS), move || Ok(Box::new(Sqlite::open(Some(&path))?)))
            }
            Place::Postgres(config, tls) => {
                let connector = Connector::new(config, tls)?;
                Self::new(POSTGRES_WRITERS, Some(READERS), move || {
                    Ok(Box::new(connector.connect()?))
                })
            }
        };
        loop {
            match migrate::up(&store) {
                Ok(()) => return Ok(store),
                Err(migrate::Failed::Newer(error)) => return Err(error),
                Err(migrate::Failed::Store(Error::Unavailable(text) | Error::InDoubt(text)))
                    if url.path().is_none() =>
                {
                    if !patience(&text) {
                        return Err(OpenError::Stopped);
                    }
                }
                Err(migrate::Failed::Store(error)) => {
                    return Err(OpenError::Refused { place: url.to_string(), error });
                }
            }
        }
    }

    fn new(
        writers: usize,
        readers: Option<usize>,
        connect: impl Fn() -> Result<Box<dyn Engine>> + Clone + Send + Sync + 'static,
    ) -> Self {
        let pool = |size| Pool::new(size, TAKE_TIMEOUT, Box::new(connect.clone()));
        Self { writers: pool(writers), readers: readers.map(pool) }
    }

    /// Whether the database answers at this moment.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if not.
    pub fn ping(&self) -> Result<()> {
        self.read("select 1", &[], |_| Ok(())).map(drop)
    }

    /// Runs one reading statement and turns its rows into what the caller wants.
    pub(crate) fn read<T>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        mut turn: impl FnMut(&mut crate::engine::Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let pool = self.readers.as_ref().unwrap_or(&self.writers);
        for last in [false, true] {
            let mut lease = pool.take()?;
            match lease.engine().run(sql, params) {
                Ok(mut rows) => return rows.iter_mut().map(&mut turn).collect(),
                Err(error) => {
                    lease.give_back();
                    // A connection that died while resting says so only now; the next one is new.
                    if last || !matches!(error, Error::Unavailable(_)) {
                        return Err(error);
                    }
                }
            }
        }
        unreachable!("the last try returns")
    }

    /// Runs `work` in one transaction, again from the start if others were in its way.
    pub(crate) fn write<T>(&self, mut work: impl FnMut(&mut dyn Engine) -> Result<T>) -> Result<T> {
        for last in (0..WRITE_TRIES_MAX).rev() {
            let mut lease = self.writers.take()?;
            if let Err(error) = lease.engine().begin() {
                lease.give_back();
                if last == 0 {
                    return Err(error);
                }
                continue; // Nothing has happened yet, and a dead connection has been replaced.
            }
            let done = work(lease.engine());
            match done.and_then(|value| lease.engine().commit().map(|()| value)) {
                Ok(value) => return Ok(value),
                Err(error) => {
                    match lease.engine().rollback() {
                        Ok(()) => lease.give_back(),
                        Err(_) => lease.discard(),
                    }
                    if last == 0 || !matches!(error, Error::Collision(_)) {
                        return Err(error);
                    }
                }
            }
        }
        unreachable!("the last try returns")
    }

    /// Has the engine make deleted rows unreadable.
    pub(crate) fn scrub(&self) -> Result<()> {
        self.writers.take()?.engine().scrub()
    }
}
