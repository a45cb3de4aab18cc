//! Whether other chat servers use the same database.
//!
//! Each server has a row of the table `node` with a counter. A server whose counter rises is alive, whatever any clock shows; one
//! whose counter stands still has ended.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::engine::{Statement, Value, statements};
use crate::limit::{NODE_BEAT, NODE_SILENT_BEATS, NODE_SURE_BEATS, NODE_WARN_INTERVAL};
use crate::pool::Requester;
use crate::{Result, Store};

/// The others, as seen from here.
#[derive(Default)]
struct OtherNodes(HashMap<i64, OtherNode>);

struct OtherNode {
    beat: i64,
    /// Looks at which it had counted up since the one before, without a longer pause.
    counted: u32,
    /// Looks since it last had.
    silent: u32,
}

impl OtherNodes {
    /// Takes down the rows of a look, and returns how many are alive for sure and which are not.
    fn look(&mut self, rows: &[(i64, i64)]) -> (usize, Vec<i64>) {
        self.0.retain(|id, _| rows.iter().any(|(one, _)| one == id));
        for (id, beat) in rows {
            let Some(other) = self.0.get_mut(id) else {
                self.0.insert(*id, OtherNode { beat: *beat, counted: 0, silent: 0 });
                continue;
            };
            if other.beat == *beat {
                other.silent += 1;
                // Of two looks one may come just before it counts up.
                if other.silent > 2 {
                    other.counted = 0;
                }
            } else {
                (other.beat, other.counted, other.silent) = (*beat, other.counted + 1, 0);
            }
        }
        let alive = self.0.values().filter(|other| other.counted >= NODE_SURE_BEATS).count();
        let gone = self.0.iter().filter(|(_, other)| other.silent >= NODE_SILENT_BEATS);
        (alive, gone.map(|(id, _)| *id).collect())
    }
}

impl Store {
    /// Shows that a chat server uses this database, and says in the log if others do, until `wait` says that it is over.
    pub fn run_node_heartbeat(&self, wait: impl Fn(Duration) -> bool) {
        let (mut me, mut others, mut warned) = (None, OtherNodes::default(), None::<Instant>);
        loop {
            // While the database is away its health says so.
            let alive = self.beat(&mut me, &mut others).unwrap_or(0);
            if alive > 0 && warned.is_none_or(|at| at.elapsed() >= NODE_WARN_INTERVAL) {
                warned = Some(Instant::now());
                tracing::warn!(
                    others = alive,
                    "another chat server uses this database, and several are not one server yet: a message that one of them stores reaches \
                     clients of this one with the next event here or when they reconnect, and `typing` and presence not at all. \
                     Stop all but one"
                );
            }
            if wait(NODE_BEAT) {
                break;
            }
        }
        if let Some(me) = me {
            let _ = self.forget_node(me);
        }
    }

    /// Counts one up, and returns how many others are alive.
    fn beat(&self, me: &mut Option<i64>, others: &mut OtherNodes) -> Result<usize> {
        let old = me.unwrap_or(0);
        let rows = self.write(Requester::Server, |engine| {
            let counted = engine.run(&BEAT, &[Value::Int(old)])?;
            if counted.is_empty() { engine.run(&ADD_NODE, &[Value::Int(0)]) } else { Ok(counted) }
        })?;
        let id = crate::account::first(&rows)?.int(0)?;
        *me = Some(id);
        let rows = self.read(Requester::Server, &OTHER_NODES, &[Value::Int(id)], |row| {
            Ok((row.int(0)?, row.int(1)?))
        })?;
        let (alive, gone) = others.look(&rows);
        gone.into_iter().try_for_each(|id| self.forget_node(id))?;
        Ok(alive)
    }

    fn forget_node(&self, id: i64) -> Result<()> {
        self.write(Requester::Server, |engine| {
            engine.run(&DELETE_NODE, &[Value::Int(id)]).map(drop)
        })
    }
}

statements! {
    static BEAT: Statement = Statement::both("update node set beat = beat + 1 where id = $1 returning id");

    static ADD_NODE: Statement = Statement::both("insert into node (beat) values ($1) returning id");

    static OTHER_NODES: Statement = Statement::both("select id, beat from node where id <> $1");

    static DELETE_NODE: Statement = Statement::both("delete from node where id = $1");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_counts_for_a_while_is_alive() {
        let mut others = OtherNodes::default();
        for beat in 0..i64::from(NODE_SURE_BEATS) {
            assert_eq!(others.look(&[(7, beat)]).0, 0, "it may be about to end: a restart");
        }
        assert_eq!(others.look(&[(7, 100)]).0, 1);
        assert_eq!(others.look(&[(7, 100)]).0, 1, "it counts just after this look");
        assert_eq!(others.look(&[]).0, 0, "it has ended");
    }

    #[test]
    fn who_was_killed_is_not_alive_and_forgotten() {
        let mut others = OtherNodes::default();
        for looks in 0..=NODE_SILENT_BEATS {
            let (alive, gone) = others.look(&[(7, 3)]);
            assert_eq!(
                (alive, gone.len()),
                (0, usize::from(looks == NODE_SILENT_BEATS)),
                "{looks}"
            );
        }
    }

    #[test]
    fn nodes_see_each_other_on_either_engine() {
        let directory = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", directory.path().join("messenger.db").display());
        for url in [file, acceptance::Cluster::shared().unwrap().database().unwrap()] {
            let open = || {
                Store::open(&url.parse().unwrap(), crate::ContactPolicy::Open, &|_| false).unwrap()
            };
            let stores = [open(), open()];
            let mut nodes = [(None, OtherNodes::default()), (None, OtherNodes::default())];
            let mut alive = [0; 2];
            for beat in 0..NODE_SURE_BEATS + 2 {
                for (at, store) in stores.iter().enumerate() {
                    let (me, others) = &mut nodes[at];
                    alive[at] = store.beat(me, others).unwrap();
                }
                assert!(beat > 1 || alive == [0; 2], "{beat}: {alive:?}");
            }
            assert_eq!(alive, [1; 2]);
            stores[1].forget_node(nodes[1].0.unwrap()).unwrap();
            let (me, others) = &mut nodes[0];
            assert_eq!(stores[0].beat(me, others).unwrap(), 0);
        }
    }
}
