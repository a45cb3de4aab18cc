//! What the server's own work and other people's cost who sends messages: a sweep of many messages, a busy queue, searches.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use acceptance::Cluster;
use anyhow::{Result, ensure};
use sql::{Batch, Operation, Store, Submission};
use wire::{AccountId, MessageId, Peer, Recipient};

use crate::account;
use crate::client::Dialect;
use crate::load::{Load, Target};
use crate::report::Report;
use crate::run::Bench;
use crate::server::{Server, chat_command, free_address};

/// Conversations whose messages are swept.
const CONVERSATIONS: usize = 20;
/// Messages in one commit while they are filled.
const BATCH: usize = 1000;
/// Messages that are read at once, to count them.
const PAGE: usize = 1000;
/// How old the messages are that are swept.
const AGE_MS: i64 = 3 * 24 * 60 * 60 * 1000;
/// Words of the messages, some of which all have and some of which few.
const WORDS: usize = 5000;
/// Threads that search, each for an account of its own.
const SEARCHERS: usize = 4;
/// How many times as long as with nothing else `sent` may take beside a sweep, by the median over the rounds.
const SENT_TIMES_MAX: f64 = 3.0;
/// The figures that this bound holds for.
const SENT: [&str; 2] = ["sent_p50_us", "sent_p99_us"];
const ALONE: &str = "nothing else";

struct Size {
    pairs: usize,
    per_second: f64,
    /// Messages that each pair has under way where the queue of operations is always full.
    window: usize,
    messages: usize,
}

/// Measures both engines, with and without, in turn.
pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let size = match bench.args.smoke {
        true => Size { pairs: 2, per_second: 50.0, window: 4, messages: 200 },
        false => Size { pairs: 50, per_second: 200.0, window: 32, messages: 100_000 },
    };
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite:{}", dir.path().join("sweep.db").display());
    engine(bench, dir.path(), "SQLite", &url, None, &size)?;
    if let Ok(cluster) = Cluster::make().and_then(|cluster| cluster.start().map(|()| cluster)) {
        let (url, pid) = (cluster.database()?, cluster.pid()?);
        engine(bench, dir.path(), "PostgreSQL", &url, Some(pid), &size)?;
    }
    Ok(())
}

/// `database`: the process of its server, if it has one.
fn engine(
    bench: &mut Bench<'_>,
    dir: &Path,
    name: &str,
    url: &str,
    database: Option<u32>,
    size: &Size,
) -> Result<()> {
    let store = account::open(url)?;
    let (accounts, tokens) = account::create(&store, 2 * size.pairs, "none")?;
    let (old, _) = account::create(&store, 2 * CONVERSATIONS, "none")?;
    let tokens = Arc::new(tokens);
    let loads = [
        (
            format!("{} messages a second with accounts, {name}", size.per_second),
            Load::Rate { pairs: size.pairs, per_second: size.per_second },
        ),
        (
            format!(
                "a full queue: {} in flight of each of {} pairs, {name}",
                size.window, size.pairs
            ),
            Load::Relay { pairs: size.pairs, window: size.window },
        ),
    ];
    let group = account::group(&store, &accounts)?;
    let (args, seconds) = (bench.args, bench.seconds());
    // A server sweeps as soon as it has started, so each measurement starts its own.
    let load = |load: &Load| {
        let address = free_address()?;
        let mut chat = chat_command(args, address)?;
        chat.arg("--database").arg(url);
        let server = Server::start(&mut chat, address, &dir.join("sweep.log"))?;
        let dialect = Dialect::Account { tokens: Arc::clone(&tokens), group, receipts: true };
        let pids = std::iter::once(server.pid()).chain(database).collect();
        load.run(&Target { address, dialect, pids }, seconds)
    };
    let beside = format!("beside a sweep of {}", size.messages);
    for round in 0..bench.rounds() {
        for (title, kind) in &loads {
            retain(&store, &old, None)?;
            fill(&store, &old, size.messages)?;
            bench.repeat(title, ALONE, || load(kind))?;
            if matches!(kind, Load::Rate { .. }) {
                let beside_searches = || while_searching(&store, &old, || load(kind));
                bench.repeat(title, "beside searches without end", beside_searches)?;
            }
            retain(&store, &old, Some(1))?;
            bench.repeat(title, &beside, || load(kind))?;
            if !args.smoke && left(&store, &old)? == 0 {
                bench.report.notes.push(format!(
                    "{name}, round {round}: the sweep may have ended before the measurement."
                ));
            }
        }
    }
    let (begun, rest) = (Instant::now(), left(&store, &old)?);
    store.expire_messages(account::now_ms())?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(left(&store, &old)? == 0, "the sweep leaves messages");
    bench.report.notes.push(format!(
        "{name}: with nothing else, the sweep of the other {rest} messages took {seconds:.1} s."
    ));
    if !args.smoke {
        for (title, _) in &loads {
            check(&mut bench.report, title, &beside);
        }
    }
    Ok(())
}

