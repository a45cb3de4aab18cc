//! Backup and restore on SQLite: reads and writes the rows of whole tables.

use super::{Sqlite, cell};
use crate::Result;
use crate::copy::{BackupFormat, Column, Transfer, names};
use crate::engine::{Cell, Engine, Statement, Value, statements};

/// Moves the rows that the triggers of `message` have inserted from the tables of recent rows into the large tables (decision 11).
const MOVE_RECENT: &str = "
    insert into settled_entry select * from recent_entry order by conversation, message;
    delete from recent_entry;
    insert into settled_ref select * from recent_ref order by sender, ref;
    delete from recent_ref;";

impl Transfer for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn version_of(&self, form: &BackupFormat) -> i64 {
        form.sqlite
    }

    fn begin_snapshot(&mut self) -> Result<()> {
        // The first statement takes the snapshot.
        self.script("begin; select count(*) from sqlite_master")
    }

    fn lock_schema_of_empty(&mut self) -> Result<()> {
        self.lock_schema() // The file is new.
    }

    fn tables(&mut self) -> Result<Vec<String>> {
        self.run(&TABLES, &[])?.iter_mut().map(|row| row.text(0)).collect()
    }

    fn columns(&mut self, table: &str) -> Result<Vec<Column>> {
        let mut rows = self.run(&COLUMNS, &[Value::Text(table)])?;
        Column::all(table, &mut rows, ["integer", "text", "blob"])
    }

    fn each_row(
        &mut self,
        table: &str,
        columns: &[Column],
        take: &mut dyn FnMut(Vec<Cell>) -> bool,
    ) -> Result<()> {
        let text = format!("select {} from {table}", names(columns));
        let mut statement = self.connection.prepare(&text)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cells = (0..columns.len()).map(|at| Ok(cell(row.get_ref(at)?)));
            if !take(cells.collect::<Result<_>>()?) {
                break;
            }
        }
        Ok(())
    }

    fn insert_rows(&mut self, table: &str, columns: &[Column], rows: &[Vec<Cell>]) -> Result<()> {
        // Restored events are not recent, so they go into the large table (decision 11).
        let table = if table == "event" { "settled_event" } else { table };
        let marks: Vec<_> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
        let text =
            format!("insert into {table} ({}) values ({})", names(columns), marks.join(", "));
        let mut statement = self.connection.prepare_cached(&text)?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row.iter().map(Cell::value)))?;
        }
        Ok(())
    }

    fn last_id(&mut self, table: &str) -> Result<i64> {
        self.run(&LAST_ID, &[Value::Text(table)])?.first().map_or(Ok(0), |row| row.int(0))
    }

    fn set_last_id(&mut self, table: &str, last: i64) -> Result<()> {
        self.run(&FORGET_LAST_ID, &[Value::Text(table)])?;
        self.run(&SET_LAST_ID, &[Value::Text(table), Value::Int(last)]).map(drop)
    }

    fn round_off(&mut self) -> Result<()> {
        self.script(MOVE_RECENT) // The server fills the index of words while it runs: sql/src/reindex.rs.
    }
}

statements! {
    static TABLES: Statement = Statement::only_sqlite(
        "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%' order by name"
    );

    static COLUMNS: Statement =
        Statement::only_sqlite("select name, lower(type) from pragma_table_info($1) order by cid");

    static LAST_ID: Statement =
        Statement::only_sqlite("select coalesce(max(seq), 0) from sqlite_sequence where name = $1");

    static FORGET_LAST_ID: Statement = Statement::only_sqlite("delete from sqlite_sequence where name = $1");

    static SET_LAST_ID: Statement =
        Statement::only_sqlite("insert into sqlite_sequence (name, seq) values ($1, $2)");
}
