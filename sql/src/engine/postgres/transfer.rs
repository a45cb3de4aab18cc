//! Rows out of PostgreSQL and into it, whole tables at a time.

use std::time::{Duration, Instant};

use postgres::types::ToSql;

use super::Postgres;
use super::encode::{Column as Array, row};
use super::schema::TRY_LOCK_SCHEMA;
use crate::copy::{BackupFormat, Column, ColumnType, Transfer, names};
use crate::engine::{Cell, Engine, Statement, Value, statements};
use crate::{Error, OpenError, Result};

/// Rows that are fetched at once: of the longest texts 8 MiB.
const FETCHED: usize = 500;
/// How long one statement of a snapshot may take. One that counts goes through whole tables.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// How long a restore waits for the lock on the schema: a process that was killed holds it until PostgreSQL has noticed.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is tried meanwhile.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// A whole table is read as it lies, and what is compared with it is hashed or sorted; see `session` for what holds else. The rows are
/// written to a disk that may be slow while the transaction rests.
const SNAPSHOT: &str = "begin isolation level repeatable read, read only; \
    set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on; set local enable_material = on; \
    set local join_collapse_limit = 8; set local statement_timeout = '1h'; set local idle_in_transaction_session_timeout = '10min'";

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
        // The moment is that of the first look.
        self.script("select 1 from pg_class limit 1")
    }

    fn lock_schema_of_empty(&mut self) -> Result<()> {
        // A server that starts at this moment waits here, and then finds what was restored.
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
        let mut columns = Vec::new();
        for mut row in self.run(&COLUMNS, &[Value::Text(table)])? {
            let kind = match row.text(1)?.as_str() {
                "bigint" => ColumnType::Int,
                "text" => ColumnType::Text,
                "bytea" => ColumnType::Bytes,
                other => {
                    return Err(Error::Internal(format!("{table} has a column of type {other}")));
                }
            };
            columns.push(Column { name: row.text(0)?, kind });
        }
        Ok(columns)
    }

    /// By a cursor: like `copy`, but with a bound on each wait.
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
        Ok(()) // The planner's statistics come by themselves.
    }
}

/// SQLite may hold a NUL in a text from early on, which PostgreSQL does not. It becomes a space, so that bytes are counted the same.
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

    /// The words of a message are made again from its text: `sql/src/reindex.rs`.
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