/// Runs `work` beside searches, as of a node of its own.
fn while_searching<T>(
    store: &Store,
    old: &[AccountId],
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for searcher in &old[..SEARCHERS] {
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    // A search that is given up has cost as much.
                    let _ = store.search(*searcher, "word1 common", MessageId(i64::MAX), 50);
                }
            });
        }
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

/// Holds `sent` beside a sweep against [`SENT_TIMES_MAX`].
fn check(report: &mut Report, title: &str, beside: &str) {
    for figure in SENT {
        let median = |whom: &str| {
            let mut rows = report.rows.iter();
            rows.find(|row| row.load == title && row.target == whom)?.spread(figure)
        };
        let Some((alone, beside)) = median(ALONE).zip(median(beside)) else {
            report.failures.push(format!("{title}: there is no {figure}"));
            continue;
        };
        let times = beside.median / alone.median;
        let text = format!("{title}: {figure} is {times:.2} times as long beside a sweep");
        if times > SENT_TIMES_MAX {
            report.failures.push(format!("{text}, at most {SENT_TIMES_MAX} times are allowed"));
        } else {
            report.notes.push(format!("{text}."));
        }
    }
}

fn pairs(old: &[AccountId]) -> impl Iterator<Item = (AccountId, AccountId)> {
    old.chunks_exact(2).map(|two| (two[0], two[1]))
}

fn retain(store: &Store, old: &[AccountId], days: Option<i64>) -> Result<()> {
    let act = |(by, other)| {
        let operation = Operation::SetRetention { with: Peer::Account(other), days };
        Submission { by, reference: None, operation }
    };
    let submissions = pairs(old).map(act).collect();
    store.commit(&Batch { submissions, ..Batch::default() }, old_ms())?;
    Ok(())
}

/// The time of the messages that are swept, and of all else in their conversations: no entry is older than those before it, where
/// a server has given later times.
fn old_ms() -> i64 {
    account::now_ms() - AGE_MS
}

/// Replaces what was swept, so that there are `count` messages.
fn fill(store: &Store, old: &[AccountId], count: usize) -> Result<()> {
    for (by, other) in pairs(old) {
        let act = |at: usize| {
            let content = format!(
                "common word{} word{} word{} and something to say about it",
                at % WORDS,
                at * 7 % WORDS,
                at % 10
            );
            let to = Recipient::Account(other);
            let operation = Operation::Post { to, content, files: Vec::new(), reply_to: None };
            Submission { by, reference: None, operation }
        };
        let (first, count) = (left_of(store, by, other)?, count / CONVERSATIONS);
        for from in (first..count).step_by(BATCH) {
            let submissions: Vec<_> = (from..count.min(from + BATCH)).map(act).collect();
            let all = submissions.len();
            let done = store.commit(&Batch { submissions, ..Batch::default() }, old_ms())?;
            ensure!(done.events.len() == all, "not everything was stored");
        }
    }
    Ok(())
}

/// Messages that are not swept yet.
fn left(store: &Store, old: &[AccountId]) -> Result<usize> {
    pairs(old).map(|(one, other)| left_of(store, one, other)).sum()
}

fn left_of(store: &Store, one: AccountId, other: AccountId) -> Result<usize> {
    let (mut count, mut before) = (0, MessageId(i64::MAX));
    loop {
        let page = store.history(one, Peer::Account(other), before, PAGE)?.unwrap_or_default();
        let Some(last) = page.last() else { return Ok(count) };
        (count, before) = (count + page.len(), last.id);
    }
}
