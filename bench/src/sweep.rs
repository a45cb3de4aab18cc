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
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
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
    engine(bench, dir.path(), "SQLite", &url, &size)?;
    if let Ok(cluster) = Cluster::make().and_then(|cluster| cluster.start().map(|()| cluster)) {
        engine(bench, dir.path(), "PostgreSQL", &cluster.database()?, &size)?;
    }
    Ok(())
}

fn engine(bench: &mut Bench<'_>, dir: &Path, name: &str, url: &str, size: &Size) -> Result<()> {
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
    let run = |bench: &mut Bench<'_>, title: &str, whom: &str, load: Load| {
        let address = free_address()?;
        let mut chat = chat_command(bench.args, address)?;
        chat.arg("--database").arg(url);
        let server = Server::start(&mut chat, address, &dir.join("sweep.log"))?;
        let dialect = Dialect::Account { tokens: Arc::clone(&tokens), group, receipts: true };
        let target = Target { address, dialect, pids: vec![server.pid()] };
        bench.run(title, whom, load, &target)
    };
    let beside = format!("beside a sweep of {}", size.messages);
    for round in 0..bench.rounds() {
        for (title, load) in &loads {
            retain(&store, &old, None)?;
            fill(&store, &old, size.messages)?;
            run(bench, title, ALONE, *load)?;
            if matches!(load, Load::Rate { .. }) {
                let run =
                    |bench: &mut Bench<'_>| run(bench, title, "beside searches without end", *load);
                while_searching(&store, &old, || run(bench))?;
            }
            retain(&store, &old, Some(1))?;
            // The server sweeps as soon as it has started.
            run(bench, title, &beside, *load)?;
            let left = store.history(old[0], Peer::Account(old[1]), MessageId(i64::MAX), 1)?;
            if !bench.args.smoke && left.is_some_and(|page| page.is_empty()) {
                bench.report.notes.push(format!(
                    "{name}, round {round}: the sweep may have ended before the measurement."
                ));
            }
            let begun = Instant::now();
            while swept(&store, &old)? < CONVERSATIONS {
                store.expire_messages(account::now_ms())?;
            }
            let seconds = begun.elapsed().as_secs_f64();
            bench.report.notes.push(format!(
                "{name}, round {round}: the rest of the sweep took {seconds:.1} s with nothing else."
            ));
        }
    }
    if !bench.args.smoke {
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
    store.commit(&Batch { submissions, ..Batch::default() }, account::now_ms())?;
    Ok(())
}

fn fill(store: &Store, old: &[AccountId], count: usize) -> Result<()> {
    let pairs: Vec<_> = pairs(old).collect();
    for from in (0..count).step_by(BATCH) {
        let act = |at: usize| {
            let (by, other) = pairs[at % pairs.len()];
            let content = format!(
                "common word{} word{} word{} and something to say about it",
                at % WORDS,
                at * 7 % WORDS,
                at % 10
            );
            Submission {
                by,
                reference: None,
                operation: Operation::Post {
                    to: Recipient::Account(other),
                    content,
                    files: Vec::new(),
                    reply_to: None,
                },
            }
        };
        let submissions: Vec<_> = (from..count.min(from + BATCH)).map(act).collect();
        let all = submissions.len();
        let done = store
            .commit(&Batch { submissions, ..Batch::default() }, account::now_ms() - 3 * DAY_MS)?;
        ensure!(done.events.len() == all, "not everything was stored");
    }
    Ok(())
}

/// Conversations of which nothing is left.
fn swept(store: &Store, old: &[AccountId]) -> Result<usize> {
    let mut count = 0;
    for (one, other) in pairs(old) {
        let page = store.history(one, Peer::Account(other), MessageId(i64::MAX), 1)?;
        count += usize::from(page.is_none_or(|page| page.is_empty()));
    }
    Ok(count)
}
