//! Small tables of recent rows, whose excess is moved to the large tables in bulk (decision 11).
//!
//! Rows arrive in the order of time, but the large tables are ordered by account or conversation. There each row would change a
//! page of its own. So rows are inserted into a small table first, where one page holds rows of many accounts. Rows are moved
//! in the order of the key, starting after the key that was moved last. By the time a move returns to the same keys, several
//! rows have arrived for each page that it changes. This is the lowest level of a log-structured merge tree (O'Neil et al.,
//! 1996).

use wire::limit::CONTENT_BYTES_MAX;

use super::Sqlite;
use crate::Result;
use crate::engine::{Cell, Engine, Statement, Value, statements};

/// The tables are counted once this many rows of any table have changed.
const CHANGES: u64 = 512;
/// Rows that a small table keeps. With more, a commit changes more pages; with fewer, a move does.
const RECENT_MAX: i64 = 8192;
/// Messages that may be missing from the search index. A search reads those of its own conversations. With fewer, indexing
/// one message costs more.
const UNINDEXED_MAX: i64 = 512;
/// The most messages and bytes that one commit adds to the index. The next commit waits for it.
const INDEXED_MAX: Step = Step { messages: 2 * UNINDEXED_MAX, bytes: 512 * 1024 };
/// With this many missing the index is being rebuilt, mostly by a thread of its own, and commits take smaller steps.
const REBUILD: i64 = 16 * UNINDEXED_MAX;
/// The most that one step adds while the index is rebuilt: commits go on in between.
pub(super) const REINDEXED_MAX: Step = Step { messages: 256, bytes: 64 * 1024 };
// The longest message fits, or there would be no next step.
const _: () = assert!(CONTENT_BYTES_MAX as i64 <= REINDEXED_MAX.bytes);

/// A bound on what one step adds to the index.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) messages: i64,
    pub(super) bytes: i64,
}

/// The state of moving rows.
#[derive(Default)]
pub(super) struct Recent {
    /// The rows that this connection had changed in all when it last counted the tables.
    counted_at: Option<u64>,
    /// The keys that were moved last, by table.
    cursors: [Cursor; TABLES.len()],
}

/// A key of two columns; `None` is before all keys.
type Cursor = Option<[Cell; 2]>;
/// Values before and after all keys, whose first column counts from 1.
const FIRST: (Value<'_>, Value<'_>) = (Value::Int(0), Value::Int(0));
const LAST: (Value<'_>, Value<'_>) = (Value::Int(i64::MAX), Value::Int(0));

/// The statements of a table that has a small and a large part.
struct Table {
    count: &'static Statement,
    /// The key of the row that is this many rows after another.
    key: &'static Statement,
    /// Copies the rows after one key up to another into the large table.
    copy: &'static Statement,
    /// Deletes these rows from the small table.
    clear: &'static Statement,
}

static TABLES: [Table; 3] = [
    Table { count: &COUNT_EVENTS, key: &KEY_OF_EVENT, copy: &COPY_EVENTS, clear: &CLEAR_EVENTS },
    Table { count: &COUNT_ENTRIES, key: &KEY_OF_ENTRY, copy: &COPY_ENTRIES, clear: &CLEAR_ENTRIES },
    Table { count: &COUNT_REFS, key: &KEY_OF_REF, copy: &COPY_REFS, clear: &CLEAR_REFS },
];

macro_rules! count {
    ($name:literal) => {
        Statement::only_sqlite(concat!("select count(*) from recent_", $name))
    };
}

macro_rules! key {
    ($name:literal, $key:literal) => {
        Statement::only_sqlite(concat!(
            concat!("select ", $key, " from recent_", $name, " where (", $key, ") > ($1, $2) "),
            concat!("order by ", $key, " limit 1 offset $3")
        ))
    };
}

/// `or ignore`: a row that is there already must not keep other rows from being moved.
macro_rules! copy {
    ($name:literal, $key:literal) => {
        Statement::only_sqlite(concat!(
            concat!("insert or ignore into settled_", $name, " select * from recent_", $name),
            concat!(" where (", $key, ") > ($1, $2) and (", $key, ") <= ($3, $4)"),
            concat!(" order by ", $key)
        ))
    };
}

macro_rules! clear {
    ($name:literal, $key:literal) => {
        Statement::only_sqlite(concat!(
            concat!("delete from recent_", $name),
            concat!(" where (", $key, ") > ($1, $2) and (", $key, ") <= ($3, $4)")
        ))
    };
}

