//! The database's record of the time.

use super::{ClockReading, State, is_step, ms};
use crate::engine::{Row, Statement, Value, statements};
use crate::limit::CLOCK_RECORD_INTERVAL;
use crate::pool::Requester;
use crate::{Result, Store};

/// The row of the table `clock`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// The trusted time at which the row was written; 0: never.
    pub(super) seen: i64,
    /// For how many milliseconds programs had been running while the clock was ahead.
    pub(super) doubted: i64,
    /// The latest time that a message may carry.
    pub(super) given: i64,
    /// The number of times that an operator has confirmed the clock.
    pub(super) confirmed: i64,
}

impl Record {
    fn read(row: &mut Row) -> Result<Self> {
        let [seen, doubted, given, confirmed] =
            [row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?];
        Ok(Self { seen, doubted, given, confirmed })
    }
}

impl Store {
    /// Sets the clock's state from the database's record, and records the time.
    pub(crate) fn begin_time(&self) -> Result<()> {
        self.read_time()?;
        self.record_time()
    }

    /// Sets the clock's state from the database's record, without recording the time.
    pub(crate) fn read_time(&self) -> Result<()> {
        let found = self.read(Requester::Server, &READ_CLOCK, &[], Record::read)?;
        let mut record = found.first().copied().unwrap_or_default();
        if record.seen == 0 {
            (record.seen, record.given) = self.last_time()?;
        }
        let database = self.database_clock()?;
        self.clock.lock().state = State::begin(record, database, ClockReading::now());
        Ok(())
    }

    /// The time of the newest message, and the latest time of the last message of any conversation; 0: there is none. They stand in for
    /// the record in databases of older versions and in restored ones.
    fn last_time(&self) -> Result<(i64, i64)> {
        let time = |sql| -> Result<i64> {
            let found = self.read(Requester::Server, sql, &[], |row| row.maybe_int(0))?;
            Ok(found.first().copied().flatten().unwrap_or(0))
        };
        Ok((time(&LAST_MESSAGE_TIME)?, time(&LAST_ENTRY_TIME)?))
    }

    /// Records the time, if that was not done lately or the clock was set since. Logs a warning if the machine's clock is in doubt.
    pub(crate) fn keep_time(&self) {
        let look = ClockReading::now();
        let is_due = self.clock.lock().recorded.is_none_or(|last| {
            let passed = look.steady - last.steady;
            passed >= ms(CLOCK_RECORD_INTERVAL) || is_step(look.wall - last.wall - passed)
        });
        if is_due {
            // Errors are ignored: both statements also count for the health check, which reports that the database is away.
            let _ = self.database_clock().and_then(|it| {
                self.clock.lock().state.database = it;
                self.record_time()
            });
        }
        self.clock_doubt();
        self.warn_of_clock();
    }

    pub(super) fn record_time(&self) -> Result<()> {
        let look = ClockReading::now();
        let mine = {
            let mut kept = self.clock.lock();
            kept.recorded = Some(look);
            let state = &mut kept.state;
            state.look(look);
            // Covers the times that messages get until the record is written again.
            let given = state.given.max(state.told + ms(CLOCK_RECORD_INTERVAL));
            let (seen, doubted, confirmed) = (state.trusted, state.doubted, state.confirmed);
            Record { seen, doubted, given, confirmed }
        };
        let params = [mine.confirmed, mine.seen, mine.doubted, mine.given].map(Value::Int);
        let mut rows = self.write_messages(|engine| engine.run(&RECORD_TIME, &params))?;
        let Some(theirs) = rows.first_mut().map(Record::read).transpose()? else { return Ok(()) };
        let state = &mut self.clock.lock().state;
        if theirs.confirmed != mine.confirmed {
            state.confirm(theirs.seen, theirs.confirmed, ClockReading::now());
        } else if theirs.seen > mine.seen && is_step(theirs.seen - mine.seen) {
            // Another program on this database has recorded a later time.
            state.trusted += theirs.seen - mine.seen;
        }
        if is_step(theirs.given - mine.given) {
            // That program has given messages a later time.
            state.given = theirs.given;
        }
        Ok(())
    }

    /// Records that the operator has confirmed the clock, also if the clock is earlier than the recorded time. Other programs of this
    /// database read the confirmation when they record their time.
    pub(super) fn record_confirmed(&self, look: ClockReading) -> Result<()> {
        let now = [Value::Int(look.wall)];
        let rows =
            self.write(Requester::Server, |engine| engine.run(&RECORD_CONFIRMED_TIME, &now))?;
        let confirmed = rows.first().map_or(Ok(0), |row| row.int(0))?;
        self.clock.lock().state.confirm(look.wall, confirmed, look);
        Ok(())
    }

    /// The database's own clock minus the monotonic clock, in milliseconds; `None` if the database has no clock of its own.
    fn database_clock(&self) -> Result<Option<i64>> {
        // The database reads its clock at some moment between this reading and its answer.
        let before = ClockReading::now();
        Ok(self.database_time()?.map(|time| time - before.steady))
    }
}

statements! {
    static READ_CLOCK: Statement = Statement::both("select seen, doubted, given, confirmed from clock");

    static LAST_MESSAGE_TIME: Statement = Statement::both("select at from message order by id desc limit 1");

    static LAST_ENTRY_TIME: Statement = Statement::both(
        "select max((select m.at from message m where m.id = (select e.message from entry e \
         where e.conversation = c.id order by e.message desc limit 1))) from conversation c"
    );

    /// A program that has not read the latest confirmation must not overwrite the record.
    static RECORD_TIME: Statement = Statement::both(
        "update clock set seen = case when confirmed = $1 and seen < $2 then $2 else seen end, doubted = case \
         when confirmed = $1 then $3 else doubted end, given = case when given < $4 then $4 else given end \
         returning seen, doubted, given, confirmed"
    );

    static RECORD_CONFIRMED_TIME: Statement = Statement::both(
        "update clock set seen = $1, doubted = 0, confirmed = confirmed + 1 returning confirmed"
    );
}
