//! Which accounts are connected to which nodes: the table `online`, kept while there are several nodes.

use std::collections::HashMap;

use wire::{AccountId, SessionId};

use super::{NodeObserver, Notice};
use crate::engine::{BatchStatement, Statement, Value, for_each_row, run_batches, statements};
use crate::limit::ONLINE_PAGE;
use crate::pool::Requester;
use crate::{Result, Store};

/// The connections of an account to this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalConnections {
    /// The account.
    pub account: AccountId,
    /// The number of connections.
    pub count: usize,
    /// The time at which the oldest connection began, in milliseconds.
    pub since: i64,
    /// The sessions of the connections, without repeats.
    pub sessions: Vec<SessionId>,
}

/// The connections of an account to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteConnections {
    /// The other node.
    pub node: i64,
    /// The number of connections.
    pub count: usize,
    /// The time at which the oldest connection began, in milliseconds.
    pub since: i64,
}

/// The connections of an account to other nodes, and the time at which it was last online.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// The connections to each node, in the order of the nodes' numbers.
    pub connections: Vec<RemoteConnections>,
    /// The time at which the account's last connection to any node ended, in milliseconds.
    pub last_seen: Option<i64>,
}

impl Store {
    /// The connections of these accounts to other nodes. An account without such connections that was never online may
    /// be missing.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn online_elsewhere(
        &self,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, Elsewhere>> {
        let mut found: HashMap<_, Elsewhere> = HashMap::new();
        let Some(me) = self.announcer.shown() else { return Ok(found) };
        for page in accounts.chunks(ONLINE_PAGE) {
            let rows: Vec<_> =
                page.iter().map(|account| vec![Value::Int(account.0), Value::Int(me)]).collect();
            let rows = self.read_each(Requester::Server, &ONLINE_ELSEWHERE, &rows, |row| {
                let connections = match row.maybe_int(1)? {
                    Some(node) => Some(RemoteConnections {
                        node,
                        count: usize::try_from(row.int(2)?).unwrap_or(0),
                        since: row.int(3)?,
                    }),
                    None => None,
                };
                Ok((AccountId(row.int(0)?), connections, row.maybe_int(4)?))
            })?;
            for (account, connections, last_seen) in rows {
                let elsewhere = found.entry(account).or_default();
                elsewhere.connections.extend(connections);
                elsewhere.last_seen = last_seen;
            }
        }
        found.values_mut().for_each(|it| it.connections.sort_unstable_by_key(|it| it.node));
        Ok(found)
    }

    /// Whether other nodes use the database.
    pub fn has_other_nodes(&self) -> bool {
        self.announcer.shown().is_some()
    }

    /// Writes the accounts whose connections to this node have changed into the table `online`, and notices of it.
    pub(super) fn write_connections(&self, node: i64, observer: &dyn NodeObserver) -> Result<()> {
        let changed = observer.take_changed();
        for (at, page) in changed.chunks(ONLINE_PAGE).enumerate() {
            let written = self.write_page(node, page);
            if !matches!(written, Ok(true)) {
                observer.return_changed(Some(changed[at * ONLINE_PAGE..].to_vec()));
                return written.map(drop);
            }
            observer.changes_written(page)?;
        }
        Ok(())
    }

    /// Returns whether it was written; not while a commit runs for long.
    fn write_page(&self, node: i64, page: &[LocalConnections]) -> Result<bool> {
        let Some(announcing) = self.announcer.lock_soon() else { return Ok(false) };
        let row = |it: &LocalConnections| {
            let count = i64::try_from(it.count).unwrap_or(i64::MAX);
            [it.account.0, node, count, it.since].map(Value::Int).to_vec()
        };
        let (here, gone): (Vec<_>, Vec<_>) = page.iter().partition(|it| it.count > 0);
        let here: Vec<_> = here.into_iter().map(row).collect();
        let key = |it: &LocalConnections| [it.account.0, node].map(Value::Int).to_vec();
        let gone: Vec<_> = gone.into_iter().map(key).collect();
        let all: Vec<_> = page.iter().map(key).collect();
        let session = |it: &LocalConnections, session: &SessionId| {
            [it.account.0, node, session.0].map(Value::Int).to_vec()
        };
        let sessions = page.iter().flat_map(|it| it.sessions.iter().map(move |id| session(it, id)));
        let sessions: Vec<_> = sessions.collect();
        let accounts = page.iter().map(|it| it.account).collect();
        let body = Notice { accounts, ..Notice::default() }.encode();
        self.announce(announcing, &body, |engine| {
            let batches = [
                (&SET_ONLINE, here.clone()),
                (&DELETE_ONLINE, gone.clone()),
                (&DELETE_SESSIONS, all.clone()),
                (&ADD_SESSIONS, sessions.clone()),
            ];
            run_batches(engine, &batches).map(drop)
        })?;
        Ok(true)
    }
}

statements! {
    static SET_ONLINE: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into online (account, node, connections, since) select * \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) \
             as r(account, node, connections, since) \
             on conflict (account, node) do update set connections = excluded.connections, since = excluded.since",
        sqlite:
            "insert into online (account, node, connections, since) values (?1, ?2, ?3, ?4) \
             on conflict (account, node) do update set connections = excluded.connections, since = excluded.since",
    });

    static DELETE_ONLINE: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "delete from online o using unnest($1::bigint[], $2::bigint[]) as r(account, node) \
             where o.account = r.account and o.node = r.node",
        sqlite: "delete from online where account = ?1 and node = ?2",
    });

    static DELETE_SESSIONS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "delete from online_session o using unnest($1::bigint[], $2::bigint[]) as r(account, node) \
             where o.account = r.account and o.node = r.node",
        sqlite: "delete from online_session where account = ?1 and node = ?2",
    });

    static ADD_SESSIONS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into online_session (account, node, session) select * \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r(account, node, session)",
        sqlite: "insert into online_session (account, node, session) values (?1, ?2, ?3)",
    });

    static ONLINE_ELSEWHERE: BatchStatement = for_each_row!(
        r(account bigint, me bigint),
        "select l.account, o.node, o.connections, o.since, l.seen_at from r join log l on l.account = r.account \
         left join online o on o.account = r.account and o.node <> r.me"
    );
}
