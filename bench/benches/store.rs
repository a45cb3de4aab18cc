//! The store's verbs, on SQLite in a file of its own.
#![allow(missing_docs, reason = "criterion's macros make what is public here")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where it cannot go on")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sql::{Batch, Login, Operation, Store, Submission};
use wire::{AccountId, MessageId, Peer, Recipient, Seq, Token};

/// Accounts; each talks with its neighbour.
const ACCOUNTS: usize = 200;
const TOKEN: &str = "a token that is not secret";
const NOW: i64 = 1_767_000_000_000;

fn filled(path: &std::path::Path) -> (Store, Vec<AccountId>) {
    let url = format!("sqlite:{}", path.display()).parse().unwrap();
    let store = Store::open(&url, sql::ContactPolicy::Open, &|_| false).unwrap();
    let account = |number| {
        store.create_account(&format!("{number}@example.com"), "Somebody", "phc", NOW).unwrap()
    };
    let accounts: Vec<_> = (0..ACCOUNTS).map(account).collect();
    let token = Token::parse(&TOKEN.replace(' ', "-")).unwrap().hash();
    let (account, device, expires_at) = (accounts[0], "bench", NOW + 1_000_000);
    let login = Login { account, epoch: 1, token, device, now: NOW, expires_at };
    store.open_session(&login).unwrap();
    (0..20).for_each(|_| drop(store.commit(&posts(&accounts, 1000), NOW).unwrap()));
    (store, accounts)
}

fn posts(accounts: &[AccountId], count: usize) -> Batch {
    let act = |at: usize| {
        let (by, to) = (accounts[2 * at % ACCOUNTS], accounts[(2 * at + 1) % ACCOUNTS]);
        let content = "x".repeat(100);
        Submission {
            by,
            reference: None,
            operation: Operation::Post {
                to: Recipient::Account(to),
                content,
                files: Vec::new(),
                reply_to: None,
            },
        }
    };
    Batch { submissions: (0..count).map(act).collect(), ..Batch::default() }
}

fn store(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let (store, accounts) = filled(&dir.path().join("bench.db"));
    let (me, other) = (accounts[0], accounts[1]);
    let token = Token::parse(&TOKEN.replace(' ', "-")).unwrap().hash();
    let end = MessageId(i64::MAX);
    for count in [1, 100, 1000] {
        let mut group = criterion.benchmark_group("commit");
        group.throughput(Throughput::Elements(count as u64)).sample_size(20);
        let batch = posts(&accounts, count);
        group.bench_function(format!("{count} messages"), |bencher| {
            bencher.iter(|| store.commit(black_box(&batch), NOW).unwrap());
        });
        group.finish();
    }
    criterion.bench_function("place of a token", |bencher| {
        bencher.iter(|| store.log_position(black_box(&token), NOW).unwrap().is_some());
    });
    criterion.bench_function("128 events of a log", |bencher| {
        bencher.iter(|| store.events(me, black_box(Seq(10)), 128).unwrap().len());
    });
    criterion.bench_function("50 messages of a conversation", |bencher| {
        bencher.iter(|| store.history(me, Peer::Account(other), black_box(end), 50).unwrap());
    });
    criterion.bench_function("a list of one conversation", |bencher| {
        bencher.iter(|| store.conversations(me, black_box(end), 50).unwrap().len());
    });
}

criterion_group!(benches, store);
criterion_main!(benches);
