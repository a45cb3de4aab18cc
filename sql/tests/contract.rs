//! The story that every store must tell, whatever is beneath it.
//!
//! Each noun has a file of cases, functions over `&Store`; each case is a test on each engine ([`engines`]).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[macro_use]
#[path = "contract/engines.rs"]
mod engines;

#[path = "contract/accounts.rs"]
mod accounts;
#[path = "contract/block_time.rs"]
mod block_time;
#[path = "contract/blocks.rs"]
mod blocks;
#[path = "contract/blocks_revised.rs"]
mod blocks_revised;
#[path = "contract/codes.rs"]
mod codes;
#[path = "contract/confirmation.rs"]
mod confirmation;
#[path = "contract/contact_policy.rs"]
mod contact_policy;
#[path = "contract/copies.rs"]
mod copies;
#[path = "contract/deletion.rs"]
mod deletion;
#[path = "contract/emails.rs"]
mod emails;
#[path = "contract/erasure.rs"]
mod erasure;
#[path = "contract/export.rs"]
mod export;
#[path = "contract/failed_logins.rs"]
mod failed_logins;
#[path = "contract/groups.rs"]
mod groups;
#[path = "contract/invitations.rs"]
mod invitations;
#[path = "contract/invitations_counted.rs"]
mod invitations_counted;
#[path = "contract/landed.rs"]
mod landed;
#[path = "contract/long.rs"]
mod long;
#[path = "contract/looking.rs"]
mod looking;
#[path = "contract/messages.rs"]
mod messages;
#[path = "contract/names.rs"]
mod names;
#[path = "contract/names_told.rs"]
mod names_told;
#[path = "contract/operator.rs"]
mod operator;
#[path = "contract/own.rs"]
mod own;
#[path = "contract/pages.rs"]
mod pages;
#[path = "contract/pictures.rs"]
mod pictures;
#[path = "contract/pieces.rs"]
mod pieces;
#[path = "contract/planner.rs"]
mod planner;
#[path = "contract/plans.rs"]
mod plans;
#[path = "contract/postgresql.rs"]
mod postgresql;
#[path = "contract/privacy.rs"]
mod privacy;
#[path = "contract/push.rs"]
mod push;
#[path = "contract/quota.rs"]
mod quota;
#[path = "contract/quota_on_disk.rs"]
mod quota_on_disk;
#[path = "contract/receipts.rs"]
mod receipts;
#[path = "contract/recovery.rs"]
mod recovery;
#[path = "contract/reports.rs"]
mod reports;
#[path = "contract/revise.rs"]
mod revise;
#[path = "contract/schema.rs"]
mod schema;
#[path = "contract/sessions.rs"]
mod sessions;
#[path = "contract/settings.rs"]
mod settings;
#[path = "contract/start.rs"]
mod start;
#[path = "contract/strangers.rs"]
mod strangers;
#[path = "contract/sweeps.rs"]
mod sweeps;
#[path = "contract/tls.rs"]
mod tls;
#[path = "contract/trips.rs"]
mod trips;
#[path = "contract/upgrade.rs"]
mod upgrade;
#[path = "contract/upgraded.rs"]
mod upgraded;
#[path = "contract/uploads.rs"]
mod uploads;
#[path = "contract/verified.rs"]
mod verified;
#[path = "contract/withheld.rs"]
mod withheld;
#[path = "contract/words.rs"]
mod words;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use sql::{
    Batch, Committed, ContactPolicy, DatabaseUrl, Entry, EventBody, Operation, Outcome, Store,
    Submission,
};
use wire::{AccountId, Code, GroupId, MessageId, Recipient, Seq};

/// Some moment, in milliseconds.
const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 60 * 60 * 1000;

#[test]
fn two_processes_on_one_file_find_each_others_words() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(directory.path().join("messenger.db"));
    looking::words_are_found_whoever_stored_them(&open(&url), &open(&url));
}

#[test]
fn a_new_file_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(directory.path().join("messenger.db"));
    let _store = open(&url);
    let mode = std::fs::metadata(url.path().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds emails and hashes");
}

#[test]
fn both_engines_find_the_same_words() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = open(&DatabaseUrl::file(directory.path().join("messenger.db")));
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    words::every_text_is_found_by_its_words_on_both(&[sqlite, open(&url.parse().unwrap())]);
}

#[test]
fn sqlite_with_long_logs() {
    long::what_is_long_ago_is_like_what_is_new(&open(&"sqlite::memory:".parse().unwrap()));
}

#[test]
fn postgresql_with_long_logs() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    long::what_is_long_ago_is_like_what_is_new(&open(&url.parse().unwrap()));
}

const COUNT_WITHHELD: &str =
    "select (select count(*) from withheld_edit) + (select count(*) from withheld_reaction)";

