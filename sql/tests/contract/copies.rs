//! A copy of a database, put back on either engine, is the same database with higher numbers.

use std::collections::BTreeMap;

use sql::{Cell, Column, DatabaseUrl, Event, Outcome, Restoration, Snapshot, Store, TABLES};
use wire::{AccountId, MessageId, Peer, Seq};

use crate::{NOW, account, ask_first, commit, open, post, say};
use crate::{
    accounts, blocks, blocks_revised, contact_policy, deletion, groups, invitations, messages,
    names, pictures, pieces, privacy, receipts, reports, revise, strangers, sweeps, uploads,
};

/// A table: its columns, and its rows in some order.
type Table = (Vec<Column>, Vec<Vec<Cell>>);
/// All tables by name.
type Copy = BTreeMap<&'static str, Table>;

/// Some later moment.
const LATER: i64 = NOW + 3 * 365 * 24 * 60 * 60 * 1000;

/// Reads the whole database, and the highest number in it.
fn copy(url: &DatabaseUrl) -> (Copy, i64) {
    let mut snapshot = Snapshot::open(url).unwrap();
    let mut copy = Copy::new();
    for table in TABLES {
        let columns = snapshot.columns(table).unwrap();
        let mut rows = Vec::new();
        let take = |row| {
            rows.push(row);
            true
        };
        snapshot.each_row(table, &columns, take).unwrap();
        copy.insert(table, (columns, rows));
    }
    let highest = snapshot.highest().unwrap();
    snapshot.close().unwrap();
    (copy, highest)
}

fn restore(copy: &(Copy, i64), url: &DatabaseUrl, now: i64) {
    restore_of(copy, url, now, now);
}

/// At `now`, of a copy that was made at `made_at`.
fn restore_of((copy, highest): &(Copy, i64), url: &DatabaseUrl, now: i64, made_at: i64) {
    let mut restoration = Restoration::begin(url, sql::BACKUP_FORMAT, *highest, now).unwrap();
    for table in TABLES {
        let (columns, rows) = &copy[table];
        for rows in rows.chunks(sql::RESTORED_ROWS) {
            restoration.insert(table, columns, rows.to_vec()).unwrap();
        }
    }
    restoration.finish(made_at).unwrap();
}

/// Rows by their columns' names, in order, with places in logs counted from what is acknowledged or forgotten, and nothing before
/// that. PostgreSQL has no NUL in a text.
fn comparable(copy: &Copy) -> BTreeMap<&'static str, Vec<Vec<(String, Cell)>>> {
    let at = |table: &str, name: &str| {
        copy[table].0.iter().position(|column| column.name == name).unwrap()
    };
    let int = |cell: &Cell| match cell {
        Cell::Int(number) => *number,
        other => panic!("{other:?}"),
    };
    let (account, ends) =
        (at("log", "account"), ["acknowledged", "forgotten"].map(|it| at("log", it)));
    let end = |row: &Vec<Cell>| ends.iter().map(|end| int(&row[*end])).max().unwrap();
    let logs = copy["log"].1.iter().map(|row| (int(&row[account]), end(row)));
    let logs: BTreeMap<i64, i64> = logs.collect();
    let mut all = BTreeMap::new();
    for (table, (columns, rows)) in copy {
        let mut turned: Vec<Vec<(String, Cell)>> = Vec::new();
        for row in rows {
            let whose = match *table {
                "log" | "event" => Some("account"),
                "message" => Some("sender"),
                _ => None,
            };
            let base = whose.and_then(|whose| logs.get(&int(&row[at(table, whose)])));
            let mut row: Vec<_> =
                columns.iter().map(|it| it.name.clone()).zip(row.clone()).collect();
            for (name, cell) in &mut row {
                match (base, name.as_str()) {
                    (Some(base), "seq" | "head" | "acknowledged") => {
                        *cell = Cell::Int(int(cell) - base)
                    }
                    (Some(_), "forgotten" | "ripe") => *cell = Cell::Null,
                    _ => {}
                }
                if let Cell::Text(text) = cell {
                    *text = text.replace('\0', " ");
                }
            }
            let is_acknowledged =
                *table == "event" && row.iter().any(|(name, cell)| name == "seq" && int(cell) <= 0);
            if !is_acknowledged {
                row.sort_by(|one, other| one.0.cmp(&other.0));
                turned.push(row);
            }
        }
        turned.sort_by_key(|row| format!("{row:?}"));
        all.insert(*table, turned);
    }
    all
}

