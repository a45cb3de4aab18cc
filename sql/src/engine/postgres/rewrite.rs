//! Removes the data of deleted accounts from PostgreSQL's files. After a `delete`, PostgreSQL leaves the old rows in its
//! files until their space is used again.
//!
//! The command `cluster` writes a table and its indexes anew, without the deleted rows. It keeps the rows that an older
//! snapshot may still see, so transactions that read the table meanwhile are not disturbed. (An `alter table` that rewrites
//! the table does not: to an older snapshot the table then looks empty, and `pg_dump` would write a copy without accounts.)
//! So a deleted account is erased only once no snapshot is older than its deletion.

use std::collections::HashSet;
use std::time::Duration;

use postgres::error::SqlState;

use super::Postgres;
use crate::engine::{Engine, Statement, Value, statements};
use crate::limit::ANSWER_GRACE;
use crate::{Error, Result};

/// The tables with personal data, each with its primary key. They are rewritten one at a time, so that no lock is held while
/// another one is requested: other transactions may lock the two tables in any order.
const PERSONAL: [(&str, &str); 3] = [
    ("push_subscription", "push_subscription_pkey"),
    ("session", "session_pkey"),
    ("account", "account_pkey"),
];
/// How long to wait for the lock on a table. Statements of others that need the table queue behind this request.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// How long the rewriting of one table may take. It is enough for some seven million accounts on a busy machine.
const REWRITE_TIMEOUT: Duration = Duration::from_secs(60);

impl Postgres {
    /// Rewrites the tables with personal data, unless a process tried so less than `interval` ago. Returns the accounts among
    /// `accounts` (which are deleted) of which no data is left in these tables.
    pub(super) fn rewrite_personal(
        &mut self,
        accounts: &[i64],
        interval: Duration,
    ) -> Result<Vec<i64>> {
        if self.run(&TRY_LOCK, &[])?.is_empty() {
            return Ok(Vec::new());
        }
        let done = self.rewrite_in_turn(accounts, interval);
        let unlocked = self.run(&UNLOCK, &[]);
        done.and_then(|done| unlocked.map(|_| done))
    }

    fn rewrite_in_turn(&mut self, accounts: &[i64], interval: Duration) -> Result<Vec<i64>> {
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        if self.run(&TAKE_TURN, &[Value::Int(interval)])?.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(reason) = self.not_owned()? {
            return Err(Error::Unavailable(reason));
        }
        let unseen = self.unseen(accounts)?;
        PERSONAL.iter().try_for_each(|(table, index)| self.rewrite(table, index))?;
        Ok(unseen)
    }

    /// The accounts among `accounts` that no snapshot can see any more. They stay unseen, since a new snapshot is never older
    /// than all existing ones.
    fn unseen(&mut self, accounts: &[i64]) -> Result<Vec<i64>> {
        // Within one transaction `age` counts from the same transaction id each time, so the ages can be compared.
        self.begin()?;
        let read =
            self.run(&SNAPSHOTS, &[]).and_then(|found| Ok((found, self.run(&DELETIONS, &[])?)));
        self.rollback()?;
        let (mut snapshots, deletions) = read?;
        let oldest = snapshots.first().map(|row| row.int(1)).transpose()?;
        let accounts: HashSet<i64> = accounts.iter().copied().collect();
        let (mut unseen, mut newest) = (Vec::new(), None::<i64>);
        for row in deletions {
            let (account, age) = (row.int(0)?, row.int(1)?);
            if !accounts.contains(&account) {
                continue;
            }
            newest = Some(newest.map_or(age, |newest| newest.min(age)));
            if oldest.is_none_or(|oldest| oldest < age) {
                unseen.push(account);
            }
        }
        let Some(newest) = newest.filter(|_| unseen.is_empty()) else { return Ok(unseen) };
        let mut holders = Vec::new();
        for row in &mut snapshots {
            if row.int(1)? >= newest {
                holders.extend(row.maybe_text(0)?);
            }
        }
        if holders.is_empty() {
            return Err(Error::Unavailable(
                "transactions have just ended that began earlier".to_owned(),
            ));
        }
        Err(Error::Unavailable(format!(
            "what was deleted may still be seen by {}: wait for its end, or end it \
             (pg_terminate_backend, rollback prepared, pg_drop_replication_slot)",
            holders.join(" and ")
        )))
    }

    fn rewrite(&mut self, table: &'static str, index: &str) -> Result<()> {
        let (wait, work) = (LOCK_TIMEOUT.as_millis(), REWRITE_TIMEOUT.as_millis());
        // The lock keeps everybody from reading, so it is not held until a standby has the new file. Nothing else changes.
        let text = format!(
            "begin; set local synchronous_commit = local; set local lock_timeout = {wait}; set local statement_timeout = {work}; \
             cluster {table} using {index}; commit"
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
            _ => Err(error.into()),
        }
    }