#[test]
fn nothing_is_withheld_in_sqlite_without_a_cause() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let store = open(&DatabaseUrl::file(path.clone()));
    let connection = rusqlite::Connection::open(&path).unwrap();
    blocks_revised::what_is_withheld_goes_with_its_cause(&store, || {
        connection.query_row(COUNT_WITHHELD, [], |row| row.get(0)).unwrap()
    });
}

#[test]
fn nothing_is_withheld_in_postgresql_without_a_cause() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    blocks_revised::what_is_withheld_goes_with_its_cause(&store, || {
        client.query_one(COUNT_WITHHELD, &[]).unwrap().get(0)
    });
}

#[test]
fn a_deleted_account_is_gone_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&DatabaseUrl::file(directory.path().join("messenger.db")));
    deletion::leaves_no_trace(&store, || {
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    });
}

fn open(url: &DatabaseUrl) -> Store {
    Store::open(url, ContactPolicy::Open, &|_| false).unwrap()
}

/// Where strangers ask first.
fn ask_first(url: &DatabaseUrl) -> Store {
    Store::open(url, ContactPolicy::Request, &|_| false).unwrap()
}

/// An email that no other test has.
fn email(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let name = name.replace(' ', "-");
    format!("{name}.{clock:x}.{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// An account with the password hash `phc`.
fn account(store: &Store, name: &str) -> AccountId {
    store.create_account(&email(name), name, "phc", NOW).unwrap()
}

/// Does one thing, as `by`, at [`NOW`].
fn act(store: &Store, by: AccountId, operation: Operation) -> Outcome {
    act_at(store, by, operation, NOW)
}

fn act_at(store: &Store, by: AccountId, operation: Operation, now: i64) -> Outcome {
    let submissions = vec![Submission { by, reference: None, operation }];
    store.commit(&Batch { submissions, ..Batch::default() }, now).unwrap().outcomes.remove(0)
}

/// The code of a refusal.
fn code(outcome: &Outcome) -> Option<Code> {
    match outcome {
        Outcome::Rejected(refusal) => Some(refusal.code),
        _ => None,
    }
}

fn post_to(group: GroupId, content: &str) -> Operation {
    Operation::Post {
        to: Recipient::Group(group),
        content: content.to_owned(),
        files: Vec::new(),
        reply_to: None,
    }
}

/// What happened to an account after `since`.
fn events(store: &Store, account: AccountId, since: Seq) -> Vec<EventBody> {
    let mut events = Vec::new();
    loop {
        let last = events.last().map_or(since, |event: &sql::Event| event.seq);
        let page = store.events(account, last, 100_000).unwrap();
        if page.is_empty() {
            break;
        }
        events.extend(page);
    }
    let seqs: Vec<i64> = events.iter().map(|event| event.seq.0).collect();
    assert_eq!(seqs, (since.0 + 1..=since.0 + seqs.len() as i64).collect::<Vec<_>>());
    events.into_iter().map(|event| event.body).collect()
}

/// A group made by the first of these people.
fn group(store: &Store, people: &[AccountId]) -> GroupId {
    let operation =
        Operation::CreateGroup { name: "Trip".to_owned(), members: people[1..].to_vec() };
    assert_eq!(act(store, people[0], operation), Outcome::Done);
    match events(store, people[0], Seq(0)).pop().unwrap() {
        EventBody::Entry(Entry::Change(change)) => change.group,
        other => panic!("{other:?}"),
    }
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    id: MessageId,
    /// Its place in the sender's log, and in the receiver's.
    sender_seq: Seq,
    recipient_seq: Seq,
}

fn say(store: &Store, from: AccountId, to: AccountId, content: &str, reference: &str) -> Stored {
    let committed = commit(store, vec![post(from, to, content, Some(reference))]);
    assert_eq!(committed.outcomes, [Outcome::Done]);
    let EventBody::Entry(Entry::Message(message)) = &committed.events[0].body else {
        panic!("{committed:?}")
    };
    let place = |who| committed.events[0].to.iter().find(|(account, _)| *account == who).unwrap().1;
    Stored { id: message.id, sender_seq: place(from), recipient_seq: place(to) }
}

/// A message to a group.
fn say_in(store: &Store, by: AccountId, group: GroupId, content: &str) -> MessageId {
    let operation = post_to(group, content);
    let committed = commit(store, vec![Submission { by, reference: None, operation }]);
    match &committed.events[0].body {
        EventBody::Entry(Entry::Message(message)) => message.id,
        other => panic!("{other:?}"),
    }
}

fn post(from: AccountId, to: AccountId, content: &str, reference: Option<&str>) -> Submission {
    let operation = Operation::Post {
        to: Recipient::Account(to),
        content: content.to_owned(),
        files: Vec::new(),
        reply_to: None,
    };
    Submission { by: from, reference: reference.map(str::to_owned), operation }
}

fn commit(store: &Store, submissions: Vec<Submission>) -> Committed {
    store.commit(&Batch { submissions, ..Batch::default() }, NOW).unwrap()
}
