//! The database's record of the time.

use super::{Look, State, ms};
use crate::engine::Value;
use crate::limit::CLOCK_RECORD_INTERVAL;
use crate::pool::Requester;
use crate::{Result, Store};

/// The row of the table `clock`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// The trusted time when it was written; 0: never.
    pub(super) seen: i64,
    /// For how long programs had been running while the clock was ahead.
    pub(super) doubted: i64,
    /// The latest time that a message may carry.
    pub(super) given: i64,
}

impl Store {
    /// Begins to know the time, from the database's record.
    pub(crate) fn begin_time(&self) -> Result<()> {
        let sql = "select seen, doubted, given from clock";
        let found = self.read(Requester::Server, sql, &[], |row| {
            Ok(Record { seen: row.int(0)?, doubted: row.int(1)?, given: row.int(2)? })
        })?;
        let mut record = found.first().copied().unwrap_or_default();
        let look = Look::now();
        if record.seen == 0 {
            // A database from before there was a record: it is not earlier than its last message.
            let sql = "select at from message order by id desc limit 1";
            let last = self.read(Requester::Server, sql, &[], |row| row.int(0))?;
            record.given = last.first().copied().unwrap_or(0);
            record.seen = if record.given > look.wall { record.given } else { 0 };
        }
        let database = self.database_ahead()?;
        self.clock.lock().state = State::begin(record, database, look);
        self.record_time()
    }

    /// Writes the time down if that was not done lately, and says so if the machine's clock is in doubt.
    pub(crate) fn keep_time(&self) {
        let is_due = {
            let steady = Look::now().steady;
            self.clock.lock().recorded.is_none_or(|at| steady - at >= ms(CLOCK_RECORD_INTERVAL))
        };
        if is_due {
            // While the database is away its health says so.
            let _ = self.database_ahead().map(|it| self.clock.lock().state.database = it);
            let _ = self.record_time();
        }
        self.clock_doubt();
        self.warn_of_clock();
    }

    fn record_time(&self) -> Result<()> {
        let look = Look::now();
        let (seen, doubted, given) = {
            let mut kept = self.clock.lock();
            kept.state.look(look);
            kept.recorded = Some(look.steady);
            // Until it is written down again.
            let given = kept.state.told + ms(CLOCK_RECORD_INTERVAL);
            (kept.state.trusted, kept.state.doubted, kept.state.given.max(given))
        };
        let sql = "update clock set seen = case when seen < $1 then $1 else seen end, doubted = $2, \
                   given = case when given < $3 then $3 else given end returning seen";
        let params = [seen, doubted, given].map(Value::Int);
        let rows = self.write(Requester::Server, |engine| engine.run(sql, &params))?;
        let Some(recorded) = rows.first().map(|row| row.int(0)).transpose()? else { return Ok(()) };
        let mut kept = self.clock.lock();
        // Another program of this database knows that it is later.
        if super::is_step(recorded - seen) && recorded > seen {
            kept.state.trusted += recorded - seen;
            kept.state.lead = (kept.state.lead - (recorded - seen)).max(0);
        }
        Ok(())
    }

    /// The operator has confirmed it, also if it is earlier than was recorded.
    pub(super) fn record_confirmed(&self, now: i64) -> Result<()> {
        let sql = "update clock set seen = $1, doubted = 0 returning seen";
        self.write(Requester::Server, |engine| engine.run(sql, &[Value::Int(now)]).map(drop))
    }

    /// How much more the database's own clock shows than the machine's; 0 if it has none.
    fn database_ahead(&self) -> Result<i64> {
        let before = Look::now();
        let time = self.database_time()?;
        // It was asked at some moment of the wait; the machine's clock is taken as it was before it.
        let waited = Look::now().steady - before.steady;
        Ok(time.map_or(0, |time| {
            let ahead = time - before.wall;
            if (0..=waited).contains(&ahead) { 0 } else { ahead }
        }))
    }
}
