use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};
use sql::{Entry, EventBody, Outcome, Store};
use wire::limit::REQUEST_MESSAGES_MAX;
use wire::{AccountId, MessageId, Peer, Seq};

use crate::{account, commit, events, open, post, say};

/// What the first release stored is there after the upgrade, can be read in every new way, and goes on.
pub fn from_the_first_schema(first: &str, mut run: impl FnMut(&str), open: impl Fn() -> Store) {
    run("create table schema_version (version bigint primary key)");
    run(first);
    run("insert into schema_version (version) values (1)");
    run(
        "insert into account (email, name, password, created_at) values ('a@x', 'Alice', 'p', 1), ('b@x', 'Bob', 'p', 1)",
    );
    run("insert into log (account, head, acknowledged) values (1, 2, 2), (2, 1, 0)");
    run("insert into conversation (low, high) values (1, 2), (1, 1)");
    run("insert into message (conversation, sender, recipient, content, at, ref, seq) \
         values (1, 1, 2, 'hello old world', 5, 'r', 1), (2, 1, 1, 'milk', 6, null, 2), (2, 1, 1, 'gone', 7, null, 3)");
    run(
        "insert into event (account, seq, kind, message) values (1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 1, 2)",
    );
    run("delete from message where content = 'gone'");

    let store = open();
    let (alice, bob) = (AccountId(1), AccountId(2));
    assert_eq!(events(&store, alice, Seq(0)).len(), 2);
    assert_eq!(store.log_state(alice).unwrap().unwrap().stored, "hello old world".len() as i64 + 4);
    let history = |with| store.history(alice, with, MessageId(99), 9).unwrap().unwrap();
    assert_eq!(history(Peer::Account(bob))[0].content, "hello old world");
    assert_eq!(history(Peer::Account(alice))[0].content, "milk");
    assert_eq!(store.search(bob, "OLD wor", MessageId(99), 9).unwrap().len(), 1);
    let listed = store.conversations(bob, MessageId(99), 9).unwrap();
    assert_eq!((listed.len(), listed[0].unread, listed[0].name.as_deref()), (1, 1, Some("Alice")));
    let listed = store.conversations(alice, MessageId(99), 9).unwrap();
    assert_eq!(listed[1].read, MessageId(1), "what was acknowledged counts as read");
    // The same `ref` again is still a repeat, and numbers go on where they were.
    let repeat = commit(&store, vec![post(alice, bob, "x", Some("r"))]).outcomes.remove(0);
    assert!(
        matches!(repeat, Outcome::Repeat(EventBody::Entry(Entry::Message(_)), Seq(1))),
        "{repeat:?}"
    );
    assert_eq!(say(&store, bob, alice, "hello new world", "r").id, MessageId(4));
    // They have talked before, so they know each other.
    for n in 0..=REQUEST_MESSAGES_MAX {
        say(&store, bob, alice, "hello again", &n.to_string());
    }
    let carol = account(&store, "Carol");
    assert_eq!(say(&store, bob, carol, "hi", "r2").recipient_seq, Seq(1));
}

