//! Runs reading statements on the right connection: of a pool, by who asks for it, or of the replica.

use std::cell::RefMut;
use std::time::Instant;

use wire::AccountId;

use crate::engine::{BatchStatement, Engine, Row, Statement, Value};
use crate::limit::RETRY_WITHIN;
use crate::pool::{Pool, Requester};
use crate::{Error, Result, Store};

/// A connection to a replica that one request uses.
pub(crate) trait ReplicaConnection {
    fn engine(&self) -> RefMut<'_, dyn Engine + 'static>;
}

/// The account that a read is for, and the connection that serves it: one of the database itself, or one of a replica
/// ([`Store::read_replicated`]).
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub(crate) account: AccountId,
    pub(crate) replica: Option<&'a dyn ReplicaConnection>,
}

impl From<AccountId> for Reader<'_> {
    fn from(account: AccountId) -> Self {
        Self { account, replica: None }
    }
}

/// The requester of a connection, or a connection to a replica that it already has.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    requester: Requester,
    replica: Option<&'a dyn ReplicaConnection>,
}

impl From<Requester> for Source<'_> {
    fn from(requester: Requester) -> Self {
        Self { requester, replica: None }
    }
}

impl From<AccountId> for Source<'_> {
    fn from(account: AccountId) -> Self {
        Requester::Account(account).into()
    }
}

impl<'a> From<Reader<'a>> for Source<'a> {
    fn from(reader: Reader<'a>) -> Self {
        Self { requester: Requester::Account(reader.account), replica: reader.replica }
    }
}

impl Store {
    /// Runs a reading statement for `source` and maps its rows.
    pub(crate) fn read<'a, T>(
        &self,
        source: impl Into<Source<'a>>,
        statement: &'static Statement,
        params: &[Value<'_>],
        map_row: impl FnMut(&mut Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let source = source.into();
        let pool = self.readers_for(source.requester);
        self.read_on(pool, source, |engine| engine.run(statement, params))?
            .iter_mut()
            .map(map_row)
            .collect()
    }

    /// Runs a reading statement for each of `rows`. The returned rows are in no particular order.
    pub(crate) fn read_each<'a, T>(
        &self,
        source: impl Into<Source<'a>>,
        statement: &'static BatchStatement,
        rows: &[Vec<Value<'_>>],
        map_row: impl FnMut(&mut Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let read = |engine: &mut dyn Engine| engine.run_batch(statement, rows);
        let source = source.into();
        let mut found = self.read_on(self.readers_for(source.requester), source, read)?;
        found.iter_mut().map(map_row).collect()
    }

    /// Reads on a connection that is kept for searches, or on the replica of `source`.
    pub(crate) fn read_for_search<'a, T>(
        &self,
        source: impl Into<Source<'a>>,
        read: impl Fn(&mut dyn Engine) -> Result<T>,
    ) -> Result<T> {
        self.read_on(self.searchers.as_ref(), source.into(), read)
    }

    /// The time of the database's own clock; `None` if it has none. Takes no longer than a read for a request.
    pub(crate) fn database_time(&self) -> Result<Option<i64>> {
        let pool = self.readers_for(Requester::Probe);
        self.read_on(pool, Requester::Probe.into(), |engine| engine.time())
    }

    fn readers_for(&self, requester: Requester) -> Option<&Pool> {
        match requester {
            Requester::Server => self.server_readers.as_ref(),
            _ => self.readers.as_ref(),
        }
    }

    fn read_on<T>(
        &self,
        pool: Option<&Pool>,
        source: Source<'_>,
        read: impl Fn(&mut dyn Engine) -> Result<T>,
    ) -> Result<T> {
        if let Some(connection) = source.replica {
            return read(&mut *connection.engine());
        }
        let pool = pool.unwrap_or(&self.writers);
        for last in [false, true] {
            let began = Instant::now();
            let mut lease = pool.take(source.requester)?;
            let done = read(lease.engine());
            self.health.record_read(&done);
            match done {
                Ok(rows) => return Ok(rows),
                Err(error) => {
                    lease.give_back();
                    // A connection that has died while idle fails only now. The next one is new.
                    let is_late = began.elapsed() > RETRY_WITHIN;
                    if last || is_late || !matches!(error, Error::Unavailable(_)) {
                        return Err(error);
                    }
                }
            }
        }
        unreachable!("the last try returns")
    }
}
