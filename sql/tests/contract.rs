//! The story that every store must tell, whatever is beneath it.
//!
//! Each noun has a file of functions over `&Store`. They need no empty database, only that nobody else sweeps it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "contract/accounts.rs"]
mod accounts;
#[path = "contract/blocks.rs"]
mod blocks;
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
#[path = "contract/pages.rs"]
mod pages;
#[path = "contract/plans.rs"]
mod plans;
#[path = "contract/quota.rs"]
mod quota;
#[path = "contract/receipts.rs"]
mod receipts;
#[path = "contract/revise.rs"]
mod revise;
#[path = "contract/schema.rs"]
mod schema;
#[path = "contract/sessions.rs"]
mod sessions;
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
#[path = "contract/verified.rs"]
mod verified;
#[path = "contract/withheld.rs"]
mod withheld;
#[path = "contract/words.rs"]
mod words;

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};

use sql::{
    Batch, Committed, ContactPolicy, DatabaseUrl, Entry, EventBody, Operation, Outcome, Store,
    Submission,
};
use wire::{AccountId, Code, GroupId, MessageId, Recipient, Seq};

/// Some moment, in milliseconds.
const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 60 * 60 * 1000;

/// The whole suite, where everybody knows everybody; see [`strangers`] for where they do not.
fn suite(store: &Store) {
    accounts::suite(store);
    sessions::suite(store);
    messages::suite(store);
    receipts::suite(store);
    revise::suite(store);
    groups::suite(store);
    invitations::suite_of_both(store);
    blocks::suite(store);
    looking::suite(store);
    words::suite(store);
    pages::suite(store);
    sweeps::suite(store);
    export::suite(store);
    quota::suite(store);
    deletion::suite(store);
}

#[test]
fn sqlite_in_memory() {
    suite(&open(&"sqlite::memory:".parse().unwrap()));
}

#[test]
fn sqlite_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(directory.path().join("messenger.db"));
    suite(&open(&url));
    // What one process stored, the next one finds.
    suite(&open(&url));
    let connection = rusqlite::Connection::open(url.path().unwrap()).unwrap();
    let wrong: i64 = connection.query_row(quota::COUNT_WRONG, [], |row| row.get(0)).unwrap();
    assert_eq!(wrong, 0, "accounts whose bytes or groups are counted wrong");
    looking::words_are_found_whoever_stored_them(&open(&url), &open(&url));
    let mode = std::fs::metadata(url.path().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds emails and hashes");
}

#[test]
fn postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    suite(&open(&url.parse().unwrap()));
    suite(&open(&url.parse().unwrap()));
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let wrong: i64 = client.query_one(quota::COUNT_WRONG, &[]).unwrap().get(0);
    assert_eq!(wrong, 0, "accounts whose bytes or groups are counted wrong");
}

#[test]
fn both_engines_find_the_same_words() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = open(&DatabaseUrl::file(directory.path().join("messenger.db")));
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    words::every_text_is_found_by_its_words_on_both(&[sqlite, open(&url.parse().unwrap())]);
}

#[test]
fn the_words_of_an_older_sqlite_are_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let url = DatabaseUrl::file(path.clone());
    words::the_index_is_made_anew(
        || open(&url),
        || {
            let connection = rusqlite::Connection::open(&path).unwrap();
            let script = "insert into message_text (message_text) values ('delete-all'); \
                          update indexed set message = 0";
            connection.execute_batch(script).unwrap();
        },
    );
}

#[test]
fn the_words_of_an_older_postgresql_are_made_anew() {
    let text = acceptance::Cluster::shared().unwrap().database().unwrap();
    let url = text.parse().unwrap();
    words::the_index_is_made_anew(
        || open(&url),
        || {
            let mut client = postgres::Client::connect(&text, postgres::NoTls).unwrap();
            client.batch_execute("update message set words = null").unwrap();
        },
    );
}

#[test]
fn strangers_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(directory.path().join("messenger.db"));
    strangers::suite(&ask_first(&url), &url);
}

#[test]
fn strangers_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap().parse().unwrap();
    strangers::suite(&ask_first(&url), &url);
}

