//! Whether the time of a commit tells that the recipient has blocked the sender.
//!
//! Measured on demand, on a quiet machine, with an optimised program:
//! `cargo test --release --workspace --test contract time_of_a_blocked_message -- --ignored --nocapture`. `SAMPLES` is
//! the number of messages to each recipient. `ONLY=blocked` or `ONLY=free` sends to one of the two, for a program that
//! counts instructions or writes. `OTHERS` is the number of other accounts that have written before, 100 messages each:
//! with some thousands of them the rows of two accounts are no longer on the same pages.

#![allow(clippy::print_stderr, reason = "a measurement shows what it has measured")]

use std::time::{Duration, Instant};

use sql::{DatabaseUrl, Operation, Outcome, Store};

use crate::strangers::meet;
use crate::{account, act, ask_first, commit, post};

#[test]
#[ignore = "it measures"]
fn time_of_a_blocked_message_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    measure(&ask_first(&DatabaseUrl::file(directory.path().join("messenger.db"))));
}

#[test]
#[ignore = "it measures"]
fn time_of_a_blocked_message_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    measure(&ask_first(&url.parse().unwrap()));
}

fn measure(store: &Store) {
    let samples = std::env::var("SAMPLES").map_or(4000, |samples| samples.parse().unwrap());
    let only = std::env::var("ONLY").ok().map(|only| only == "blocked");
    let others = std::env::var("OTHERS").map_or(0, |others| others.parse().unwrap());
    let populate = |count: usize| {
        let others: Vec<_> = (0..count).map(|_| account(store, "Somebody")).collect();
        for pair in others.chunks_exact(2) {
            meet(store, pair[0], pair[1]);
            let text = "something that is as long as what people usually write";
            commit(store, (0..100).map(|_| post(pair[0], pair[1], text, None)).collect());
        }
    };
    let [mallory, alice, bob] = ["Mallory", "Alice", "Bob"].map(|name| {
        populate(others / 3);
        account(store, name)
    });
    meet(store, mallory, alice);
    meet(store, mallory, bob);
    assert_eq!(act(store, alice, Operation::Block { id: mallory }), Outcome::Done);
    let mut times = [Vec::new(), Vec::new()];
    let mut state = 1_u64;
    while times.iter().map(Vec::len).max().unwrap() < samples {
        // xorshift64, Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let is_blocked = only.unwrap_or(state >> 63 == 1);
        let to = if is_blocked { alice } else { bob };
        let submissions = vec![post(mallory, to, "can you hear me?", None)];
        let began = Instant::now();
        let committed = commit(store, submissions);
        let took = began.elapsed();
        assert_eq!(committed.outcomes, [Outcome::Done]);
        times[usize::from(is_blocked)].push(took);
    }
    let [free, blocked] = times.map(|mut all| {
        all.sort_unstable();
        all.iter().map(Duration::as_secs_f64).map(|seconds| seconds * 1e6).collect::<Vec<_>>()
    });
    if free.is_empty() || blocked.is_empty() {
        return;
    }
    let trimmed = |all: &[f64]| Summary::of(&all[..all.len() * 9 / 10]);
    for (name, free, blocked) in [
        ("all", Summary::of(&free), Summary::of(&blocked)),
        ("without the slowest tenth", trimmed(&free), trimmed(&blocked)),
    ] {
        let z = (blocked.mean - free.mean) / (blocked.error.powi(2) + free.error.powi(2)).sqrt();
        eprintln!(
            "{name}: mean {:.1} µs blocked, {:.1} µs not, medians {:.1} and {:.1}, z {z:.1}",
            blocked.mean, free.mean, blocked.median, free.median
        );
    }
}

struct Summary {
    mean: f64,
    median: f64,
    /// The standard error of the mean.
    error: f64,
}

impl Summary {
    fn of(sorted: &[f64]) -> Self {
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let variance = sorted.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { mean, median: sorted[sorted.len() / 2], error: (variance / count).sqrt() }
    }
}