impl Sqlite {
    /// Moves the excess rows. Must be called in a transaction, at its end.
    pub(super) fn move_excess(&mut self) -> Result<()> {
        let changes = self.connection.total_changes();
        if self.recent.counted_at.is_some_and(|at| changes - at < CHANGES) {
            return Ok(());
        }
        for (place, table) in TABLES.iter().enumerate() {
            let cursor = self.recent.cursors[place].take();
            self.recent.cursors[place] = self.move_some(table, cursor)?;
        }
        let is_done = match self.unindexed()? {
            ..UNINDEXED_MAX => true,
            UNINDEXED_MAX..REBUILD => self.index_some_of(INDEXED_MAX)?,
            _ => self.index_some_of(REINDEXED_MAX)?,
        };
        // What a step has left is for the next commit.
        self.recent.counted_at = is_done.then(|| self.connection.total_changes());
        Ok(())
    }

    /// Adds the oldest messages that are missing from the index of words. Returns whether few enough are missing now.
    pub(super) fn index_some_of(&mut self, most: Step) -> Result<bool> {
        let found = self.run(&NEXT_INDEXED, &[most.messages, most.bytes].map(Value::Int))?;
        let Some(last) = found.first().map_or(Ok(None), |row| row.maybe_int(0))? else {
            return Ok(true);
        };
        for sql in [&INDEX_TEXTS, &SET_INDEXED] {
            self.run(sql, &[Value::Int(last)])?;
        }
        Ok(self.unindexed()? < UNINDEXED_MAX)
    }

    /// Moves the rows beyond [`RECENT_MAX`], beginning after `cursor`. Returns the cursor for the next move.
    fn move_some(&mut self, table: &'static Table, cursor: Cursor) -> Result<Cursor> {
        let excess = self.number(table.count)? - RECENT_MAX;
        if excess <= 0 {
            return Ok(cursor);
        }
        let (one, two) = cursor.as_ref().map_or(FIRST, |[one, two]| (one.value(), two.value()));
        let found = self.run(table.key, &[one, two, Value::Int(excess - 1)])?;
        // If fewer are left, moves up to the last one, and the next move begins at the first key again, and not after
        // the last key, since its account gets new rows all the time.
        let next = found.first().map(|row| [row.0[0].clone(), row.0[1].clone()]);
        let (last, last_two) = next.as_ref().map_or(LAST, |[one, two]| (one.value(), two.value()));
        for sql in [table.copy, table.clear] {
            self.run(sql, &[one, two, last, last_two])?;
        }
        Ok(next)
    }

    /// The number of the last messages that may be missing from the index of words; negative if the newest were
    /// deleted.
    fn unindexed(&mut self) -> Result<i64> {
        self.number(&COUNT_UNINDEXED)
    }

    fn number(&mut self, statement: &'static Statement) -> Result<i64> {
        self.run(statement, &[])?.first().map_or(Ok(0), |row| row.int(0))
    }
}

