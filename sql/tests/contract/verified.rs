//! Whatever is damaged is found, on both engines.

use sql::{DatabaseUrl, NewPiece, NewUpload, Outcome, Snapshot, Store, UploadOutcome};
use wire::AccountId;

use crate::revise::react;
use crate::uploads::with_files;
use crate::{HOUR, NOW, Operation, account, act, group, open, say};

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
        "something belongs to an account that was never there",
    ),
    (
        "update log set stored = stored + 1 where account = 1",
        "the bytes that an account has stored",
    ),
    (
        "update log set overhead = overhead + 1 where account = 1",
        "the overhead of what an account has stored",
    ),
    ("update log set groups = groups + 1 where account = 1", "the groups of an account"),
    ("update account set picture = 'not there' where id = 1", "an account has a picture"),
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
    ("update piece set start = 4 where start = 3", "the pieces of a file have a gap"),
    (
        "insert into piece (file, start, blob) values ('nothing', 0, 'the first blob')",
        "a piece is of a file that is not there",
    ),
    (
        "insert into blob (name, hash, size) values ('a-blob-of-nothing', 'hash', 7)",
        "an object is kept that is a piece of no file",
    ),
    (
        "insert into message_file (message, conversation, file) select 888, 1, file from message_file where message = 5",
        "a file is of a message that is not there",
    ),
    ("update message_file set conversation = 2 where message = 5", "\"message 5, conversation 2\""),
    (
        "delete from message_file where message = 5 and file in (select thumbnail from file)",
        "a message lacks the thumbnail of its file",
    ),
    (
        "insert into message_file (message, conversation, file) values (1, 1, 'nothing')",
        "a message has a file that is not there, or that is not whole: [\"message 1\"]",
    ),
    ("update file set received = received - 1", "a file lacks some of its bytes"),
    (
        "insert into ticket (hash, account, session, expires_at) values ({bytes}, 997, 1, 1)",
        "code is of an account that was never there: [\"account 997\"",
    ),
    (
        "insert into access_code (hash, purpose, account, mailed, uses, created_at, expires_at) values ({bytes}, 2, 998, 0, 1, 1, 1)",
        "\"account 998\"",
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
    send_a_file_with_a_thumbnail(&store, alice, bob);
    drop(store);
    assert_eq!(found(url), Vec::<String>::new());
    let mut untried = Snapshot::open(url).unwrap().kinds_of_faults();
    for (damage, what) in EVERYWHERE.iter().chain(own) {
        run(&damage.replace("{bytes}", bytes));
        let found = found(url);
        let hit = found.iter().find(|it| it.contains(what));
        let hit = hit.unwrap_or_else(|| panic!("{damage}: {found:#?}"));
        untried.retain(|kind| !hit.starts_with(kind));
    }
    assert_eq!(untried, Vec::<&str>::new(), "no damage is tried of these kinds");
}

/// Message 5: a picture of two pieces, and the small one that stands for it.
fn send_a_file_with_a_thumbnail(store: &Store, from: AccountId, to: AccountId) {
    let upload = |name: &'static str, thumbnail, pieces: &[(i64, i64, &str)]| {
        let size = pieces.iter().map(|(_, size, _)| size).sum();
        let (kind, pixels) = ("image/png", Some((10, 10)));
        let expires_at = NOW + HOUR;
        let new = NewUpload { id: name, name, kind, size, pixels, thumbnail, expires_at };
        assert_eq!(store.begin_upload(from, &new, NOW).unwrap(), UploadOutcome::Begun);
        for &(start, size, blob) in pieces {
            store.begin_blob(from, blob, NOW + HOUR).unwrap();
            let kind = Some(kind);
            let (offset, same, hash) = (start, None, blob);
            let piece = NewPiece { start, offset, blob, same, hash, size, kind };
            assert!(store.append_piece(from, name, &piece, NOW).unwrap());
        }
    };
    upload("a thumbnail", None, &[(0, 2, "a blob of the thumbnail")]);
    upload("a picture", Some("a thumbnail"), &[(0, 3, "the first blob"), (3, 4, "another blob")]);
    let sent = act(store, from, with_files(to, "look", &["a picture"]));
    assert_eq!(sent, Outcome::Done);
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