/// What a block has withheld is known by runs after the upgrade, and marks stay where the blocked account sees them.
pub fn what_is_withheld_becomes_runs(
    scripts: &[&str],
    mut run: impl FnMut(&str),
    open: impl Fn() -> Store,
    mut runs: impl FnMut() -> Vec<(i64, i64)>,
) {
    run("create table schema_version (version bigint primary key)");
    for (number, script) in scripts.iter().enumerate() {
        run(script);
        run(&format!("insert into schema_version (version) values ({})", number + 1));
    }
    run(
        "insert into account (email, name, password, created_at) values ('a@x', 'Alice', 'p', 1), ('b@x', 'Bob', 'p', 1)",
    );
    run("insert into log (account) values (1), (2)");
    run("insert into conversation (low, high) values (1, 2)");
    run(
        "insert into member (conversation, account, delivered, read) values (1, 1, 4, 3), (1, 2, 0, 0)",
    );
    run("insert into block (blocked, account, at) values (2, 1, 9)");
    for number in 1..=6 {
        run(&format!(
            "insert into message (conversation, sender, recipient, content, at, seq) values (1, 2, 1, 'word{number}', 5, {number})"
        ));
    }
    run("insert into withheld (message, account) values (2, 1), (3, 1), (5, 1), (6, 1)");

    let store = open();
    let (alice, bob) = (AccountId(1), AccountId(2));
    assert_eq!(runs(), [(2, 2), (3, 2), (5, 5), (6, 5)]);
    let listed = store.conversations(alice, MessageId(99), 9).unwrap().remove(0);
    assert_eq!((listed.activity, listed.unread), (MessageId(4), 1));
    let history = store.history(alice, Peer::Account(bob), MessageId(99), 9).unwrap().unwrap();
    assert_eq!(history.iter().map(|it| it.id.0).collect::<Vec<_>>(), [4, 1]);
    let found = |who| store.search(who, "word", MessageId(99), 9).unwrap().len();
    assert_eq!((found(alice), found(bob)), (2, 6));
    let listed = store.conversations(bob, MessageId(99), 9).unwrap().remove(0);
    assert_eq!(listed.other, Some((MessageId(1), MessageId(1))), "what was before the first");
    say(&store, alice, bob, "her own", "1");
    let hers = store.conversations(alice, MessageId(99), 9).unwrap()[0].last.clone().unwrap();
    assert_eq!(hers.content, "her own");
}

/// How long an upgrade of [`MANY_ACCOUNTS`] may take: some ten times what it does. If each account were held against all
/// messages it would be many minutes.
const UPGRADE_MAX: Duration = Duration::from_secs(30);

/// 20,000 accounts, each with a message to itself, and half of them in a group.
const MANY_ACCOUNTS: &str = "\
    insert into account (email, name, password, created_at) \
        select 'a' || n || '@example.com', 'N', 'p', 1 from generate_series(1, 20000) n; \
    insert into log (account, head) select id, 1 from account; \
    insert into conversation (low, high) select id, id from account; \
    insert into conversation (name) values ('Group'); \
    insert into member (conversation, account) select id, low from conversation where low is not null; \
    insert into member (conversation, account) select c.id, a.id from conversation c, account a \
        where c.low is null and a.id % 2 = 0; \
    insert into message (conversation, sender, recipient, content, at, seq) \
        select id, low, low, 'hello', 5, 1 from conversation where low is not null";

/// An upgrade takes no longer for each account the more of them there are.
pub fn many_accounts_take_seconds(url: &str, scripts: &[&str]) {
    let mut client = Client::connect(url, NoTls).unwrap();
    client.batch_execute("create table schema_version (version bigint primary key)").unwrap();
    for (number, script) in scripts.iter().enumerate() {
        client.batch_execute(script).unwrap();
        let version = format!("insert into schema_version (version) values ({})", number + 1);
        client.batch_execute(&version).unwrap();
    }
    client.batch_execute(MANY_ACCOUNTS).unwrap();
    let store = thread::scope(|scope| {
        let (done, is_done) = sync_channel::<()>(1);
        let client = &mut client;
        scope.spawn(move || {
            if is_done.recv_timeout(UPGRADE_MAX) == Err(RecvTimeoutError::Timeout) {
                let cancel = "select pg_cancel_backend(pid) from pg_stat_activity \
                              where datname = current_database() and application_name = 'messenger'";
                client.batch_execute(cancel).unwrap();
            }
        });
        let store = open(&url.parse().unwrap());
        drop(done);
        store
    });
    let log = store.log_state(AccountId(20_000)).unwrap().unwrap();
    assert_eq!(log.stored, "hello".len() as i64);
    let groups = "select groups from log where account in (19999, 20000) order by account";
    let groups = client.query(groups, &[]).unwrap();
    assert_eq!(groups.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [0, 1]);
}
