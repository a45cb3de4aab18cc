//! What is personal, overwritten: PostgreSQL leaves deleted rows in its files until their space is used again.
//!
//! Setting a column's type, even to what it was, by an expression that is not the column itself, has PostgreSQL write the table
//! and its indices anew, with the rows that there are now. `vacuum full` would keep those that an older snapshot may still see,
//! and wait for whoever holds one; this waits only for whoever has locked the table itself.

use std::time::Duration;

use postgres::error::SqlState;

use super::{Engine as _, Postgres};
use crate::limit::ANSWER_GRACE;
use crate::{Error, Result};

/// The tables of what is personal, each with a column that nothing else depends on. One at a time: whoever reads both may have
/// locked them in any order.
const PERSONAL: [(&str, &str); 2] = [("session", "seen_at"), ("account", "epoch")];
/// How long to wait for a table's lock; whoever needs the table meanwhile waits too.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// How long writing one anew may take: that of some seven million accounts, on a machine with little to spare.
const REWRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Who keeps a table from being locked. Of a prepared transaction there is no process.
const HOLDERS: &str = "select coalesce('process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') \
     || coalesce(', for ' || extract(epoch from now() - a.xact_start)::bigint || ' s', ''), \
     'the prepared transaction ' || p.gid, 'a transaction')::text \
     from pg_locks l left join pg_stat_activity a on a.pid = l.pid \
     left join pg_locks t on l.pid is null and t.virtualtransaction = l.virtualtransaction and t.locktype = 'transactionid' \
     left join pg_prepared_xacts p on p.transaction = t.transactionid \
     where l.relation = to_regclass($1) and l.granted and l.pid is distinct from pg_backend_pid() \
     and l.database = (select oid from pg_database where datname = current_database()) limit 3";
const NOT_OWNED: &str = "select current_user::text, c.relname::text from pg_class c \
     where c.oid in (to_regclass('account'), to_regclass('session')) and not pg_has_role(c.relowner, 'usage')";

impl Postgres {
    /// Writes the tables of what is personal anew.
    pub(super) fn rewrite_personal(&mut self) -> Result<()> {
        PERSONAL.iter().try_for_each(|(table, column)| self.rewrite(table, column))
    }

    fn rewrite(&mut self, table: &'static str, column: &str) -> Result<()> {
        let (wait, work) = (LOCK_TIMEOUT.as_millis(), REWRITE_TIMEOUT.as_millis());
        let text = format!(
            "begin; set local lock_timeout = {wait}; set local statement_timeout = {work}; \
             alter table {table} alter column {column} type bigint using {column} + 0; commit"
        );
        let patience = self.client.set_patience(Some(REWRITE_TIMEOUT + ANSWER_GRACE));
        let done = self.client.batch_execute(&text);
        self.client.set_patience(patience);
        let Err(error) = done else { return Ok(()) };
        self.rollback()?;
        match error.code() {
            Some(state) if *state == SqlState::LOCK_NOT_AVAILABLE => {
                Err(Error::Unavailable(self.holders(table)?))
            }
            Some(state) if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
                Err(Error::Unavailable(self.not_owned()?.unwrap_or_else(|| error.to_string())))
            }
            _ => Err(error.into()),
        }
    }

    fn holders(&mut self, table: &str) -> Result<String> {
        let mut holders = self.run(HOLDERS, &[super::Value::Text(table)])?;
        let holders: Vec<_> = holders.iter_mut().map(|row| row.text(0)).collect::<Result<_>>()?;
        if holders.is_empty() {
            return Ok(format!("the table {table} was locked by others"));
        }
        Ok(format!(
            "the table {table} is locked by {}: wait for its end, or end it (pg_terminate_backend, rollback prepared)",
            holders.join(" and ")
        ))
    }

    /// Why this role cannot write the tables anew, if it cannot.
    pub(super) fn not_owned(&mut self) -> Result<Option<String>> {
        let mut rows = self.run(NOT_OWNED, &[])?;
        let Some(role) = rows.first_mut().map(|row| row.text(0)).transpose()? else {
            return Ok(None);
        };
        let tables: Vec<_> = rows.iter_mut().map(|row| row.text(1)).collect::<Result<_>>()?;
        let owner = |table: &String| format!("alter table {table} owner to \"{role}\"");
        let all: Vec<_> = tables.iter().map(owner).collect();
        Ok(Some(format!(
            "the role {role} does not own {}, and only an owner can overwrite what deleted accounts leave in PostgreSQL's files: {}",
            tables.join(" and "),
            all.join("; ")
        )))
    }
}
