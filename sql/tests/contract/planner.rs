//! What each planner setting of a session is for: the rows that common statements read while PostgreSQL decides in its place.
//!
//! Measured on demand; the results are at the settings (`src/engine/postgres/session.rs`):
//! `cargo test -p sql --test contract planner -- --ignored --nocapture`, with `PLANNER='-c NAME=VALUE'` for others.

#![allow(clippy::print_stderr, reason = "a measurement shows what it has measured")]

use std::time::{Duration, Instant};

use acceptance::{PATIENCE, until};
use postgres::{Client, NoTls};
use sql::{Batch, Operation, Outcome, Store, Submission};
use wire::{AccountId, GroupId, MessageId, Peer, Seq};

use crate::{NOW, account, act, code, commit, group, post, post_to};

/// Our settings, and each of them as PostgreSQL or somebody else might have it.
const VARIANTS: &[&str] = &[
    "",
    "-c enable_seqscan=on",
    "-c enable_hashjoin=on",
    "-c enable_mergejoin=on",
    "-c enable_material=on",
    "-c enable_nestloop=off",
    "-c enable_indexscan=off",
    "-c jit=on",
    "-c enable_seqscan=on -c enable_hashjoin=on -c enable_mergejoin=on -c enable_material=on -c jit=on",
];

const ACCOUNTS: usize = 2000;
/// Accounts of each group.
const MEMBERS: usize = 40;
const POSTS_EACH: usize = 500;
/// Commits of [`POSTS_EACH`] messages each, with receipts for some of them.
const COMMITS: usize = 80;
/// How often each statement is run: more often than PostgreSQL plans it anew for its parameters.
const RUNS: usize = 20;

#[test]
#[ignore = "it measures"]
fn rows_read_with_the_planner_settings_of_postgresql() {
    let chosen = std::env::var("PLANNER").ok();
    let all = chosen.iter().map(String::as_str);
    let all: Vec<_> = if chosen.is_some() { all.collect() } else { VARIANTS.to_vec() };
    for options in all {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        eprintln!("{}", if options.is_empty() { "ours" } else { options });
        measure(&url, options);
    }
}

fn measure(url: &str, options: &str) {
    let with = format!("{url}?options={}", options.replace(' ', "%20").replace('=', "%3D"));
    let store = crate::open(&with.parse().unwrap());
    let mut client = Client::connect(url, NoTls).unwrap();
    // Statistics come as late as they may.
    let tables = "select string_agg(format('alter table %I set (autovacuum_enabled = off)', relname), ';') \
                  from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace";
    let script: String = client.query_one(tables, &[]).unwrap().get(0);
    client.batch_execute(&script).unwrap();
    let Some(data) = Data::fill(&store) else { return };
    drop(store);
    client.batch_execute("analyze").unwrap();
    for (what, run) in OPERATIONS {
        let before = rows_read(&mut client);
        let store = crate::open(&with.parse().unwrap());
        (0..RUNS).for_each(|n| run(&data, &store, n));
        drop(store);
        eprintln!("  {what:32} {:9}", (rows_read(&mut client) - before) / RUNS as i64);
    }
}

/// Index entries and rows of tables that were read in this database so far, once all other connections have told of theirs.
fn rows_read(client: &mut Client) -> i64 {
    let others = "select count(*) from pg_stat_activity where datname = current_database() \
                  and backend_type = 'client backend' and pid <> pg_backend_pid()";
    let ended = until("the end of the connections", PATIENCE, || {
        Ok((client.query_one(others, &[])?.get::<_, i64>(0) == 0).then_some(()))
    });
    ended.unwrap();
    let sql = "select tup_returned from pg_stat_database where datname = current_database()";
    client.query_one(sql, &[]).unwrap().get(0)
}

type Run = fn(&Data, &Store, usize);

