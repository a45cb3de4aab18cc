//! Whatever is damaged is found, on both engines.

use sql::{DatabaseUrl, Snapshot};

use crate::revise::react;
use crate::{Operation, account, act, group, open, say};

/// A statement that damages the database, and what is to be found then.
type Damage = (&'static str, &'static str);

const EVERYWHERE: &[Damage] = &[
    ("delete from event where account = 1 and seq = 2", "a log has a hole"),
    ("update log set head = head + 1 where account = 2", "a log has a hole"),
    (
        "delete from event where account = 2 and kind = 1 and message = 1",
        "not in the log of its recipient",
    ),
    (
        "insert into event (account, seq, kind, message) values (3, 70, 7, 1000000)",
        "an event names a message that was never there",
    ),
    (
        "insert into event (account, seq, kind, other) values (3, 71, 9, 996)",
        "an event names an account that was never there",
    ),
    ("insert into reaction (message, account, emoji, at) values (1, 991, 'x', 1)", "account 991"),
    (
        "insert into invitation (conversation, account, inviter, entry) values (2, 992, 1, 3)",
        "account 992",
    ),
    (
        "insert into invitation (conversation, account, inviter, entry) values (2, 3, 993, 3)",
        "account 993",
    ),
    ("insert into withheld_reaction (message, reactor, account) values (1, 994, 1)", "account 994"),
    ("insert into finding (account, found, at) values (1, 995, 3)", "account 995"),
    (
        "update log set acknowledged = head + 7 where account = 2",
        "acknowledged or forgotten beyond its end",
    ),
    (
        "insert into event (account, seq, kind) values (77, 1, 1)",
        "in the log of an account that has none",
    ),
    ("insert into event (account, seq, kind) values (77, 2, 99)", "an event is of a kind"),
    (
        "insert into account (name, created_at, email) values ('No log', 1, 'no@log')",
        "an account has no log",
    ),
    (
        "insert into account (created_at) values (1); insert into session (account, token_hash, device, created_at, seen_at, expires_at) \
         select max(id), {bytes}, '', 1, 1, 1 from account",
        "a deleted account has sessions",
    ),
    (
        "insert into member (conversation, account) values (1, 999)",
        "an account that was never there",
    ),
    (
        "update log set stored = stored + 1 where account = 1",
        "the bytes that an account has stored",
    ),
    ("update log set groups = groups + 1 where account = 1", "the groups of an account"),
    ("update conversation set name = 'Both' where id = 1", "neither one of two people nor a group"),
    ("delete from member where conversation = 1 and account = 2", "one of two people is not in"),
    ("update member set role = 0 where conversation = 2", "a group has members and no admin"),
    (
        "update member set since = 9, until = 3 where conversation = 2 and account = 2",
        "left before they came",
    ),
    (
        "insert into member (conversation, account) values (888, 1)",
        "in a conversation that is not there",
    ),
    (
        "insert into invitation (conversation, account, inviter, entry) values (888, 1, 2, 3)",
        "an invitation is to a group that is not there",
    ),
    (
        "update message set conversation = 888 where id = 1",
        "a message is in a conversation that is not there",
    ),
    ("update message set recipient = 3 where id = 2", "not between the people of its conversation"),
    ("update message set kind = 55 where id = 2", "a message is of a kind"),
    ("update message set seq = seq + 50 where id = 2", "not at its place in its sender"),
    (
        "insert into reaction (message, account, emoji, at) values (888, 1, 'x', 1)",
        "a reaction is to a message that is not there",
    ),
    (
        "insert into withheld (message, account, conversation, run) values (2, 1, 888, 1)",
        "what a block withholds is not as",
    ),
    (
        "insert into withheld_edit (message, account, content) values (888, 1, 'x')",
        "withholds the edit of a message",
    ),
    (
        "insert into withheld_reaction (message, reactor, account) values (888, 1, 2)",
        "withholds a reaction to a message",
    ),
    (
        "insert into block_mark (blocked, conversation, account, delivered, read) values (1, 1, 2, 0, 0)",
        "marks are kept of a block",
    ),
];

const IN_SQLITE: &[Damage] = &[
    (
        "insert into session (account, token_hash, device, created_at, seen_at, expires_at) values (999, x'02', '', 1, 1, 1)",
        "refers to one that is not there",
    ),
    ("delete from recent_entry where message = 3", "not in the order of its conversation"),
    (
        "insert into settled_entry (conversation, message, kind, sender) values (2, 777, 0, 1)",
        "has an entry that is not there",
    ),
    ("delete from recent_ref where message = 2", "does not lead to it"),
    (
        "insert into settled_ref (sender, ref, message) values (1, 'lost', 777)",
        "leads to a message that is not there",
    ),
    ("update sqlite_sequence set seq = 1 where name = 'message'", "ids will be given out again"),
    (
        "insert into finding (account, found, at) values (1, 2, 3); pragma writable_schema = on; \
         update sqlite_master set sql = replace(sql, '(found)', '(at)') where name = 'finding_found'",
        "SQLite's own check",
    ),
];

const IN_POSTGRESQL: &[Damage] = &[
    (
        "update pg_index set indisvalid = false where indexrelid = 'session_account'::regclass",
        "an index is not valid",
    ),
    ("alter sequence message_id_seq restart with 1", "ids will be given out again"),
];

fn found(url: &DatabaseUrl) -> Vec<String> {
    let mut snapshot = Snapshot::open(url).unwrap();
    let mut found = Vec::new();
    snapshot
        .verify(|one| {
            let shown = format!("{}: {:?}", one.what, one.examples);
            assert!(!shown.contains("hello") && !shown.contains("example.com"), "{shown}");
            found.push(shown);
        })
        .unwrap();
    found
}

fn each_is_found(url: &DatabaseUrl, bytes: &str, own: &[Damage], mut run: impl FnMut(&str)) {
    let store = open(url);
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(&store, name));
    let id = say(&store, alice, bob, "hello", "1").id;
    say(&store, alice, bob, "hello again", "2");
    act(&store, bob, react(id, Some("👍")));
    let trip = group(&store, &[alice, bob, carol]);
    act(&store, carol, crate::post_to(trip, "hello all"));
    act(&store, bob, Operation::Block { id: carol });
    drop(store);
    assert_eq!(found(url), Vec::<String>::new());
    for (damage, what) in EVERYWHERE.iter().chain(own) {
        run(&damage.replace("{bytes}", bytes));
        let found = found(url);
        assert!(found.iter().any(|it| it.contains(what)), "{damage}: {found:#?}");
    }
}

#[test]
fn each_damage_is_found_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let url = DatabaseUrl::file(path.clone());
    each_is_found(&url, "x'01'", IN_SQLITE, |sql| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let pragmas = "pragma foreign_keys = off; pragma ignore_check_constraints = on";
        connection.execute_batch(pragmas).unwrap();
        connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    });
}

#[test]
fn each_damage_is_found_in_postgresql() {
    let text = acceptance::Cluster::shared().unwrap().database().unwrap();
    each_is_found(&text.parse().unwrap(), "'\\x01'", IN_POSTGRESQL, |sql| {
        let mut client = postgres::Client::connect(&text, postgres::NoTls).unwrap();
        client.batch_execute("set session_replication_role = replica").unwrap();
        client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    });
}