/// Each case is a test on each engine.
macro_rules! withheld {
    ($($case:ident),+) => {$(
        mod $case {
            #[test]
            fn in_sqlite() {
                super::withheld::$case(&super::ask_first(&"sqlite::memory:".parse().unwrap()));
            }

            #[test]
            fn in_postgresql() {
                let url = acceptance::Cluster::shared().unwrap().database().unwrap();
                super::withheld::$case(&super::ask_first(&url.parse().unwrap()));
            }
        }
    )+};
}

withheld!(
    what_is_edited_after_a_decline,
    several_messages_after_a_decline,
    a_rename_by_who_is_blocked,
    when_who_has_blocked_was_here
);

#[test]
fn invitations_in_sqlite() {
    invitations_on(&"sqlite::memory:".parse().unwrap());
}

#[test]
fn invitations_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    invitations_on(&url.parse().unwrap());
}

fn invitations_on(url: &DatabaseUrl) {
    let store = Store::open(url, ContactPolicy::Request, &|_| false).unwrap();
    invitations::suite(&store);
    invitations::suite_of_both(&store);
    invitations_counted::suite(&store);
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

#[test]
fn postgresql_over_tls() {
    tls::only_a_server_that_proves_its_name_is_trusted();
}

#[test]
fn the_schema_of_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let url = DatabaseUrl::file(&path);
    schema::two_nodes_may_start_at_once(&url);
    schema::a_newer_schema_is_refused(&url, || {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute("insert into schema_version (version) values (1000000)", []).unwrap();
    });
    schema::what_waiting_would_not_mend_is_said_at_once();
}

#[test]
fn the_schema_of_postgresql() {
    let text = acceptance::Cluster::shared().unwrap().database().unwrap();
    let url = text.parse().unwrap();
    schema::two_nodes_may_start_at_once(&url);
    schema::a_newer_schema_is_refused(&url, || {
        let mut client = postgres::Client::connect(&text, postgres::NoTls).unwrap();
        client.execute("insert into schema_version (version) values (1000000)", &[]).unwrap();
    });
}

#[test]
fn every_schema_that_has_landed_is_upgraded_in_sqlite() {
    landed::sqlite();
}

#[test]
fn every_schema_that_has_landed_is_upgraded_in_postgresql() {
    landed::postgresql();
}

#[test]
fn an_upgrade_of_sqlite_is_whole_or_has_not_happened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    landed::an_upgrade_is_whole_or_has_not_happened(
        include_str!("../migrations/sqlite/0001_accounts_and_logs.sql"),
        |sql| connection.execute_batch(sql).unwrap(),
        |sql| connection.query_row(sql, [], |row| row.get(0)).unwrap(),
        || Store::open(&DatabaseUrl::file(path.clone()), ContactPolicy::Request, &|_| false),
    );
}

#[test]
fn an_upgrade_of_postgresql_is_whole_or_has_not_happened() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let connect = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    landed::an_upgrade_is_whole_or_has_not_happened(
        include_str!("../migrations/postgres/0001_accounts_and_logs.sql"),
        |sql| connect().batch_execute(sql).unwrap(),
        |sql| connect().query_one(sql, &[]).unwrap().get(0),
        || Store::open(&url.parse().unwrap(), ContactPolicy::Request, &|_| false),
    );
}

#[test]
fn sqlite_is_upgraded_with_what_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    let first = include_str!("../migrations/sqlite/0001_accounts_and_logs.sql");
    upgrade::from_the_first_schema(
        first,
        |sql| connection.execute_batch(sql).unwrap(),
        || ask_first(&DatabaseUrl::file(path.clone())),
    );
}

#[test]
fn postgresql_is_upgraded_with_what_it_holds() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let first = include_str!("../migrations/postgres/0001_accounts_and_logs.sql");
    upgrade::from_the_first_schema(
        first,
        |sql| client.batch_execute(sql).unwrap(),
        || ask_first(&url.parse().unwrap()),
    );
}

