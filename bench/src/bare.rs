//! What a bare client of the same database stores of the same rows, in batches: no parsing, no locks on logs, no look-ups,
//! nobody told. The rows are those of one message between two people and its receipt: the message, three events, and the
//! places of both logs.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use postgres::Statement;
use wire::AccountId;

use crate::account::now_ms;
use crate::latency::{histogram, quantile_us};
use crate::load::Figures;

/// Messages in one transaction.
const BATCH: usize = 1000;
/// Messages that are stored one by one to see how long one takes.
const SINGLES: usize = 300;
/// Places in logs that no server has come to.
const FIRST_SEQ: i64 = 1_000_000_000;
/// Pages written and synced to see how long one takes.
const SYNCS: usize = 300;
const PAGE_BYTES: usize = 4096;

const MESSAGE: &str =
    "insert into message (conversation, sender, recipient, content, at, ref, seq) ";
const EVENT: &str = "insert into event (account, seq, kind, message) ";

/// Messages stored a second over so long, in a database that holds `accounts` and what the server has stored.
pub(crate) fn run(url: &str, accounts: &[AccountId], time: Duration) -> Result<f64> {
    let mut store = open(url)?;
    let (mut seq, mut stored) = (FIRST_SEQ, 0);
    let begin = Instant::now();
    while begin.elapsed() < time {
        let batch: Vec<_> = (0..BATCH).map(|at| (pair(accounts, at), seq + at as i64)).collect();
        store.insert(&batch)?;
        seq += BATCH as i64;
        stored += BATCH;
    }
    let rate = stored as f64 / begin.elapsed().as_secs_f64();
    store.tidy(FIRST_SEQ)?;
    Ok(rate)
}

/// How long one message takes that is stored in a transaction of its own, with nobody else there.
pub(crate) fn one(url: &str, accounts: &[AccountId]) -> Result<Figures> {
    let mut store = open(url)?;
    let mut times = histogram();
    for at in 0..SINGLES {
        let begin = Instant::now();
        store.insert(&[(pair(accounts, at), FIRST_SEQ + at as i64)])?;
        times.saturating_record(begin.elapsed().as_nanos() as u64);
    }
    store.tidy(FIRST_SEQ)?;
    Ok(quantiles(&times))
}

fn open(url: &str) -> Result<Box<dyn Bare>> {
    Ok(match url.strip_prefix("sqlite:") {
        Some(path) => Box::new(Sqlite::open(path)?),
        None => Box::new(Postgres::connect(url)?),
    })
}

fn pair(accounts: &[AccountId], at: usize) -> (i64, i64) {
    let first = 2 * (at % (accounts.len() / 2));
    (accounts[first].0, accounts[first + 1].0)
}

fn quantiles(times: &Histogram<u64>) -> Figures {
    [("sent_p50_us", 0.5), ("sent_p99_us", 0.99)]
        .into_iter()
        .filter_map(|(name, share)| Some((name, quantile_us(times, share)?)))
        .collect()
}

/// How long the disk takes to have one page of a log that grows, as a commit has it written.
pub(crate) fn sync(directory: &Path) -> Result<Figures> {
    let mut log = tempfile::tempfile_in(directory)?;
    let mut times = histogram();
    for _ in 0..SYNCS {
        let begin = Instant::now();
        log.write_all(&[7; PAGE_BYTES])?;
        log.sync_data()?;
        times.saturating_record(begin.elapsed().as_nanos() as u64);
    }
    Ok(quantiles(&times))
}

/// Who to whom, and where in both logs.
type Sent = ((i64, i64), i64);

trait Bare {
    fn insert(&mut self, batch: &[Sent]) -> Result<()>;
    /// Takes the rows from this place on out again: the server is to find its own only.
    fn tidy(&mut self, from: i64) -> Result<()>;
}

struct Sqlite(rusqlite::Connection);

impl Sqlite {
    fn open(path: &str) -> Result<Self> {
        let connection = rusqlite::Connection::open(path)?;
        // The schema's trigger names it; what this client inserts is in no index of words, so that it is never called.
        let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8
            | rusqlite::functions::FunctionFlags::SQLITE_INNOCUOUS;
        connection
            .create_scalar_function("message_terms", 2, flags, |call| call.get::<String>(1))?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // As the server has it.
        connection.execute_batch(
            "pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on; pragma foreign_keys = on",
        )?;
        Ok(Self(connection))
    }
}

impl Bare for Sqlite {
    fn insert(&mut self, batch: &[Sent]) -> Result<()> {
        let change = self.0.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let message = format!("{MESSAGE} values (?, ?, ?, ?, ?, ?, ?) returning id");
            let mut message = change.prepare_cached(&message)?;
            let mut event = change.prepare_cached(&format!("{EVENT} values (?, ?, ?, ?)"))?;
            let mut log = change.prepare_cached("update log set seen_at = ? where account = ?")?;
            let (content, now) = ("x".repeat(crate::client::dialect::CONTENT_BYTES), now_ms());
            for ((from, to), seq) in batch {
                let row = (1, from, to, &content, now, seq.to_string(), 2 * seq);
                let id: i64 = message.query_row(row, |row| row.get(0))?;
                event.execute((from, 2 * seq, 1, id))?;
                event.execute((to, seq, 1, id))?;
                event.execute((from, 2 * seq + 1, 2, id))?;
                log.execute((now, from))?;
                log.execute((now, to))?;
            }
        }
        change.commit()?;
        Ok(())
    }

    fn tidy(&mut self, from: i64) -> Result<()> {
        self.0.execute("delete from message where seq >= ?", [from])?;
        self.0.execute("delete from event where seq >= ?", [from])?;
        Ok(())
    }
}

struct Postgres {
    client: postgres::Client,
    messages: Statement,
    events: Statement,
    logs: Statement,
}

impl Postgres {
    fn connect(url: &str) -> Result<Self> {
        let mut client = postgres::Client::connect(url, postgres::NoTls)?;
        let messages = client.prepare(&format!(
            "{MESSAGE} select 1, r.s, r.r, $4, $5, r.q::text, 2 * r.q \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r(s, r, q) returning id"
        ))?;
        let events = client.prepare(&format!(
            "{EVENT} select x.a, x.q, x.k, r.m \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as r(s, r, q, m) \
             cross join lateral (values (r.s, 2 * r.q, 1), (r.r, r.q, 1), (r.s, 2 * r.q + 1, 2)) as x(a, q, k)"
        ))?;
        let logs = client.prepare("update log set seen_at = $1 where account = any($2)")?;
        Ok(Self { client, messages, events, logs })
    }
}

impl Bare for Postgres {
    fn insert(&mut self, batch: &[Sent]) -> Result<()> {
        let mut change = self.client.transaction()?;
        let now = now_ms();
        let (mut from, mut to, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
        for ((one, other), seq) in batch {
            from.push(*one);
            to.push(*other);
            seqs.push(*seq);
        }
        let content = "x".repeat(crate::client::dialect::CONTENT_BYTES);
        let found = change.query(&self.messages, &[&from, &to, &seqs, &content, &now])?;
        let ids: Vec<i64> = found.iter().map(|row| row.get(0)).collect();
        change.execute(&self.events, &[&from, &to, &seqs, &ids])?;
        from.extend(to);
        from.sort_unstable();
        from.dedup();
        change.execute(&self.logs, &[&now, &from])?;
        change.commit()?;
        Ok(())
    }

    fn tidy(&mut self, from: i64) -> Result<()> {
        self.client.execute("delete from message where seq >= $1", &[&from])?;
        self.client.execute("delete from event where seq >= $1", &[&from])?;
        Ok(())
    }
}
