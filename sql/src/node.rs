//! The chat servers that use the same database ("nodes"), and the notices by which they tell each other of commits.
//!
//! Each node has a row of the table `node` with a counter. A node whose counter rises is alive, whatever any clock shows; one
//! whose counter stands still has ended.
//!
//! While there are other nodes, each commit of a node also writes a row of `notice`: the heads of the logs that it has extended.
//! Every node reads the notices of all others in one statement, a few times a second, from the last number that it has read of
//! each. The cost depends on how much the others commit, and not on the number of connected accounts. A node writes notices only
//! once it knows of another node, which its column `knows` says. Before that, and whenever a notice may be missing, the other node
//! compares the heads of the logs of all accounts that are connected to it ([`NodeObserver::compare_all`]).

mod announcer;
mod notice;
mod online;
mod others;

use std::collections::BTreeSet;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use wire::{AccountId, Seq};

use crate::engine::{BatchStatement, Engine, Statement, Value, statements};
use crate::limit::{
    NODE_BEAT, NODE_COMPARE_INTERVAL, NODE_GONE_FOR, NODE_LOOK_ALONE, NOTICES_OF_EACH_MIN,
    NOTICES_PAGE,
};
use crate::pool::Requester;
use crate::{Result, Store};
pub(crate) use announcer::{ADD_NOTICE, Announcer, NoticeKey};
use announcer::{Announcing, LastNotices};
pub use notice::Notice;
pub use online::{Elsewhere, LocalConnections, RemoteConnections};
use others::{NodeRow, Others};

/// Receives the notices of other nodes, and supplies the connections of this node.
pub trait NodeObserver {
    /// Called when these logs have grown by commits of other nodes.
    fn heads_grown(&self, heads: &[(AccountId, Seq)]);

    /// Called when these accounts have more or fewer connections to other nodes: see [`Store::online_elsewhere`].
    ///
    /// # Errors
    /// The connections could not be looked up. Then all accounts are compared later.
    fn accounts_changed(&self, accounts: &[AccountId]) -> Result<()>;

    /// Called when a node has ended. Its connections have ended, too.
    fn node_gone(&self, node: i64);

    /// Takes the accounts whose number of connections to this node has changed since the last call. Called only while there are other
    /// nodes.
    fn take_changed(&self) -> Vec<LocalConnections>;

    /// Called when these changes could not be written. [`NodeObserver::take_changed`] must return them again. `None`: all connected
    /// accounts must be returned.
    fn return_changed(&self, changed: Option<Vec<LocalConnections>>);

    /// Called when these changes are committed, so that other nodes can look them up.
    ///
    /// # Errors
    /// A step that follows has failed. Then all accounts are compared later.
    fn changes_written(&self, changed: &[LocalConnections]) -> Result<()>;

    /// Called when any log may have grown, and any account may have got or lost connections. Compares all that concern this node.
    ///
    /// # Errors
    /// The database could not be read. Then it is called again.
    fn compare_all(&self) -> Result<()>;

    /// Called with the number of other living nodes, whenever it changes.
    fn others_changed(&self, alive: usize);

    /// The interval at which the notices are read while there are other nodes.
    fn interval(&self) -> Duration;

    /// Waits for this time, or until [`NodeObserver::take_changed`] has something to return. Returns whether the node must end.
    fn wait(&self, time: Duration) -> bool;
}

/// This node's own row.
#[derive(Default)]
struct Me {
    /// The number of its row; `None` before the row exists.
    id: Option<i64>,
    /// The highest number of another node that gets a notice of each commit; 0: none.
    knows: i64,
    beat_at: Option<Instant>,
    compared_at: Option<Instant>,
    last_notices: LastNotices,
    /// Something may have been missed since then.
    is_in_doubt: bool,
    alive: usize,
}

impl Store {
    /// Shows the other nodes that this one uses the database, and tells `observer` what they have committed, until its
    /// [`NodeObserver::wait`] says that it is over.
    pub fn run_node(&self, observer: &dyn NodeObserver) {
        let (mut me, mut others) = (Me::default(), Others::default());
        loop {
            // While the database is away, the health check reports it.
            if let Err(error) = self.look(&mut me, &mut others, observer) {
                tracing::debug!(%error, "cannot look for what other nodes have stored");
                me.is_in_doubt = true;
            }
            let interval = if others.is_empty() { NODE_LOOK_ALONE } else { observer.interval() };
            if observer.wait(interval) {
                break;
            }
        }
        if let Some(id) = me.id {
            let _ = self.forget_node(id, None);
        }
    }

