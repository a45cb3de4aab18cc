use std::sync::Barrier;

use acceptance::{Cluster, PATIENCE, until};

use super::*;
use crate::ContactPolicy;
use crate::pool::Requester;

/// A store whose replica is its database itself: it is never behind.
fn store() -> Store {
    let url = Cluster::shared().unwrap().database().unwrap();
    let url: DatabaseUrl = url.parse().unwrap();
    let store = Store::open(&url, ContactPolicy::Open, &|_| false).unwrap();
    store.with_replica(&url).unwrap()
}

fn accounts(store: &Store, count: usize) -> Vec<AccountId> {
    let account = |n| store.create_account(&format!("{n}@example.com"), "A", "phc", 1).unwrap();
    (0..count).map(account).collect()
}

#[test]
fn a_replica_answers_who_has_been_told_no_more_than_it_has() {
    let store = store();
    let me = accounts(&store, 1)[0];
    assert_eq!(store.is_replica_up(), Some(true));
    let at = |account, seq| store.read_replicated(account, Seq(seq), |_| Ok(())).0;
    assert_eq!(at(me, 0), ReadSource::Replica);
    assert_eq!(at(me, 1), ReadSource::Behind);
    assert_eq!(at(AccountId(me.0 + 1), 0), ReadSource::Behind, "an account that it does not have");
}

#[test]
fn who_finds_all_connections_in_use_reads_in_the_database() {
    let store = store();
    let accounts = accounts(&store, REPLICA_READERS + 1);
    let (all, last) = accounts.split_at(REPLICA_READERS);
    let (taken, done) = (Barrier::new(all.len() + 1), Barrier::new(all.len() + 1));
    std::thread::scope(|scope| {
        for account in all {
            let (store, taken, done) = (&store, &taken, &done);
            scope.spawn(move || {
                let read = |_: Reader<'_>| {
                    taken.wait();
                    done.wait();
                    Ok(())
                };
                assert_eq!(store.read_replicated(*account, Seq(0), read).0, ReadSource::Replica);
            });
        }
        taken.wait();
        let source = store.read_replicated(last[0], Seq(0), |_| Ok(())).0;
        done.wait();
        assert_eq!(source, ReadSource::Busy);
    });
}

#[test]
fn what_fails_in_the_replica_is_read_again_in_the_database() {
    let store = store();
    let me = accounts(&store, 1)[0];
    let fails_with = |error: fn() -> Error| {
        store.read_replicated(me, Seq(0), move |reader| match reader.replica {
            Some(_) => Err(error()),
            None => Ok(()),
        })
    };
    let conflict = fails_with(|| Error::Contention("with replay".to_owned()));
    assert!(matches!(conflict, (ReadSource::Behind, Ok(()))));
    let slow = fails_with(|| Error::TimedOut("too slow".to_owned()));
    assert!(matches!(slow, (ReadSource::Replica, Err(Error::TimedOut(_)))));
    let gone = fails_with(|| Error::Unavailable("gone".to_owned()));
    assert!(matches!(gone, (ReadSource::Away, Ok(()))));
    assert_eq!(store.is_replica_up(), Some(false));
    assert!(matches!(fails_with(|| unreachable!()), (ReadSource::Away, Ok(()))));
}

#[test]
fn sqlite_has_no_replica() {
    let store = Store::open(&"sqlite::memory:".parse().unwrap(), ContactPolicy::Open, &|_| false);
    let store = store.unwrap();
    let me = accounts(&store, 1)[0];
    assert!(matches!(
        store.read_replicated(me, Seq(9), |_| Ok(())),
        (ReadSource::Database, Ok(()))
    ));
    assert!(store.read(Requester::Server, &HEAD, &[Value::Int(me.0)], |_| Ok(())).is_ok());
    let refused = store.with_replica(&"sqlite:other.db".parse().unwrap()).err().unwrap();
    assert!(refused.to_string().contains("PostgreSQL"));
}

/// Runs `sql` there until it succeeds.
fn succeeds(cluster: &Cluster, sql: &str) {
    let run = || Ok(cluster.sql(&cluster.url("postgres"), sql).ok());
    until(sql, PATIENCE, run).unwrap();
}

#[test]
fn a_replica_answers_again_once_it_follows_the_promoted_standby() {
    let primary = Cluster::make().unwrap();
    primary.start().unwrap();
    primary.create("chat").unwrap();
    let heir = primary.make_standby().unwrap();
    heir.start().unwrap();
    let replica = primary.make_standby().unwrap();
    replica.start().unwrap();
    let both = format!("{},{}", primary.listens_on(), heir.listens_on());
    let url = format!("postgres://postgres@{both}/chat?target_session_attrs=read-write");
    let store = Store::open(&url.parse().unwrap(), ContactPolicy::Open, &|_| false).unwrap();
    let me = accounts(&store, 1)[0];
    let store = store.with_replica(&replica.url("chat").parse().unwrap()).unwrap();
    let turns_to = |source| {
        let ask = || {
            store.probe_replica();
            let found = store.read_replicated(me, Seq(0), |_| Ok(())).0;
            Ok((found == source).then_some(()))
        };
        until(&format!("{source:?}"), 3 * PATIENCE, ask).unwrap();
    };
    turns_to(ReadSource::Replica);

    // The replica keeps its connections and gets nothing more. The other standby gets everything.
    succeeds(&replica, "alter system set primary_conninfo = ''");
    succeeds(&replica, "select pg_reload_conf()");
    succeeds(&primary, "select 1 / (count(*) = 1)::int from pg_stat_replication");
    succeeds(&primary, "create table last ()");
    let has_last = "select 1 / (to_regclass('last') is not null)::int";
    succeeds(&heir, has_last);
    primary.stop_immediately().unwrap();
    succeeds(&heir, "select pg_promote()");
    turns_to(ReadSource::Away);

    let at = heir.listens_on();
    let upstream = format!("host={} port={} user=postgres", at.ip(), at.port());
    succeeds(&replica, &format!("alter system set primary_conninfo = '{upstream}'"));
    succeeds(&replica, "select pg_reload_conf()");
    succeeds(&heir, "checkpoint");
    succeeds(&replica, has_last);
    // A checkpoint of the replica shows the new timeline once it has replayed one of the promoted standby.
    let follows = "select 1 / ((pg_control_checkpoint()).timeline_id = 2)::int";
    until("the new timeline", 3 * PATIENCE, || {
        replica.sql(&replica.url("postgres"), "checkpoint")?;
        Ok(replica.sql(&replica.url("postgres"), follows).ok())
    })
    .unwrap();
    turns_to(ReadSource::Replica);
}
