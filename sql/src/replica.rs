//! A replica of the database (a streaming standby), which answers histories, searches and exports in place of the
//! database itself (the primary).
//!
//! A client reads its own writes. Each change that a client can see also appends an event to its account's log, in the same
//! transaction, and a replica applies transactions completely and in order. So a replica may answer a client if it has all events
//! of the account's log that the client has got (decision 26). Otherwise the primary answers.

mod identity;
mod state;

use std::cell::{RefCell, RefMut};
use std::sync::Arc;
use std::time::Instant;

use wire::{AccountId, Seq};

use crate::engine::postgres::Connector;
use crate::engine::{Engine, Purpose, Statement, Value, statements};
use crate::limit::{
    REPLICA_CONNECT_TIMEOUT, REPLICA_READERS, REPLICA_TAKE_TIMEOUT, REPLICA_TIMEOUT,
};
use crate::pool::{Lease, Pool, Requester};
use crate::read::ReplicaConnection;
use crate::url::Backend;
use crate::{DatabaseUrl, Error, OpenError, Reader, Result, Store};
use identity::{IDENTITY, Identity};
use state::{Probe, State};

/// The database that has answered a read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadSource {
    /// The database itself, since no replica is set.
    Database,
    /// The replica.
    Replica,
    /// The database itself, since the replica lacks events that the client has got.
    Behind,
    /// The database itself, since the replica cannot be reached, or does not answer.
    Away,
    /// The database itself, since all connections to the replica are in use.
    Busy,
}

impl ReadSource {
    /// The values of the metric's label.
    pub const WORDS: [&str; 4] = ["replica", "behind", "away", "busy"];

    /// The value of the metric's label; `None` if no replica is set.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Database => None,
            Self::Replica => Some("replica"),
            Self::Behind => Some("behind"),
            Self::Away => Some("away"),
            Self::Busy => Some("busy"),
        }
    }
}

/// A replica, and what is known about it.
pub(crate) struct Replica {
    pool: Pool,
    state: Arc<State>,
}

/// A connection to a replica. One request reads everything on one connection. Another connection could lead to a server that has
/// applied more or fewer transactions.
struct Connection<'a>(RefCell<Lease<'a>>);

impl ReplicaConnection for Connection<'_> {
    fn engine(&self) -> RefMut<'_, dyn Engine + 'static> {
        RefMut::map(self.0.borrow_mut(), |lease| lease.engine())
    }
}

impl Replica {
    fn new(url: &DatabaseUrl) -> std::result::Result<Self, OpenError> {
        let Backend::Postgres(config, tls, given) = &url.0 else {
            let (place, error) = (url.to_string(), "a replica is a PostgreSQL server".to_owned());
            return Err(OpenError::Refused { place, error });
        };
        let connector = Connector::new(config, tls, given)?;
        let connector = connector.with_connect_timeout(REPLICA_CONNECT_TIMEOUT);
        let state = Arc::new(State::new(url.to_string()));
        let noted = Arc::clone(&state);
        let connect = move || {
            let connected = connector.connect(Purpose::Read).and_then(|mut engine| {
                within(&mut engine, |engine| noted.check_identity(&Identity::read(engine)?))?;
                Ok(Box::new(engine) as Box<dyn Engine>)
            });
            connected.inspect_err(|error| noted.lost(error))
        };
        let pool = Pool::new(REPLICA_READERS, REPLICA_TAKE_TIMEOUT, Box::new(connect));
        Ok(Self { pool, state })
    }

