//! What an account may store counts about what it takes on the disk, in whatever way it is made large. Space on the disk is measured
//! with all indexes, and with the logs of those who can read it.

use sql::{GroupAction, NewPiece, NewUpload, Operation, Outcome, Store, Submission, UploadOutcome};
use wire::limit::{CONTENT_BYTES_MAX, MESSAGE_FILES_MAX, REF_BYTES_MAX};
use wire::{AccountId, Code, GroupId, Recipient};

use crate::revise::edit;
use crate::{NOW, account, act, code, commit, group, open, post, say, say_in};

/// Bytes of overhead that an account may have, whatever its quota is.
const OVERHEAD_FREE: i64 = 64 * 1024 * 1024;
/// A text is stored as it is, as folded words, and as keys of the index of words: so it counts so often here.
const TEXT_WEIGHT: i64 = 8;
/// Bytes on the disk for a byte that counts, at the most.
const FACTOR_MAX: f64 = 3.0;
/// Bytes of the name of a file, as `auth` lets it be.
const FILE_NAME_BYTES: usize = 255;

type Kind = (&'static str, fn(&Store, AccountId, AccountId));

/// The ways to make what counts little take much.
const KINDS: [Kind; 10] = [
    ("empty messages with files of long names", |store, alice, bob| {
        let files: Vec<_> = (0..MESSAGE_FILES_MAX).map(|n| upload(store, alice, n)).collect();
        for round in 0..2 {
            let post = |n: usize| with_files(alice, bob, 1000 + round * 100 + n, &files);
            done(store, (0..100).map(post).collect());
        }
    }),
    ("files of a byte", |store, alice, _| {
        (100..150).for_each(|n| drop(upload(store, alice, n)));
    }),
    ("messages of a word", |store, alice, bob| {
        for round in 0..5 {
            let post = |n: usize| post(alice, bob, "x", Some(&reference(round * 100 + n)));
            done(store, (0..100).map(post).collect());
        }
    }),
    ("deleted messages", |store, alice, bob| {
        for n in 0..300 {
            let id = say(store, alice, bob, "x", &reference(20_000 + n)).id;
            assert_eq!(act(store, alice, Operation::Delete { id }), Outcome::Done);
        }
    }),
    ("messages of different words", |store, alice, bob| {
        let post = |n: usize| post(alice, bob, &words(n), Some(&reference(30_000 + n)));
        done(store, (0..8).map(post).collect());
    }),
    ("messages of Chinese characters", |store, alice, bob| {
        let post = |n: usize| post(alice, bob, &run(n), Some(&reference(35_000 + n)));
        done(store, (0..8).map(post).collect());
    }),
    ("groups", |store, alice, bob| {
        for _ in 0..50 {
            let created = group(store, &[alice, bob]);
            for action in
                [GroupAction::Rename("X".to_owned()), GroupAction::Remove(bob), GroupAction::Leave]
            {
                let operation = Operation::ChangeGroup { group: created, action };
                assert_eq!(act(store, alice, operation), Outcome::Done);
            }
        }
    }),
    ("edits", |store, alice, bob| {
        for n in 0..4 {
            let id = say(store, alice, bob, &words(100 + n), &reference(40_000 + n)).id;
            for m in 0..3 {
                assert_eq!(act(store, alice, edit(id, &words(200 + 10 * n + m))), Outcome::Done);
            }
        }
    }),
    ("messages that blocks withhold from members of a group", |store, alice, _| {
        let (created, members) = large_group(store, alice);
        block(store, &members, alice);
        for n in 0..200 {
            say_in(store, alice, created, &reference(50_000 + n)[..1]);
        }
    }),
    ("edits that blocks withhold from members of a group", |store, alice, _| {
        let (created, members) = large_group(store, alice);
        let ids: Vec<_> = (0..4).map(|n| say_in(store, alice, created, &words(400 + n))).collect();
        block(store, &members, alice);
        for id in ids {
            assert_eq!(act(store, alice, edit(id, "x")), Outcome::Done);
        }
    }),
];

fn large_group(store: &Store, creator: AccountId) -> (GroupId, Vec<AccountId>) {
    let members: Vec<_> = (0..60).map(|_| account(store, "Member")).collect();
    (group(store, &[&[creator], &members[..]].concat()), members)
}

fn block(store: &Store, members: &[AccountId], id: AccountId) {
    for member in members {
        assert_eq!(act(store, *member, Operation::Block { id }), Outcome::Done);
    }
}

fn done(store: &Store, submissions: Vec<Submission>) {
    assert!(commit(store, submissions).outcomes.iter().all(|it| *it == Outcome::Done));
}

/// Without a text.
fn with_files(by: AccountId, to: AccountId, n: usize, files: &[String]) -> Submission {
    Submission {
        by,
        reference: Some(reference(n)),
        operation: Operation::Post {
            to: Recipient::Account(to),
            content: String::new(),
            files: files.to_vec(),
            reply_to: None,
        },
    }
}

/// As long as it may be.
fn reference(n: usize) -> String {
    format!("{n:0>REF_BYTES_MAX$}")
}

fn scattered(n: usize, m: usize) -> u64 {
    let mut x = (n * 1_000_003 + m) as u64;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn words(n: usize) -> String {
    let mut text = String::new();
    let mut m = 0;
    while text.len() + 5 <= CONTENT_BYTES_MAX {
        let mut x = scattered(n, m);
        for _ in 0..4 {
            text.push(char::from_digit((x % 36) as u32, 36).unwrap());
            x /= 36;
        }
        text.push(' ');
        m += 1;
    }
    text
}

fn run(n: usize) -> String {
    (0..CONTENT_BYTES_MAX / 3)
        .map(|m| char::from_u32(0x4e00 + (scattered(n, m) % 20_000) as u32).unwrap())
        .collect()
}

fn upload(store: &Store, owner: AccountId, n: usize) -> String {
    let id = format!("{n:0>22}");
    let blob = format!("{n:0>43}");
    let name: String = words(300 + n).chars().take(FILE_NAME_BYTES).collect();
    let new = NewUpload {
        id: &id,
        name: &name,
        kind: "application/octet-stream",
        size: 1,
        pixels: None,
        thumbnail: None,
        expires_at: NOW + 1_000_000,
    };
    assert_eq!(store.begin_upload(owner, &new, NOW).unwrap(), UploadOutcome::Begun);
    store.begin_blob(owner, &blob, NOW + 1_000_000).unwrap();
    let hash = format!("{n:0>64}");
    let (blob, hash) = (&*blob, &*hash);
    let piece = NewPiece { start: 0, offset: 0, blob, same: None, hash, size: 1, kind: None };
    assert!(store.append_piece(owner, &id, &piece, NOW).unwrap());
    id
}

/// Messages until the words of those before them are in SQLite's index.
const UNINDEXED_MAX: usize = 600;

fn settle(store: &Store) {
    let [carol, dave] = ["Carol", "Dave"].map(|name| account(store, name));
    for _ in 0..UNINDEXED_MAX / 100 {
        done(store, (0..100).map(|_| post(carol, dave, "x", None)).collect());
    }
    store.run_reindexer(|_| false);
}

/// `disk`: the bytes of the database, without those that the next messages use again.
fn counts_what_it_takes(store: &Store, mut disk: impl FnMut() -> i64) {
    settle(store);
    let before = disk();
    settle(store);
    let settled = disk() - before;
    let mut factors = Vec::new();
    for (name, fill) in KINDS {
        let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
        let before = disk();
        fill(store, alice, bob);
        settle(store);
        let log = store.log_state(alice).unwrap().unwrap();
        let counted = TEXT_WEIGHT * log.stored + log.overhead;
        let taken = disk() - before - settled;
        let factor = taken as f64 / counted as f64;
        factors.push((factor, name, taken, counted));
    }
    assert!(factors.iter().all(|(factor, ..)| *factor <= FACTOR_MAX), "{factors:.2?}");
}

#[test]
fn what_counts_is_what_is_on_the_disk_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let store = open(&sql::DatabaseUrl::file(path.clone()));
    let connection = rusqlite::Connection::open(&path).unwrap();
    counts_what_it_takes(&store, || {
        let bytes = "select page_count * page_size from pragma_page_count, pragma_page_size";
        connection.query_row(bytes, [], |row| row.get(0)).unwrap()
    });
}

/// PostgreSQL keeps the keys of words that no message has any more until the index is rebuilt, as `vacuum full` does.
#[test]
#[ignore = "measures the disk, which other tests on the same server disturb: cargo test -p sql --test contract on_the_disk -- --ignored"]
fn what_counts_is_what_is_on_the_disk_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    counts_what_it_takes(&store, || {
        client.batch_execute("vacuum full").unwrap();
        let bytes = "select sum(pg_total_relation_size(oid))::bigint from pg_class \
                     where relkind = 'r' and relnamespace = current_schema()::regnamespace";
        client.query_one(bytes, &[]).unwrap().get(0)
    });
}

