//! The identity of a database: by it a replica is told from servers that have another history.

use crate::engine::{Engine, Row, Statement, statements};
use crate::{Error, Result};

/// The database of a server, and the history that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The identifier of the cluster, which a standby inherits, and the number of the database in it.
    database: String,
    /// The timeline of the write-ahead log. A standby that is promoted begins a new one.
    timeline: i64,
    /// The start of the server, in microseconds; `None`: it is a standby.
    primary_since: Option<i64>,
}

impl Identity {
    /// The identity of the database of this connection.
    pub(super) fn read(engine: &mut dyn Engine) -> Result<Self> {
        let mut rows = engine.run(&IDENTITY, &[])?;
        let row = rows.first_mut();
        row.map_or_else(
            || Err(Error::Internal("the database has no identity".to_owned())),
            Self::of,
        )
    }

    pub(super) fn of(row: &mut Row) -> Result<Self> {
        let (timeline, primary_since) = (row.int(1)?, row.maybe_int(2)?);
        Ok(Self { database: row.text(0)?, timeline, primary_since })
    }

    /// Why the server with this identity is no replica of `primary`; `None` if it is one, or if it is `primary` itself.
    pub(super) fn difference_to(&self, primary: &Self) -> Option<String> {
        let is_other_primary =
            self.primary_since.is_some() && self.primary_since != primary.primary_since;
        if self.database != primary.database || is_other_primary {
            let reason = "it is no streaming replica of the database; see --database-replica";
            return Some(reason.to_owned());
        }
        (self.timeline != primary.timeline).then(|| {
            let (own, other) = (self.timeline, primary.timeline);
            format!("it is on timeline {own}, the database on timeline {other}")
        })
    }
}

statements! {
    /// A standby records a new timeline with its next restartpoint, or when it writes a page that was changed on that timeline.
    pub(super) static IDENTITY: Statement = Statement::only_postgres(
        "select cast(c.system_identifier as text) || ' ' || cast(d.oid as text), cast(case when pg_is_in_recovery() \
         then greatest((pg_control_checkpoint()).timeline_id, (pg_control_recovery()).min_recovery_end_timeline) \
         else cast(cast('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8) as bit(32)) as integer) end as bigint), \
         case when not pg_is_in_recovery() \
         then cast(extract(epoch from pg_postmaster_start_time()) * 1000000 as bigint) end \
         from pg_control_system() c, pg_database d where d.datname = current_database()"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_written_to_by_itself_is_no_replica() {
        let database = Identity { database: "1 2".to_owned(), timeline: 3, primary_since: Some(4) };
        let standby = Identity { primary_since: None, ..database.clone() };
        let copy = Identity { primary_since: Some(5), ..database.clone() };
        let left_behind = Identity { timeline: 2, ..standby.clone() };
        assert_eq!(standby.difference_to(&database), None);
        assert_eq!(database.difference_to(&database), None);
        assert!(copy.difference_to(&database).unwrap().contains("no streaming replica"));
        let reason = left_behind.difference_to(&database).unwrap();
        assert_eq!(reason, "it is on timeline 2, the database on timeline 3");
    }
}