#[test]
fn what_sqlite_withholds_is_upgraded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    upgrade::what_is_withheld_becomes_runs(
        &[
            include_str!("../migrations/sqlite/0001_accounts_and_logs.sql"),
            include_str!("../migrations/sqlite/0002_conversations.sql"),
            include_str!("../migrations/sqlite/0003_recent.sql"),
            include_str!("../migrations/sqlite/0004_message_requests.sql"),
        ],
        |sql| connection.execute_batch(sql).unwrap(),
        || open(&DatabaseUrl::file(path.clone())),
        || {
            let mut runs = connection.prepare(RUNS).unwrap();
            let runs = runs.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            runs.collect::<Result<_, _>>().unwrap()
        },
    );
}

#[test]
fn what_postgresql_withholds_is_upgraded() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let client = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (mut client, mut other) = (client(), client());
    upgrade::what_is_withheld_becomes_runs(
        &POSTGRES_BEFORE_BOUNDS,
        |sql| client.batch_execute(sql).unwrap(),
        || open(&url.parse().unwrap()),
        || {
            let runs = other.query(RUNS, &[]).unwrap();
            runs.iter().map(|row| (row.get(0), row.get(1))).collect()
        },
    );
}

const POSTGRES_BEFORE_BOUNDS: [&str; 6] = [
    include_str!("../migrations/postgres/0001_accounts_and_logs.sql"),
    include_str!("../migrations/postgres/0002_conversations.sql"),
    include_str!("../migrations/postgres/0003_entries.sql"),
    include_str!("../migrations/postgres/0004_member_by_whole_key.sql"),
    include_str!("../migrations/postgres/0005_pair_by_whole_key.sql"),
    include_str!("../migrations/postgres/0006_message_requests.sql"),
];

#[test]
fn postgresql_with_many_accounts_is_upgraded_in_seconds() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    upgrade::many_accounts_take_seconds(&url, &POSTGRES_BEFORE_BOUNDS);
}

const RUNS: &str = "select message, run from withheld order by message";

const COUNT_WITHHELD: &str =
    "select (select count(*) from withheld_edit) + (select count(*) from withheld_reaction)";

#[test]
fn nothing_is_withheld_in_sqlite_without_a_cause() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let store = open(&DatabaseUrl::file(path.clone()));
    let connection = rusqlite::Connection::open(&path).unwrap();
    blocks::what_is_withheld_goes_with_its_cause(&store, || {
        connection.query_row(COUNT_WITHHELD, [], |row| row.get(0)).unwrap()
    });
}

#[test]
fn nothing_is_withheld_in_postgresql_without_a_cause() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    blocks::what_is_withheld_goes_with_its_cause(&store, || {
        client.query_one(COUNT_WITHHELD, &[]).unwrap().get(0)
    });
}

#[test]
fn no_reaction_outlives_its_message_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let client = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (mut sweep, mut other) = (client(), client());
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    let id = say(&store, alice, bob, "expires", "1").id;
    let mut sweep = sweep.transaction().unwrap();
    sweep.execute("delete from message where id = $1", &[&id.0]).unwrap();
    std::thread::scope(|scope| {
        let reacting = scope.spawn(|| act(&store, bob, revise::react(id, Some("👍"))));
        wait_for_lock(&mut other, || reacting.is_finished());
        sweep.commit().unwrap();
    });
    let left = other.query("select 1 from reaction", &[]).unwrap();
    assert!(left.is_empty(), "to a message that is gone, for ever");
}

#[test]
fn two_nodes_at_postgresql_store_a_ref_once() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap().parse().unwrap();
    let nodes = [open(&url), open(&url)];
    messages::two_who_store_the_same_ref_at_once_get_one_answer([&nodes[0], &nodes[1]]);
}