/// Without texts, and with a quota of nothing.
fn overhead_is_bounded(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let files: Vec<_> = (0..MESSAGE_FILES_MAX).map(|n| upload(store, alice, n)).collect();
    let quota = MESSAGE_FILES_MAX as i64;
    let overhead = || store.log_state(alice).unwrap().unwrap().overhead;
    let is_refused = |outcome: &Outcome| code(outcome) == Some(Code::OverQuota);
    let mut number = 0;
    let refused = loop {
        let batch = (number..number + 100).map(|n| with_files(alice, bob, n, &files)).collect();
        number += 100;
        let outcomes = commit(store, batch).outcomes;
        assert!(overhead() <= OVERHEAD_FREE);
        if let Some(refused) = outcomes.into_iter().find(|it| *it != Outcome::Done) {
            break refused;
        }
    };
    assert!(is_refused(&refused), "{refused:?}");
    assert!(overhead() > OVERHEAD_FREE - 32 * 1024);
    assert_eq!(store.log_state(alice).unwrap().unwrap().stored, quota);
    // Smaller ones have room until it is used up, too.
    let post = |n: usize| post(alice, bob, "", Some(&reference(100_000 + n)));
    let outcomes = commit(store, (0..100).map(post).collect()).outcomes;
    assert!(is_refused(outcomes.last().unwrap()) && overhead() > OVERHEAD_FREE - 512);
    // Files have none either. Others are not concerned.
    let new = NewUpload {
        id: "one more",
        name: "",
        kind: "text/plain",
        size: 0,
        pixels: None,
        thumbnail: None,
        expires_at: NOW + 1_000_000,
    };
    assert_eq!(store.begin_upload(alice, &new, NOW).unwrap(), UploadOutcome::OverQuota);
    assert_eq!(store.begin_upload(bob, &new, NOW).unwrap(), UploadOutcome::Begun);
}

