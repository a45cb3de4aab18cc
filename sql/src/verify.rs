//! Checks the consistency of a database: numbers without holes, references to existing rows, correct counts. It only
//! reads, from one snapshot, so servers may go on.

mod checks;

use crate::copy::COUNTED;
use crate::engine::{Row, Statement, Value, statements};
use crate::{Cell, Error, Result, Snapshot};
use checks::{Check, EVENTS_OF_NO_MESSAGE, EVERYWHERE, IN_POSTGRESQL, IN_SQLITE};

/// Examples that are reported for each kind of fault.
const EXAMPLES_MAX: usize = 5;

/// The fault of a sequence of ids that is behind the ids in use.
const IDS_AGAIN: &str = "ids will be given out again";

/// A kind of fault that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    /// The kind of fault.
    pub what: String,
    /// Some rows that have the fault, by their numbers.
    pub examples: Vec<String>,
    /// Whether there are more such rows.
    pub more: bool,
}

impl Snapshot {
    /// Looks for every kind of fault, and passes each fault to `found`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], or another error that keeps it from reading.
    pub fn verify(&mut self, mut found: impl FnMut(Inconsistency)) -> Result<()> {
        let is_sqlite = self.engine() == "sqlite";
        for check in self.checks() {
            let rows = match self.engine.run(&check.sql, &[]) {
                Err(Error::Corrupted(said)) => {
                    found(Inconsistency::damage(check, &said));
                    if is_sqlite {
                        continue;
                    }
                    return Ok(()); // After an error PostgreSQL runs no further statement in the transaction.
                }
                rows => rows?,
            };
            if let Some(finding) = Inconsistency::of(check, &rows) {
                found(finding);
            }
        }
        for table in COUNTED {
            self.verify_ids(table, &mut found)?;
        }
        self.verify_events(&mut found)
    }

    fn checks(&self) -> impl Iterator<Item = &'static Check> + use<> {
        let own = if self.engine() == "sqlite" { IN_SQLITE } else { IN_POSTGRESQL };
        EVERYWHERE.iter().chain(own)
    }

    /// Every kind of fault that [`Snapshot::verify`] looks for on this engine, by [`Inconsistency::what`].
    pub fn kinds_of_faults(&self) -> Vec<&'static str> {
        let checks = self.checks().map(|check| check.what);
        checks.chain([EVENTS_OF_NO_MESSAGE.what, IDS_AGAIN]).collect()
    }

    /// Checks that no event refers to a message that never existed. It may refer to a deleted one.
    fn verify_events(&mut self, found: &mut impl FnMut(Inconsistency)) -> Result<()> {
        let last = Value::Int(self.engine.last_id("message")?);
        let rows = self.engine.run(&EVENTS_OF_NO_MESSAGE.sql, &[last])?;
        Inconsistency::of(&EVENTS_OF_NO_MESSAGE, &rows).into_iter().for_each(found);
        Ok(())
    }

    /// Checks that the next id of a table was never used.
    fn verify_ids(&mut self, table: &str, found: &mut impl FnMut(Inconsistency)) -> Result<()> {
        let sql = match table {
            "account" => &LAST_ACCOUNT,
            "conversation" => &LAST_CONVERSATION,
            "message" => &LAST_MESSAGE,
            "session" => &LAST_SESSION,
            _ => &LAST_REVOCATION,
        };
        let highest = self.engine.run(sql, &[])?.first().map_or(Ok(0), |row| row.int(0))?;
        let last = self.engine.last_id(table)?;
        if highest > last {
            found(Inconsistency {
                what: IDS_AGAIN.to_owned(),
                examples: vec![format!(
                    "{table} {highest} is there, and the next would be {}",
                    last + 1
                )],
                more: false,
            });
        }
        Ok(())
    }
}

impl Inconsistency {
    fn of(check: &Check, rows: &[Row]) -> Option<Self> {
        let examples = rows.iter().take(EXAMPLES_MAX).map(|row| example(check, row)).collect();
        let what = check.what.to_owned();
        (!rows.is_empty()).then_some(Self { what, examples, more: rows.len() > EXAMPLES_MAX })
    }

    fn damage(check: &Check, said: &str) -> Self {
        let what = format!("the database is damaged (while looking whether {})", check.what);
        Self { what, examples: vec![said.to_owned()], more: false }
    }
}

/// Formats a row that has a fault, such as `account 5, seq 7`.
fn example(check: &Check, row: &Row) -> String {
    let named = check.names.iter().zip(&row.0).map(|(name, cell)| match cell {
        Cell::Int(number) => format!("{name} {number}"),
        Cell::Text(text) => format!("{name} {text}"),
        Cell::Null | Cell::Bytes(_) => format!("{name} unknown"),
    });
    named.collect::<Vec<_>>().join(", ")
}

statements! {
    static LAST_ACCOUNT: Statement = Statement::both("select coalesce(max(id), 0) from account");

    static LAST_CONVERSATION: Statement = Statement::both("select coalesce(max(id), 0) from conversation");

    static LAST_MESSAGE: Statement = Statement::both("select coalesce(max(id), 0) from message");

    static LAST_SESSION: Statement = Statement::both("select coalesce(max(id), 0) from session");

    static LAST_REVOCATION: Statement = Statement::both("select coalesce(max(id), 0) from revocation");
}