    fn holders(&mut self, table: &str) -> Result<String> {
        let mut holders = self.run(&HOLDERS, &[Value::Text(table)])?;
        let holders: Vec<_> = holders.iter_mut().map(|row| row.text(0)).collect::<Result<_>>()?;
        if holders.is_empty() {
            return Ok(format!("the table {table} was locked by others"));
        }
        Ok(format!(
            "the table {table} is locked by {}: wait for its end, or end it (pg_terminate_backend, rollback prepared)",
            holders.join(" and ")
        ))
    }

    /// The reason why this role cannot rewrite the tables; `None` if it can.
    pub(super) fn not_owned(&mut self) -> Result<Option<String>> {
        let mut rows = self.run(&NOT_OWNED, &[])?;
        let Some(role) = rows.first_mut().map(|row| row.text(0)).transpose()? else {
            return Ok(None);
        };
        let tables: Vec<_> = rows.iter_mut().map(|row| row.text(1)).collect::<Result<_>>()?;
        let owner = |table: &String| format!("alter table {table} owner to \"{role}\"");
        let all: Vec<_> = tables.iter().map(owner).collect();
        Ok(Some(format!(
            "the role {role} does not own {}, and only an owner can overwrite what deleted accounts leave in PostgreSQL's files: {}",
            tables.join(", "),
            all.join("; ")
        )))
    }
}

statements! {
    /// The number is arbitrary. The lock is held during the rewriting, so that one process at a time does it.
    static TRY_LOCK: Statement = Statement::only_postgres(
        "select 1 where pg_try_advisory_lock(7236838)"
    );

    static UNLOCK: Statement = Statement::only_postgres(
        "select 1 where pg_advisory_unlock(7236838)"
    );

    /// The row with account 0 has the time at which any process last rewrote the tables, or tried to. The statement returns
    /// no row if that was less than $1 milliseconds ago. If the clock was set back, the tables may be rewritten again.
    static TAKE_TURN: Statement = Statement::only_postgres(
        "insert into erasure (account, at) values (0, (extract(epoch \
         from clock_timestamp()) * 1000)::bigint) on conflict (account) do update set at = excluded.at \
         where erasure.at <= excluded.at - $1 or erasure.at > excluded.at returning account"
    );

    /// The holders of snapshots that may still see deleted rows, the oldest first, each with its age in transactions. A
    /// transaction of another database counts if it has an id, since it keeps new snapshots old. A running `vacuum` does not
    /// count. The row without a name is this statement's own snapshot. It is taken first, so it covers transactions that end
    /// while the statement reads the lists.
    static SNAPSHOTS: Statement = Statement::only_postgres(
        "select h.holder, h.age from ( select 'process ' || a.pid || coalesce(' (' || nullif(a.application_name, \
         '') || ')', '') || coalesce(', for ' || extract(epoch from now() - a.xact_start)::bigint || ' s', '') as \
         holder, greatest(age(a.backend_xid), case when a.datname = current_database() \
         or a.datid is null then age(a.backend_xmin) end) as age from pg_stat_activity a \
         where a.pid <> pg_backend_pid() and not exists (select from pg_stat_progress_vacuum v \
         where v.pid = a.pid) union all select 'the prepared transaction ' || p.gid, age(p.transaction) \
         from pg_prepared_xacts p union all select 'the replication slot ' || s.slot_name, age(s.xmin) \
         from pg_replication_slots s union all select null, age(pg_snapshot_xmin(pg_current_snapshot())::xid) ) h \
         where h.age is not null order by h.age desc, h.holder limit 4"
    );

    /// The age of each account's deletion, in transactions. The deletion has inserted the row, so it is `xmin`.
    static DELETIONS: Statement = Statement::only_postgres("select account, age(xmin) from erasure");

    /// The processes and prepared transactions that hold a lock on a table. A prepared transaction has no process.
    static HOLDERS: Statement = Statement::only_postgres(
        "select coalesce('process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') || \
         coalesce(', for ' || extract(epoch from now() - a.xact_start)::bigint || ' s', ''), 'the prepared \
         transaction ' || p.gid, 'a transaction')::text from pg_locks l \
         left join pg_stat_activity a on a.pid = l.pid left join pg_locks t on l.pid is null \
         and t.virtualtransaction = l.virtualtransaction and t.locktype = 'transactionid' \
         left join pg_prepared_xacts p on p.transaction = t.transactionid where l.relation = to_regclass($1) \
         and l.granted and l.pid is distinct from pg_backend_pid() and l.database = (select oid \
         from pg_database where datname = current_database()) limit 3"
    );

    static NOT_OWNED: Statement = Statement::only_postgres(
        "select current_user::text, c.relname::text from pg_class c \
         where c.oid in (to_regclass('account'), to_regclass('session'), to_regclass('push_subscription')) and not pg_has_role(c.relowner, 'usage') \
         order by c.relname"
    );
}