    /// The name under which the nodes of this database find each other on a message bus.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn cluster_id(&self) -> Result<String> {
        let mut ids = self.read(Requester::Server, &BUS_ID, &[], |row| row.text(0))?;
        ids.pop().ok_or_else(|| crate::Error::Internal("the database has no name".to_owned()))
    }

    /// Reads the table of nodes and the new notices of the others.
    fn look(&self, me: &mut Me, others: &mut Others, observer: &dyn NodeObserver) -> Result<()> {
        let rows = self.read(Requester::Server, &NODES, &[], |row| {
            Ok(NodeRow { id: row.int(0)?, beat: row.int(1)?, knows: row.int(2)? })
        })?;
        let now = Instant::now();
        let own = me.id.filter(|id| rows.iter().any(|row| row.id == *id));
        let id = match own {
            Some(id) => id,
            // This node has just started, or was silent for so long that another node has deleted its row.
            None => {
                let id = self.add_node()?;
                (me.id, me.knows, me.beat_at) = (Some(id), 0, Some(now));
                me.last_notices = LastNotices::default();
                id
            }
        };
        let rows: Vec<_> = rows.into_iter().filter(|row| row.id != id).collect();
        for gone in others.note(&rows, id) {
            me.is_in_doubt = true;
            observer.node_gone(gone);
        }
        let is_due = me.beat_at.is_none_or(|at| now >= at + NODE_BEAT);
        let newest = rows.iter().map(|row| row.id).max();
        // `knows` is reliable for its readers: it rises after the first commit with a notice, and falls before the
        // first one without.
        if newest.is_some() && self.announcer.set(id, true) {
            observer.return_changed(None);
        }
        let knows = newest.map_or(0, |newest| newest.max(me.knows));
        if knows != me.knows || is_due {
            self.beat(id, knows)?;
            me.knows = knows;
        }
        if newest.is_none() {
            self.announcer.set(id, false);
        }
        if is_due {
            // As often as promised, however long a look takes.
            me.beat_at = me.beat_at.map(|at| (at + NODE_BEAT).max(now - NODE_BEAT)).or(Some(now));
            let (alive, gone) = others.count(&rows);
            let seen_at = self.now() - NODE_GONE_FOR.as_millis() as i64;
            gone.into_iter().try_for_each(|id| self.forget_node(id, Some(seen_at)))?;
            if let Some(number) = me.last_notices.outdated(self.announcer.last()) {
                let params = [id, number].map(Value::Int);
                self.write(Requester::Server, |engine| {
                    engine.run(&DELETE_NOTICES, &params).map(drop)
                })?;
            }
            if std::mem::replace(&mut me.alive, alive) != alive {
                tracing::info!(others = alive, "other chat servers use this database");
                observer.others_changed(alive);
            }
        }
        self.read_notices(others, observer, now)?;
        if !rows.is_empty() {
            self.write_connections(id, observer)?;
        }
        let is_due = me.compared_at.is_none_or(|at| now >= at + NODE_COMPARE_INTERVAL);
        if is_due && (std::mem::take(&mut me.is_in_doubt) | others.take_doubt(now)) {
            me.compared_at = Some(now);
            if let Err(error) = observer.compare_all() {
                me.is_in_doubt = true;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reads the notices of all other nodes since the last look, in one statement while none has a full page.
    fn read_notices(
        &self,
        others: &mut Others,
        observer: &dyn NodeObserver,
        now: Instant,
    ) -> Result<()> {
        let mut unread = Vec::new();
        for (node, other) in others.iter_mut() {
            if other.read_up_to().is_some() {
                unread.push(node);
                continue;
            }
            let last = self.read(Requester::Server, &LAST_NOTICE, &[Value::Int(node)], |row| {
                row.maybe_int(0)
            })?;
            other.begin(last.into_iter().flatten().next().unwrap_or(0));
        }
        while !unread.is_empty() {
            let page = notices_page(unread.len());
            let row = |node: &i64| {
                let after = others.get_mut(*node)?.read_up_to()?;
                Some([*node, after, page as i64].map(Value::Int).to_vec())
            };
            let rows: Vec<_> = unread.iter().filter_map(row).collect();
            let mut found = self.read_each(Requester::Server, &NOTICES, &rows, |row| {
                Ok((row.int(0)?, row.int(1)?, row.bytes(2)?))
            })?;
            found.sort_unstable_by_key(|(node, number, _)| (*node, *number));
            unread.retain(|node| found.iter().filter(|(of, ..)| of == node).count() >= page);
            let (mut heads, mut accounts) = (Vec::new(), BTreeSet::new());
            for (node, number, body) in &found {
                if let Some(other) = others.get_mut(*node) {
                    let notice = other.take(*number, body, now);
                    heads.extend(notice.heads);
                    accounts.extend(notice.accounts);
                }
            }
            if !heads.is_empty() {
                observer.heads_grown(&heads);
            }
            if !accounts.is_empty() {
                observer.accounts_changed(&accounts.into_iter().collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }

    /// Runs `work` and inserts a notice in one transaction. Does nothing if no other node would read the notice.
    fn announce(
        &self,
        // Held until the commit, as in `Store::commit`, so that notices become visible in the order of their numbers.
        mut announcing: MutexGuard<'_, Announcing>,
        body: &[u8],
        work: impl Fn(&mut dyn Engine) -> Result<()>,
    ) -> Result<()> {
        let Some(key) = self.announcer.next(&announcing) else { return Ok(()) };
        let row = vec![Value::Int(key.node), Value::Int(key.number), Value::Bytes(body)];
        let done = self.write(Requester::Server, |engine| {
            work(engine)?;
            engine.run_batch(&ADD_NOTICE, std::slice::from_ref(&row)).map(drop)
        });
        if matches!(done, Ok(()) | Err(crate::Error::InDoubt(_))) {
            self.announcer.advance(&mut announcing);
        }
        done
    }

    /// Makes all other nodes compare the heads of their logs. Must be called once a commit is no longer in doubt, since its notice may be
    /// missing.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn announce_all(&self) -> Result<()> {
        self.announce(self.announcer.lock(), &Notice::default().encode(), |_| Ok(()))
    }

    fn add_node(&self) -> Result<i64> {
        let added =
            self.write(Requester::Server, |engine| engine.run(&ADD_NODE, &[Value::Int(0)]))?;
        crate::engine::first(&added)?.int(0)
    }

    /// Increments the counter of this node.
    fn beat(&self, id: i64, knows: i64) -> Result<()> {
        let params = [Value::Int(knows), Value::Int(id)];
        self.write(Requester::Server, |engine| engine.run(&BEAT, &params).map(drop))
    }

    /// Deletes the row of a node. The other nodes see that, and compare all logs. `seen_at`: the time at which its connections ended, if
    /// the node did not record that itself.
    fn forget_node(&self, id: i64, seen_at: Option<i64>) -> Result<()> {
        self.write(Requester::Server, |engine| {
            if let Some(at) = seen_at {
                engine.run(&RECORD_LOST, &[Value::Int(at), Value::Int(id)])?;
            }
            engine.run(&DELETE_ALL_ONLINE, &[Value::Int(id)])?;
            engine.run(&DELETE_ALL_SESSIONS, &[Value::Int(id)])?;
            engine.run(&DELETE_NODE, &[Value::Int(id)])?;
            engine.run(&DELETE_NOTICES, &[Value::Int(id), Value::Int(i64::MAX)]).map(drop)
        })
    }
}

/// How many notices of each of so many nodes are read at a time.
fn notices_page(nodes: usize) -> usize {
    (NOTICES_PAGE / nodes.max(1)).max(NOTICES_OF_EACH_MIN)
}

statements! {
    static NODES: Statement = Statement::both("select id, beat, knows from node");

    pub(crate) static BUS_ID: Statement = Statement::both("select id from bus");

    static BEAT: Statement = Statement::both("update node set beat = beat + 1, knows = $1 where id = $2");

    static ADD_NODE: Statement = Statement::both("insert into node (beat) values ($1) returning id");

    static DELETE_NODE: Statement = Statement::both("delete from node where id = $1");

    static DELETE_ALL_ONLINE: Statement = Statement::both("delete from online where node = $1");

    static DELETE_ALL_SESSIONS: Statement = Statement::both("delete from online_session where node = $1");

    /// The rows are locked in the order in which commits lock logs.
    static RECORD_LOST: Statement = Statement {
        postgres:
            "update log set seen_at = $1 from (select l.account from log l where coalesce(l.seen_at, 0) < $1 \
             and l.account in (select o.account from online o where o.node = $2) order by l.account for update) lost \
             where log.account = lost.account",
        sqlite:
            "update log set seen_at = $1 where coalesce(seen_at, 0) < $1 \
             and account in (select o.account from online o where o.node = $2)",
    };

    static NOTICES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select n.node, n.number, n.body from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r(node, after, \
             count) cross join lateral (select o.node, o.number, o.body from notice o where o.node = r.node \
             and o.number > r.after order by o.number limit r.count) n",
        sqlite: "select node, number, body from notice where node = ?1 and number > ?2 order by number limit ?3",
    });

    static LAST_NOTICE: Statement = Statement::both("select max(number) from notice where node = $1");

    static DELETE_NOTICES: Statement = Statement::both("delete from notice where node = $1 and number <= $2");
}

#[cfg(test)]
mod tests;