statements! {
    static COUNT_EVENTS: Statement = count!("event");
    static KEY_OF_EVENT: Statement = key!("event", "account, seq");
    static COPY_EVENTS: Statement = copy!("event", "account, seq");
    static CLEAR_EVENTS: Statement = clear!("event", "account, seq");

    static COUNT_ENTRIES: Statement = count!("entry");
    static KEY_OF_ENTRY: Statement = key!("entry", "conversation, message");
    static COPY_ENTRIES: Statement = copy!("entry", "conversation, message");
    static CLEAR_ENTRIES: Statement = clear!("entry", "conversation, message");

    static COUNT_REFS: Statement = count!("ref");
    static KEY_OF_REF: Statement = key!("ref", "sender, ref");
    static COPY_REFS: Statement = copy!("ref", "sender, ref");
    static CLEAR_REFS: Statement = clear!("ref", "sender, ref");

    static COUNT_UNINDEXED: Statement = Statement::only_sqlite(
        "select coalesce(max(id), 0) - (select message from indexed) from message"
    );

    /// The last message of the next step, which takes the oldest messages that are missing from the index, up to this
    /// number of bytes.
    static NEXT_INDEXED: Statement = Statement::only_sqlite(
        "select max(id) from (select id, sum(bytes) over (order by id) as bytes from \
         (select id, octet_length(content) as bytes from message where id > (select message from indexed) \
         order by id limit $1)) where bytes <= $2"
    );

    /// In the order of ids, so that no message in the index comes after one that is missing.
    static INDEX_TEXTS: Statement = Statement::only_sqlite(
        "insert into message_text (rowid, terms) select id, message_terms(conversation, content || coalesce(char(10) || names, '')) from message \
         where id > (select message from indexed) and id <= $1 and kind = 0 order by id"
    );

    static SET_INDEXED: Statement = Statement::only_sqlite("update indexed set message = $1");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Purpose;
    use crate::engine::statement::in_test;

    /// With accounts that write in turn, as many as fill a few pages.
    const ACCOUNTS: i64 = 300;

    fn open() -> Sqlite {
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        sqlite
    }

    fn say(sqlite: &mut Sqlite, n: i64) {
        let sql = "insert into message (conversation, sender, content, at, ref, seq) \
                   values ($1, $2, $3, 0, $4, 1)";
        let text = n.to_string();
        let (conversation, content) = (Value::Int(n % ACCOUNTS), Value::Text("word"));
        let params = [conversation, Value::Int(n % ACCOUNTS), content, Value::Text(&text)];
        sqlite.run(in_test(sql), &params).unwrap();
        let sql = "insert into event (account, seq, kind, message) values ($1, $2, 1, $3)";
        let params = [n % ACCOUNTS, n / ACCOUNTS + 1, n + 1].map(Value::Int);
        sqlite.run(in_test(sql), &params).unwrap();
    }

    #[test]
    fn what_is_beyond_the_bound_is_moved_and_nothing_is_lost() {
        let mut sqlite = open();
        let all = 3 * RECENT_MAX;
        for n in 0..all {
            say(&mut sqlite, n);
            sqlite.move_excess().unwrap();
            if n % 100 == 0 {
                for table in &TABLES {
                    let recent = sqlite.number(table.count).unwrap();
                    // Less than `CHANGES` come before the tables are counted again, and the cursor's way round moves less once.
                    assert!(recent < RECENT_MAX + 2 * CHANGES as i64, "{recent}");
                }
            }
        }
        // The cursor has gone round: each account's were moved.
        let settled = "select count(distinct account) from settled_event";
        assert_eq!(sqlite.number(in_test(settled)).unwrap(), ACCOUNTS);
        for sql in [
            "select count(distinct account * 1000000 + seq) from event",
            "select count(distinct message) from entry",
            "select count(distinct sender || ' ' || ref) from reference",
            "select count(*) from event",
            "select count(*) from entry",
            "select count(*) from reference",
        ] {
            assert_eq!(sqlite.number(in_test(sql)).unwrap(), all, "{sql}");
        }
        sqlite.run(in_test("delete from event where seq > $1"), &[Value::Int(1)]).unwrap();
        sqlite
            .run(in_test("update message set ref = null where sender <> $1"), &[Value::Int(1)])
            .unwrap();
        sqlite.run(in_test("delete from message where sender <> $1"), &[Value::Int(2)]).unwrap();
        for (sql, left) in [
            ("select count(*) from event", ACCOUNTS),
            ("select count(*) from entry where sender <> 2", 0),
            ("select count(*) from reference", 0),
        ] {
            assert_eq!(sqlite.number(in_test(sql)).unwrap(), left, "{sql}");
        }
    }

    #[test]
    fn words_wait_for_others_up_to_a_bound() {
        let mut sqlite = open();
        let found = "select count(*) from message_text where message_text match '7xword'";
        for n in 0..UNINDEXED_MAX {
            sqlite.recent.counted_at = None;
            sqlite.move_excess().unwrap();
            assert_eq!(sqlite.number(in_test(found)).unwrap(), 0, "{n}");
            say(&mut sqlite, n);
        }
        sqlite.recent.counted_at = None;
        sqlite.move_excess().unwrap();
        let in_seventh = (0..UNINDEXED_MAX).filter(|n| n % ACCOUNTS == 7).count();
        assert_eq!(sqlite.number(in_test(found)).unwrap(), in_seventh as i64);
        assert_eq!(sqlite.unindexed().unwrap(), 0);
    }

    #[test]
    fn one_commit_indexes_no_more_than_its_bytes() {
        let mut sqlite = open();
        let long = "word ".repeat(CONTENT_BYTES_MAX / 5);
        let sql = "insert into message (conversation, sender, content, at, seq) values ($1, $2, $3, 0, 1)";
        for _ in 0..2 * UNINDEXED_MAX {
            sqlite.run(in_test(sql), &[Value::Int(1), Value::Int(1), Value::Text(&long)]).unwrap();
        }
        let step = INDEXED_MAX.bytes / long.len() as i64;
        for steps in 1..=UNINDEXED_MAX / step {
            sqlite.move_excess().unwrap();
            assert_eq!(sqlite.unindexed().unwrap(), 2 * UNINDEXED_MAX - steps * step);
        }
    }
}