const OPERATIONS: &[(&str, Run)] = &[
    ("a message to one of many", |data, store, n| {
        let reference = Some(format!("new {n}"));
        commit(store, vec![post(data.accounts[0], data.few(n), "hello", reference.as_deref())]);
    }),
    ("a message to a group", |data, store, n| {
        let outcome = act(store, data.few(n), post_to(data.group_of(n), "hello"));
        assert_eq!(outcome, Outcome::Done, "{:?}", code(&outcome));
    }),
    ("200 messages", |data, store, n| {
        let all = (0..200).map(|at| data.message(10_000_000 + n * 200 + at));
        commit(store, all.map(|it| Submission { reference: None, ..it }).collect());
    }),
    ("200 receipts", |data, store, n| {
        let all = (0..200).map(|at| received(data.accounts[(at * 17 + n) % ACCOUNTS]));
        commit(store, all.collect());
    }),
    ("reading a group", |data, store, n| {
        let peer = Peer::Group(data.group_of(n));
        let last = store.history(data.few(n), peer, MessageId(i64::MAX), 1).unwrap().unwrap();
        act(store, data.few(n), Operation::Read { id: last[0].id });
    }),
    ("a page of history", |data, store, n| {
        let peer = Peer::Account(data.few(n));
        store.history(data.accounts[0], peer, MessageId(i64::MAX), 50).unwrap();
    }),
    ("a page of a group's history", |data, store, n| {
        let peer = Peer::Group(data.group_of(n));
        store.history(data.few(n), peer, MessageId(i64::MAX), 50).unwrap();
    }),
    ("200 events of a log", |data, store, n| {
        store.events(data.few(n), Seq(0), 200).unwrap();
    }),
    ("a page of conversations", |data, store, _| {
        store.conversations(data.accounts[0], MessageId(i64::MAX), 50).unwrap();
    }),
    ("a search", |data, store, n| {
        store.search(data.few(n), &format!("number{n}"), MessageId(i64::MAX), 20).unwrap();
    }),
    ("a search in many conversations", |data, store, n| {
        store.search(data.accounts[0], &format!("number{n}"), MessageId(i64::MAX), 20).unwrap();
    }),
    ("the state of 300 contacts", |data, store, n| {
        store.contact_statuses(data.accounts[0], &data.accounts[n..n + 300]).unwrap();
    }),
    ("a group's members", |data, store, n| {
        store.group(data.few(n), data.group_of(n)).unwrap();
    }),
];

struct Data {
    accounts: Vec<AccountId>,
    groups: Vec<GroupId>,
}

impl Data {
    /// `None` if a commit has failed.
    fn fill(store: &Store) -> Option<Self> {
        let accounts: Vec<_> =
            (0..ACCOUNTS).map(|n| account(store, &format!("Account {n}"))).collect();
        let groups = accounts.chunks(MEMBERS).map(|members| group(store, members)).collect();
        let data = Self { accounts, groups };
        let mut last = Duration::ZERO;
        for n in 0..COMMITS {
            let began = Instant::now();
            let messages = (0..POSTS_EACH).map(|at| data.message(n * POSTS_EACH + at)).collect();
            let receipts = (0..POSTS_EACH)
                .map(|at| received(data.accounts[(n * POSTS_EACH + at) * 7 % ACCOUNTS]))
                .collect();
            for submissions in [messages, receipts] {
                if let Err(error) = store.commit(&Batch { submissions, ..Batch::default() }, NOW) {
                    eprintln!("  after {} messages: {error}", n * POSTS_EACH);
                    return None;
                }
            }
            last = began.elapsed();
        }
        eprintln!(
            "  the last {POSTS_EACH} messages and receipts: {:.0} ms",
            last.as_secs_f64() * 1e3
        );
        Some(data)
    }

    /// Every account talks to its neighbour; the first one to everybody; every tenth message goes to a group.
    fn message(&self, n: usize) -> Submission {
        let from = n * 13 % ACCOUNTS;
        let by = self.accounts[from];
        let text = format!("message {n} of some length about number{}", n % 997);
        let reference = Some(n.to_string());
        match n % 10 {
            0 => {
                Submission { by, reference, operation: post_to(self.groups[from / MEMBERS], &text) }
            }
            1 => post(self.accounts[0], by, &text, reference.as_deref()),
            _ => post(by, self.accounts[(from + 1) % ACCOUNTS], &text, reference.as_deref()),
        }
    }

    /// An account with few conversations.
    fn few(&self, n: usize) -> AccountId {
        self.accounts[100 + n]
    }

    /// The group of that account.
    fn group_of(&self, n: usize) -> GroupId {
        self.groups[(100 + n) / MEMBERS]
    }
}

fn received(by: AccountId) -> Submission {
    Submission { by, reference: None, operation: Operation::Received { seq: Seq(i64::MAX) } }
}