    /// A connection to the replica, if the replica has all events of `account` up to `seq`. Otherwise the reason why it cannot answer.
    fn connection(
        &self,
        account: AccountId,
        seq: Seq,
    ) -> std::result::Result<Lease<'_>, ReadSource> {
        if !self.state.is_up() {
            return Err(ReadSource::Away);
        }
        let Ok(mut lease) = self.pool.take(Requester::Account(account)) else {
            return Err(if self.state.is_up() { ReadSource::Busy } else { ReadSource::Away });
        };
        match within(lease.engine(), |engine| head(engine, account)) {
            Ok(Some(head)) if head >= seq => Ok(lease),
            Ok(_) => {
                self.state.misses(account, seq);
                Err(ReadSource::Behind)
            }
            Err(error) => {
                self.state.lost(&error);
                lease.discard();
                Err(ReadSource::Away)
            }
        }
    }

    /// Checks whether a replica that was away can be reached again, and whether one that was behind has caught up. `is_due`: also
    /// whether one that is in use still has the history of the database.
    fn probe(&self, is_due: bool) {
        let Some(probe) = self.state.next_probe(is_due) else { return };
        // A failure to connect is recorded by `connect`.
        let Ok(mut lease) = self.pool.take(Requester::Probe) else { return };
        let account = match probe {
            Probe::IsBack | Probe::IsSame => AccountId(0),
            Probe::HasCaughtUp(account, _) => account,
        };
        let answer = within(lease.engine(), |engine| {
            self.state.check_identity(&Identity::read(engine)?)?;
            head(engine, account)
        });
        match (probe, answer) {
            (_, Err(error)) => {
                self.state.lost(&error);
                lease.discard();
            }
            (Probe::IsBack, Ok(_)) => self.state.is_back(),
            (Probe::IsSame, Ok(_)) => {}
            // The account has no log, since it was deleted.
            (Probe::HasCaughtUp(_, seq), Ok(head)) => {
                self.state.note_progress(head.is_none_or(|head| head >= seq));
            }
        }
    }
}

impl Store {
    /// Lets this replica answer histories, searches and exports. While it cannot be reached the database answers them.
    ///
    /// # Errors
    /// [`OpenError`]: it is no PostgreSQL server, or its certificate authorities cannot be read.
    pub fn with_replica(mut self, url: &DatabaseUrl) -> std::result::Result<Self, OpenError> {
        self.replica = Some(Replica::new(url)?);
        self.probe_replica();
        Ok(self)
    }

    /// Probes the replica. Must be called once a second.
    pub(crate) fn probe_replica(&self) {
        let Some(replica) = &self.replica else { return };
        let is_due = replica.state.is_identity_due();
        if is_due {
            let found = self.read(Requester::Probe, &IDENTITY, &[], Identity::of);
            match found.map(|mut rows| rows.pop()) {
                Ok(Some(identity)) => {
                    if replica.state.set_database(&identity) {
                        // The connections were compared with the former identity.
                        replica.pool.replace_all();
                    }
                }
                Ok(None) => return,
                Err(error) if !replica.state.knows_database() => return replica.state.lost(&error),
                // While the database is away the replica goes on.
                Err(_) => replica.state.put_identity_off(),
            }
        }
        replica.probe(is_due);
    }

    /// Whether the replica is in use at present; `None`: no replica is set.
    pub fn is_replica_up(&self) -> Option<bool> {
        self.replica.as_ref().map(|replica| replica.state.is_up())
    }

    /// Runs `read` for `account`, whose client has got the events of its log up to `seq`. The replica answers if it has all of these
    /// events, otherwise the database. If the replica fails, `read` runs again on the database.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read_replicated<T>(
        &self,
        account: AccountId,
        seq: Seq,
        read: impl Fn(Reader<'_>) -> Result<T>,
    ) -> (ReadSource, Result<T>) {
        let source = match &self.replica {
            None => ReadSource::Database,
            Some(replica) => match replica.connection(account, seq) {
                Err(source) => source,
                Ok(lease) => {
                    let connection = Connection(RefCell::new(lease));
                    let done = read(Reader { account, replica: Some(&connection) });
                    match done {
                        // A read that timed out would take as long in the database.
                        Ok(_) | Err(Error::TimedOut(_)) => return (ReadSource::Replica, done),
                        Err(error) => {
                            connection.0.into_inner().give_back();
                            replica.state.failed(&error)
                        }
                    }
                }
            },
        };
        (source, read(account.into()))
    }
}

/// Runs `ask`, which ends within [`REPLICA_TIMEOUT`].
fn within<T>(engine: &mut dyn Engine, ask: impl FnOnce(&mut dyn Engine) -> Result<T>) -> Result<T> {
    engine.set_deadline(Some(Instant::now() + REPLICA_TIMEOUT));
    let done = ask(engine);
    engine.set_deadline(None);
    done
}

/// The last event of the account's log in the database of this connection; `None`: the account has no log.
fn head(engine: &mut dyn Engine, account: AccountId) -> Result<Option<Seq>> {
    let rows = engine.run(&HEAD, &[Value::Int(account.0)])?;
    rows.first().map(|row| row.int(0).map(Seq)).transpose()
}

statements! {
    static HEAD: Statement = Statement::both("select head from log where account = $1");
}

#[cfg(test)]
mod tests;