fn holds_together(url: &DatabaseUrl) {
    let mut snapshot = Snapshot::open(url).unwrap();
    let mut found = Vec::new();
    snapshot.verify(|one| found.push(one)).unwrap();
    assert_eq!(found, [], "{url}");
}

fn sqlite(directory: &tempfile::TempDir, name: &str) -> DatabaseUrl {
    DatabaseUrl::file(directory.path().join(name))
}

fn postgresql() -> DatabaseUrl {
    acceptance::Cluster::shared().unwrap().database().unwrap().parse().unwrap()
}

/// Something of every kind, without what takes the longest.
fn fill(store: &Store) {
    let all = [
        accounts::ALL,
        messages::ALL,
        receipts::ALL,
        revise::ALL,
        groups::ALL,
        invitations::ALL,
        blocks::ALL,
        blocks_revised::ALL,
        sweeps::ALL,
        deletion::ALL,
        uploads::ALL,
        pieces::ALL,
        reports::ALL,
        privacy::ALL,
        pictures::ALL,
    ];
    all.iter().flat_map(|cases| cases.iter()).for_each(|case| case(store));
}

/// From `first` to `second` and back to `third`: the same, and all of it usable.
pub fn there_and_back(first: &DatabaseUrl, second: &DatabaseUrl, third: &DatabaseUrl) {
    fill(&open(first));
    let store = ask_first(first);
    let of_strangers = strangers::ALL.iter().chain(names::ALL);
    of_strangers.for_each(|case| case(&store));
    contact_policy::nobody_waits_where_everybody_knows_everybody(first);
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    say(&store, alice, bob, "needle in a copy", "same");
    drop(store);
    holds_together(first);

    let one = copy(first);
    restore(&one, second, LATER);
    holds_together(second);
    let two = copy(second);
    restore(&two, third, LATER + 60_000);
    holds_together(third);
    let three = copy(third);
    let expected = comparable(&one.0);
    for (table, rows) in &expected {
        assert!(!rows.is_empty(), "there is nothing in {table} to compare");
    }
    for (name, copy) in [("second", &two.0), ("third", &three.0)] {
        for (table, rows) in comparable(copy) {
            assert_eq!(rows, expected[table], "{table} in the {name}");
        }
    }
    for (url, before) in [(second, one.1), (third, two.1)] {
        goes_on(&open(url), [alice, bob], before);
        holds_together(url);
    }
}

/// What is given out from now on is above all that was.
fn goes_on(store: &Store, [alice, bob]: [AccountId; 2], before: i64) {
    let found = store.search(bob, "needle", MessageId(i64::MAX >> 11), 9).unwrap();
    assert_eq!(found.len(), 1);
    let repeat = commit(store, vec![post(alice, bob, "again", Some("same"))]).outcomes.remove(0);
    assert!(matches!(repeat, Outcome::Repeat(..)), "a ref is remembered: {repeat:?}");
    // What his devices had not acknowledged comes to the next one.
    let state = store.log_state(bob).unwrap().unwrap();
    assert!(state.acknowledged.0 > before && state.forgotten == state.acknowledged);
    let waiting: Vec<Event> = store.events(bob, state.acknowledged, 99).unwrap();
    assert!(!waiting.is_empty());
    assert_eq!(waiting[0].seq, state.acknowledged.next());
    assert!(store.events(bob, Seq(0), 99).unwrap()[0].seq.0 > before);
    let carol = account(store, "Carol");
    assert!(carol.0 > before);
    let said = say(store, carol, bob, "from after it", "1");
    assert!(said.id.0 > before && said.recipient_seq.0 > before);
    let history = store.history(bob, Peer::Account(carol), said.id, 9).unwrap();
    assert!(history.is_some());
    assert_eq!(store.log_state(bob).unwrap().unwrap().head, Seq(state.head.0 + 1));
}

#[test]
fn sqlite_to_postgresql_and_back() {
    let directory = tempfile::tempdir().unwrap();
    there_and_back(&sqlite(&directory, "1.db"), &postgresql(), &sqlite(&directory, "2.db"));
}

#[test]
fn postgresql_to_sqlite_and_back() {
    let directory = tempfile::tempdir().unwrap();
    there_and_back(&postgresql(), &sqlite(&directory, "1.db"), &postgresql());
}