/// Somebody who has blocked the sender before the first edit keeps one of these texts, and the others keep none.
fn former_texts_are_bounded(store: &Store) {
    let alice = account(store, "Alice");
    let (created, _) = large_group(store, alice);
    let overhead = || store.log_state(alice).unwrap().unwrap().overhead;
    let long = |letter: &str| letter.repeat(CONTENT_BYTES_MAX);
    let [first, second] = [0, 1].map(|_| say_in(store, alice, created, &long("x")));
    let before = overhead();
    let refused = ["y", "x"].iter().cycle().find_map(|letter| {
        assert!(overhead() <= OVERHEAD_FREE);
        let outcome = act(store, alice, edit(first, &long(letter)));
        (outcome != Outcome::Done).then_some(outcome)
    });
    let refused = refused.unwrap();
    assert_eq!(code(&refused), Some(Code::OverQuota));
    assert!(overhead() > OVERHEAD_FREE - 60 * CONTENT_BYTES_MAX as i64);
    assert_eq!(code(&act(store, alice, edit(second, "short"))), Some(Code::OverQuota));
    // Deleting makes room.
    assert_eq!(act(store, alice, Operation::Delete { id: first }), Outcome::Done);
    assert_eq!(overhead(), before);
    assert_eq!(act(store, alice, edit(second, "short")), Outcome::Done);
}

#[test]
fn texts_that_edits_replace_have_a_bound_in_sqlite() {
    former_texts_are_bounded(&open(&"sqlite::memory:".parse().unwrap()).with_quota(100_000));
}

#[test]
fn texts_that_edits_replace_have_a_bound_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    former_texts_are_bounded(&open(&url.parse().unwrap()).with_quota(100_000));
}

#[test]
fn what_the_database_takes_beyond_texts_has_a_bound_in_sqlite() {
    let quota = MESSAGE_FILES_MAX as i64;
    overhead_is_bounded(&open(&"sqlite::memory:".parse().unwrap()).with_quota(quota));
}

#[test]
fn what_the_database_takes_beyond_texts_has_a_bound_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let quota = MESSAGE_FILES_MAX as i64;
    overhead_is_bounded(&open(&url.parse().unwrap()).with_quota(quota));
}
