//! Backup and restore on PostgreSQL: reads and writes the rows of whole tables.

use std::time::{Duration, Instant};

use postgres::types::ToSql;

use super::Postgres;
use super::encode::{Column as Array, row};
use super::schema::TRY_LOCK_SCHEMA;
use crate::copy::{BackupFormat, Column, ColumnType, Transfer, names};
use crate::engine::{Cell, Engine, Statement, Value, statements};
use crate::{OpenError, Result};

/// The rows of one fetch: at most 8 MiB, if all of them have the longest text.
const FETCHED: usize = 500;
/// How long one statement on a snapshot may take. Some of them read whole tables.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// How long a restore waits for the lock on the schema. A killed process holds the lock until PostgreSQL notices its end.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two tries to take that lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// Begins the snapshot. Its statements read whole tables, so the planner may use sequential scans and joins by hash or merge,
/// which `session` switches off for all other statements. The transaction may be idle for long, while its rows are written to a
/// slow disk.
const SNAPSHOT: &str = "begin isolation level repeatable read, read only; \
    set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on; set local enable_material = on; \
    set local statement_timeout = '1h'; set local idle_in_transaction_session_timeout = '10min'";

impl Transfer for Postgres {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn version_of(&self, form: &BackupFormat) -> i64 {
        form.postgres
    }

    fn begin_snapshot(&mut self) -> Result<()> {
        self.client.set_patience(Some(SNAPSHOT_TIMEOUT));
        self.script(SNAPSHOT)?;
        // The first statement takes the snapshot.
        self.script("select 1 from pg_class limit 1")
    }

    fn lock_schema_of_empty(&mut self) -> Result<()> {
        // A server that starts meanwhile waits for the same lock, and then finds the restored database.
        let deadline = Instant::now() + LOCK_PATIENCE;
        while self.run(&TRY_LOCK_SCHEMA, &[])?.is_empty() {
            if Instant::now() >= deadline {
                let reason = "another restore, or a server, is preparing this database: wait until it has ended";
                return Err(OpenError::NotEmpty(reason.to_owned()).into());
            }
            std::thread::sleep(LOCK_INTERVAL);
        }
        if let Some(table) = self.tables()?.first() {
            let reason = format!(
                "there is something in it already, such as the table {table}: make an empty one with createdb"
            );
            return Err(OpenError::NotEmpty(reason).into());
        }
        self.lock_schema()
    }

    fn tables(&mut self) -> Result<Vec<String>> {
        self.run(&TABLES, &[])?.iter_mut().map(|row| row.text(0)).collect()
    }

    fn columns(&mut self, table: &str) -> Result<Vec<Column>> {
        let mut rows = self.run(&COLUMNS, &[Value::Text(table)])?;
        Column::all(table, &mut rows, ["bigint", "text", "bytea"])
    }

    /// Reads with a cursor. `copy` would do the same without a deadline for each wait.
    fn each_row(
        &mut self,
        table: &str,
        columns: &[Column],
        take: &mut dyn FnMut(Vec<Cell>) -> bool,
    ) -> Result<()> {
        let all = names(columns);
        self.script(&format!("declare copied no scroll cursor for select {all} from {table}"))?;
        let fetch = self.client.prepare(&format!("fetch forward {FETCHED} from copied"))?;
        'all: loop {
            let rows = self.client.query(&fetch, &[])?;
            for found in &rows {
                if !take(row(found)?.0) {
                    break 'all;
                }
            }
            if rows.len() < FETCHED {
                break;
            }
        }
        self.script("close copied")
    }

    fn insert_rows(&mut self, table: &str, columns: &[Column], rows: &[Vec<Cell>]) -> Result<()> {
        let arrays = columns.iter().zip(1..).map(|(column, number)| match column.kind {
            ColumnType::Int => format!("${number}::bigint[]"),
            ColumnType::Text => format!("${number}::text[]"),
            ColumnType::Bytes => format!("${number}::bytea[]"),
        });
        let arrays: Vec<_> = arrays.collect();
        let text = format!(
            "insert into {table} ({}) overriding system value select * from unnest({})",
            names(columns),
            arrays.join(", ")
        );
        let rows: Vec<Vec<Cell>> =
            rows.iter().map(|row| row.iter().map(without_nul).collect()).collect();
        let array = |at: usize| Array(rows.iter().map(|row| row[at].value()).collect());
        let values: Vec<_> = (0..columns.len()).map(array).collect();
        let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|array| array as _).collect();
        self.client.query(text.as_str(), &params)?;
        Ok(())
    }

    fn last_id(&mut self, table: &str) -> Result<i64> {
        self.run(&LAST_ID, &[Value::Text(table)])?.first().map_or(Ok(0), |row| row.int(0))
    }

    fn set_last_id(&mut self, table: &str, last: i64) -> Result<()> {
        self.run(&SET_LAST_ID, &[Value::Text(table), Value::Int(last)]).map(drop)
    }

    fn round_off(&mut self) -> Result<()> {
        Ok(()) // PostgreSQL gathers the planner's statistics by itself.
    }
}

/// Replaces each NUL by a space. An old SQLite database may have NUL in a text, and PostgreSQL cannot store it. With a space, the
/// text has the same number of bytes.
fn without_nul(cell: &Cell) -> Cell {
    match cell {
        Cell::Text(text) if text.contains('\0') => Cell::Text(text.replace('\0', " ")),
        cell => cell.clone(),
    }
}

statements! {
    static TABLES: Statement = Statement::only_postgres(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1"
    );

    /// Without the words of messages: `sql/src/reindex.rs` makes them again from the texts.
    static COLUMNS: Statement = Statement::only_postgres(
        "select attname::text, atttypid::regtype::text from pg_attribute \
         where attrelid = to_regclass($1) and attnum > 0 and not attisdropped \
         and not ($1 = 'message' and attname = 'words') order by attnum"
    );

    static LAST_ID: Statement = Statement::only_postgres(
        "select coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0)"
    );

    static SET_LAST_ID: Statement =
        Statement::only_postgres("select setval(pg_get_serial_sequence($1, 'id')::regclass, $2)");
}