/// What is restored comes into an empty place only.
#[test]
fn what_is_there_is_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    for url in [sqlite(&directory, "1.db"), postgresql()] {
        let store = open(&url);
        account(&store, "Alice");
        let before = copy(&url);
        // While a server has it open, and when none does.
        for open in [true, false] {
            let refused =
                Restoration::begin(&url, sql::BACKUP_FORMAT, 1, LATER).err().unwrap().to_string();
            let says = refused.contains("there already") || refused.contains("something in it");
            assert!(says, "{open}: {refused}");
        }
        drop(store);
        assert_eq!(copy(&url), before);
    }
    let file = directory.path().join("2.db");
    std::fs::write(directory.path().join("2.db-wal"), "left by somebody").unwrap();
    let refused =
        Restoration::begin(&DatabaseUrl::file(file), sql::BACKUP_FORMAT, 1, LATER).err().unwrap();
    assert!(refused.to_string().contains("2.db-wal is there already"), "{refused}");
}

/// One that is given up, or whose process dies, leaves the place empty and is no hindrance to the next.
#[test]
fn a_restore_is_whole_or_has_not_happened() {
    let directory = tempfile::tempdir().unwrap();
    let from = sqlite(&directory, "from.db");
    account(&open(&from), "Alice");
    let whole = copy(&from);
    for url in [sqlite(&directory, "1.db"), postgresql()] {
        let mut begun = Restoration::begin(&url, sql::BACKUP_FORMAT, whole.1, LATER).unwrap();
        let (columns, rows) = &whole.0["account"];
        begun.insert("account", columns, rows.clone()).unwrap();
        // Nobody has an account to log in with yet, and another restore is refused.
        let other = Restoration::begin(&url, sql::BACKUP_FORMAT, whole.1, LATER).err().unwrap();
        assert!(other.to_string().contains("another restore"), "{other}");
        assert!(url.path().is_none_or(|path| !path.exists()));
        drop(begun);
        let mut begun = Restoration::begin(&url, sql::BACKUP_FORMAT, whole.1, LATER).unwrap();
        assert!(begun.insert("account", columns, vec![rows[0].clone(), rows[0].clone()]).is_err());
        drop(begun);
        restore(&whole, &url, LATER);
        holds_together(&url);
    }
    let refused = Restoration::begin(&sqlite(&directory, "2.db"), sql::BACKUP_FORMAT + 1, 1, LATER);
    assert!(refused.err().unwrap().to_string().contains("use a newer one"));
    let names = std::fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("partial")).collect();
    assert_eq!(left, Vec::<std::ffi::OsString>::new());
}

/// Two restores of one copy, and a copy of a restored database: no number is given out twice.
#[test]
fn no_restore_gives_out_what_another_has() {
    let directory = tempfile::tempdir().unwrap();
    let from = sqlite(&directory, "from.db");
    account(&open(&from), "Alice");
    let mut whole = copy(&from);
    let mut seen = whole.1;
    for (n, now) in [LATER, LATER + 1000, LATER + 2000, LATER - 5000].into_iter().enumerate() {
        let url = sqlite(&directory, &format!("{n}.db"));
        if n == 3 {
            whole = copy(&sqlite(&directory, "2.db"));
        }
        restore(&whole, &url, now);
        let store = open(&url);
        let [bob, carol] = [format!("Bob{n}"), format!("Carol{n}")].map(|it| account(&store, &it));
        let said = say(&store, bob, carol, "hello", "1");
        assert!(bob.0 > seen && said.id.0 > seen, "{n}: {bob} after {seen}");
        drop(store);
        seen = seen.max(carol.0).max(said.id.0);
    }
}

/// The machine of the restore may show a wrong time: the server doubts it if it is far from that of the backup.
#[test]
fn a_restored_database_is_as_late_as_its_backup() {
    let directory = tempfile::tempdir().unwrap();
    let from = sqlite(&directory, "from.db");
    let store = open(&from);
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    say(&store, alice, bob, "hello", "1");
    drop(store);
    let whole = copy(&from);
    let day = 24 * 60 * 60 * 1000;
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    for url in [sqlite(&directory, "1.db"), postgresql()] {
        restore_of(&whole, &url, now, now - 60 * day);
        let ahead = open(&url).clock_doubt();
        assert!((60 * day..61 * day).contains(&ahead), "{url}: {ahead}");
    }
    // A backup that claims to be older than its last message is as late as that.
    for url in [sqlite(&directory, "2.db"), postgresql()] {
        restore_of(&whole, &url, now, 1);
        let ahead = open(&url).clock_doubt();
        assert!((now - NOW..now - NOW + day).contains(&ahead), "{url}: {ahead}");
    }
    let url = sqlite(&directory, "3.db");
    restore_of(&whole, &url, now, now);
    assert_eq!(open(&url).clock_doubt(), 0);
}