#[test]
fn a_block_holds_for_what_waits_for_it_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let client = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (mut block, mut other) = (client(), client());
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    say(&store, bob, alice, "before", "1");
    let mut block = block.transaction().unwrap();
    let lock = "select 1 from log where account = $1 for update";
    block.execute(lock, &[&alice.0]).unwrap();
    let insert = "insert into block (blocked, account, at) values ($1, $2, 0)";
    block.execute(insert, &[&bob.0, &alice.0]).unwrap();
    std::thread::scope(|scope| {
        let posting = scope.spawn(|| commit(&store, vec![post(bob, alice, "after", Some("2"))]));
        wait_for_lock(&mut other, || posting.is_finished());
        block.commit().unwrap();
        assert_eq!(posting.join().unwrap().outcomes, [Outcome::Done]);
    });
    assert_eq!(events(&store, alice, Seq(0)).len(), 1, "what was sent before the block");
}

#[test]
fn a_start_waits_for_who_keeps_a_request_from_it_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = ask_first(&url.parse().unwrap());
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    say(&store, alice, bob, "may I", "1");
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    client.batch_execute("begin; select id from conversation for update").unwrap();
    let client = std::sync::Mutex::new(client);
    let asked = std::sync::atomic::AtomicBool::new(false);
    let patience = |_: &str| {
        asked.store(true, std::sync::atomic::Ordering::Relaxed);
        client.lock().unwrap().batch_execute("commit").unwrap();
        true
    };
    // A statement that is canceled for its time, as one is that waits for another's lock.
    let short = format!(
        "{url}{}options=-c%20statement_timeout%3D500",
        if url.contains('?') { '&' } else { '?' }
    );
    sql::Store::open(&short.parse().unwrap(), ContactPolicy::Open, &patience).unwrap();
    assert!(asked.into_inner(), "the lock was not met");
}

/// Waits until somebody waits for a lock, or there is nothing to wait for any more.
fn wait_for_lock(client: &mut postgres::Client, is_over: impl Fn() -> bool) {
    let waiting = "select 1 from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    while !is_over() && client.query(waiting, &[]).unwrap().is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn postgresql_does_not_read_all_that_somebody_has() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::one_of_many_conversations_is_found_without_the_others(&url);
}

#[test]
fn postgresql_shows_who_is_invited_whatever_groups_somebody_is_in() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::names_of_invited_ones_cost_nothing_for_the_groups_of_who_looks(&url);
}

#[test]
fn postgresql_does_not_read_who_else_has_blocked_the_sender() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::what_else_is_blocked_by_the_sender_and_who_has_blocked_it_is_not_read(&url);
}

#[test]
fn postgresql_does_not_read_all_conversations_of_who_blocks() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::a_block_does_not_read_all_conversations(&url);
}

#[test]
fn postgresql_is_asked_as_often_whoever_has_blocked_the_sender() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    trips::nobody_can_tell_a_block_by_the_round_trips(&url);
}

#[test]
fn postgresql_reads_for_presence_what_was_asked_for() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::presence_costs_what_was_asked_for(&url);
}

#[test]
fn postgresql_searches_only_ones_own_conversations() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::what_only_others_have_said_is_not_read(&url);
}

#[test]
fn postgresql_that_cannot_hold_all_text_or_is_not_there_is_refused() {
    start::what_cannot_hold_all_text_or_is_not_there_is_refused();
}

#[test]
fn postgresql_asks_for_rights_by_name() {
    start::rights_are_asked_for_by_name();
}

#[test]
fn postgresql_must_have_room_for_all_connections() {
    start::there_must_be_room_for_its_connections();
}

#[test]
fn postgresql_that_forgets_or_wants_a_password_is_refused() {
    start::durability_and_passwords();
}

#[test]
fn pgbouncer_lends_whole_sessions_or_is_refused() {
    start::a_pooler_lends_whole_sessions();
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
    Operation::Post { to: Recipient::Group(group), content: content.to_owned(), reply_to: None }
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

fn post(from: AccountId, to: AccountId, content: &str, reference: Option<&str>) -> Submission {
    let operation =
        Operation::Post { to: Recipient::Account(to), content: content.to_owned(), reply_to: None };
    Submission { by: from, reference: reference.map(str::to_owned), operation }
}

fn commit(store: &Store, submissions: Vec<Submission>) -> Committed {
    store.commit(&Batch { submissions, ..Batch::default() }, NOW).unwrap()
}