#[test]
fn commands_make_no_database_and_read_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |url: &DatabaseUrl| Snapshot::open(url).err().unwrap().to_string();
    let nowhere = sqlite(&directory, "1.db");
    assert!(refused(&nowhere).contains("no such file"));
    assert!(!nowhere.path().unwrap().exists());
    assert!(refused(&postgresql()).contains("no Messenger in it"));
    let old = sqlite(&directory, "2.db");
    let connection = rusqlite::Connection::open(old.path().unwrap()).unwrap();
    connection
        .execute_batch("create table schema_version (version bigint primary key, checksum text); insert into schema_version values (3, null)")
        .unwrap();
    assert!(refused(&old).contains("start the server once"), "{}", refused(&old));
    // The doctor asks for no backup that this program refuses to make.
    let advice = sql::inspect(&old).diagnostics;
    let schema = &advice.iter().find(|it| it.about == "schema").unwrap().text;
    assert!(schema.contains("first keep a copy of the file"), "{schema}");
    connection.execute_batch("update schema_version set version = 1000000").unwrap();
    assert!(refused(&old).contains("use a newer program"), "{}", refused(&old));
}

const BEFORE_COUNTED_INVITATIONS: [&str; 9] = [
    include_str!("../../migrations/postgres/0001_accounts_and_logs.sql"),
    include_str!("../../migrations/postgres/0002_conversations.sql"),
    include_str!("../../migrations/postgres/0003_entries.sql"),
    include_str!("../../migrations/postgres/0004_member_by_whole_key.sql"),
    include_str!("../../migrations/postgres/0005_pair_by_whole_key.sql"),
    include_str!("../../migrations/postgres/0006_message_requests.sql"),
    include_str!("../../migrations/postgres/0007_bounds.sql"),
    include_str!("../../migrations/postgres/0008_search_and_blocks.sql"),
    include_str!("../../migrations/postgres/0009_email_keys.sql"),
];

/// Before an upgrade the new program makes a copy of what the old one has left, and does not change it.
#[test]
fn an_older_database_is_copied_as_it_is() {
    let text = acceptance::Cluster::shared().unwrap().database().unwrap();
    let mut client = postgres::Client::connect(&text, postgres::NoTls).unwrap();
    let table = "create table schema_version (version bigint primary key, checksum text)";
    client.batch_execute(table).unwrap();
    for (number, script) in (1_i64..).zip(BEFORE_COUNTED_INVITATIONS) {
        client.batch_execute(script).unwrap();
        client.execute("insert into schema_version (version) values ($1)", &[&number]).unwrap();
    }
    let rows = "insert into account (email, name, password, created_at) values ('a@x.org', 'Alice', 'p', 1); \
                insert into log (account) values (1)";
    client.batch_execute(rows).unwrap();
    let from: DatabaseUrl = text.parse().unwrap();
    let (copied, highest) = copy(&from);
    let form = Snapshot::open(&from).unwrap().form();
    assert!(form < sql::BACKUP_FORMAT);
    let directory = tempfile::tempdir().unwrap();
    let to = sqlite(&directory, "a.db");
    let mut restoration = Restoration::begin(&to, form, highest, LATER).unwrap();
    for table in TABLES {
        let (columns, rows) = &copied[table];
        restoration.insert(table, columns, rows.clone()).unwrap();
    }
    restoration.finish(LATER).unwrap();
    holds_together(&to);
    assert_eq!(Snapshot::open(&to).unwrap().form(), sql::BACKUP_FORMAT);
    assert!(open(&to).log_state(AccountId(1)).unwrap().is_some());
    let version: i64 =
        client.query_one("select max(version) from schema_version", &[]).unwrap().get(0);
    assert_eq!(version, 9, "the original was upgraded");
}
