//! Restores a backup into an empty database, so that no client confuses old numbers with new ones.
//!
//! All numbers that are assigned after the restore, ids and positions in logs, are above one number, the *base*. The base is computed from
//! the time of the restore, so two restores of one backup do not assign the same numbers. All positions of a log are moved: events that
//! were acknowledged or trimmed before the backup end at the base and are not restored, and the other events follow the base. A client
//! that resumes at a position from before the restore gets the answer that the log no longer reaches back to it.

use std::collections::HashMap;

use crate::copy::{BACKUP_FORMATS, COUNTED, Column, TABLES, Transfer};
use crate::engine::postgres::Connector;
use crate::engine::sqlite::staged::StagedFile;
use crate::engine::{Cell, Purpose, StartError, Statement, Value, statements};
use crate::url::Backend;
use crate::{DatabaseUrl, Error, OpenError, Result, migrate};

/// The base is counted in whole seconds since this time: 2025-01-01.
const EPOCH_MS: i64 = 1_735_689_600_000;
/// The base grows by this number in a second. It is above all assigned numbers as long as fewer are assigned in a second on average.
const NUMBERS_A_SECOND: i64 = 1 << 17;
/// The distance from the highest assigned number to the base, if the base by the clock would be lower than that number.
const STEP: i64 = 1 << 32;
/// The highest base. Numbers of JavaScript are exact up to 2^53, so 2^48 numbers are left to be assigned after a restore.
const BASE_MAX: i64 = (1 << 53) - (1 << 48);

/// Rows that one statement inserts.
pub const RESTORED_ROWS: usize = 500;

/// The base of a restore at `now` of a backup with the highest number `highest`; `None` if no numbers are left.
pub(crate) fn base(highest: i64, now: i64) -> Option<i64> {
    let counted = (now - EPOCH_MS).div_euclid(1000).checked_mul(NUMBERS_A_SECOND)?;
    let base = if counted > highest { counted } else { highest.checked_add(STEP)? };
    (0..=BASE_MAX).contains(&base).then_some(base)
}

/// A database that is being restored. Nothing of it is visible before [`Restoration::finish`]. If it is dropped before, the target stays
/// empty.
pub struct Restoration {
    engine: Box<dyn Transfer>,
    /// The file that is being filled; `None` for PostgreSQL. It is dropped after the engine, which has it open.
    staged: Option<StagedFile>,
    place: String,
    base: i64,
    /// The last position of each log, by its account, that was acknowledged or trimmed.
    ends: HashMap<i64, i64>,
}

impl Restoration {
    /// Begins to restore a backup into an empty database. `form`: the number of its format; `highest`: its highest number
    /// ([`crate::Snapshot::highest`]); `now`: the time in milliseconds.
    ///
    /// # Errors
    /// [`OpenError`], also if the database is not empty, or the format is unknown.
    pub fn begin(
        url: &DatabaseUrl,
        form: i64,
        highest: i64,
        now: i64,
    ) -> std::result::Result<Self, OpenError> {
        let place = url.to_string();
        let refused = |error: String| OpenError::Refused { place: place.clone(), error };
        let form = BACKUP_FORMATS.iter().find(|it| it.number == form).ok_or_else(|| {
            refused(format!("this program knows no backup of form {form}: use a newer one"))
        })?;
        let broken = |error: Error| refused(error.to_string());
        let base = base(highest, now).ok_or_else(|| {
            refused(
                "there are no numbers left for what comes after it: is the clock right?".to_owned(),
            )
        })?;
        let (mut engine, staged) = empty(url)?;
        let begun = engine.begin().and_then(|()| engine.lock_schema_of_empty());
        begun.map_err(broken)?;
        let version = engine.version_of(form);
        migrate::make(&mut *engine, version).map_err(broken)?;
        Ok(Self { engine, staged, place, base, ends: HashMap::new() })
    }

    /// The columns of a table in the schema version of the backup.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn columns(&mut self, table: &str) -> Result<Vec<Column>> {
        self.engine.columns(table)
    }

    /// Inserts up to [`RESTORED_ROWS`] rows into one of [`TABLES`]. The tables must be filled in the order of that list.
    ///
    /// # Errors
    /// [`Error`]; then the restoration can only be dropped.
    pub fn insert(
        &mut self,
        table: &str,
        columns: &[Column],
        mut rows: Vec<Vec<Cell>>,
    ) -> Result<()> {
        if !TABLES.contains(&table) {
            return Err(Error::Internal(format!("no backup has a table {table}")));
        }
        self.renumber(table, columns, &mut rows)?;
        if rows.is_empty() { Ok(()) } else { self.engine.insert_rows(table, columns, &rows) }
    }

    /// Changes the positions of logs and events so that they follow the base.
    fn renumber(
        &mut self,
        table: &str,
        columns: &[Column],
        rows: &mut Vec<Vec<Cell>>,
    ) -> Result<()> {
        let at = |name: &str| {
            let found = columns.iter().position(|column| column.name == name);
            found.ok_or_else(|| Error::Internal(format!("{table} has no {name}")))
        };
        match table {
            "log" => {
                let (account, head) = (at("account")?, at("head")?);
                let (acknowledged, forgotten) = (at("acknowledged")?, at("forgotten")?);
                let ripe = at("ripe")?;
                for row in rows {
                    let old = number(&row[acknowledged])?.max(number(&row[forgotten])?);
                    self.ends.insert(number(&row[account])?, old);
                    for place in [head, acknowledged] {
                        row[place] = Cell::Int(self.base + number(&row[place])? - old);
                    }
                    row[forgotten] = Cell::Int(self.base);
                    row[ripe] = Cell::Int(self.base);
                }
            }
            "event" => {
                let (account, seq) = (at("account")?, at("seq")?);
                let mut kept = Vec::with_capacity(rows.len());
                for mut row in rows.drain(..) {
                    let old = self.ends.get(&number(&row[account])?).copied();
                    let place = number(&row[seq])? - old.unwrap_or(i64::MAX);
                    if place > 0 {
                        row[seq] = Cell::Int(self.base + place);
                        kept.push(row);
                    }
                }
                *rows = kept;
            }
            "message" => {
                let (sender, seq) = (at("sender")?, at("seq")?);
                for row in rows {
                    if let Some(old) = self.ends.get(&number(&row[sender])?) {
                        row[seq] = Cell::Int(self.base + number(&row[seq])? - old);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Migrates the schema to this program's version, and makes the database visible. All rows must have been inserted. `made_at`: the
    /// time of the backup, in milliseconds.
    ///
    /// # Errors
    /// [`OpenError`]; then nothing is restored, unless the text of the error says that the outcome is unknown.
    pub fn finish(mut self, made_at: i64) -> std::result::Result<(), OpenError> {
        let place = std::mem::take(&mut self.place);
        let refused = |error: String| OpenError::Refused { place: place.clone(), error };
        let broken = |error: Error| refused(error.to_string());
        self.engine.round_off().map_err(broken)?;
        for table in COUNTED {
            self.engine.set_last_id(table, self.base).map_err(broken)?;
        }
        let up = migrate::up(&mut *self.engine);
        let migrated = up.map_err(|error| error.into_open(refused))?;
        self.engine.run(&SET_CLOCK, &[Value::Int(made_at)]).map_err(broken)?;
        self.engine.commit().map_err(broken)?;
        migrated.keyless.log();
        drop(self.engine);
        let revealed = self.staged.map_or(Ok(()), StagedFile::publish);
        revealed.map_err(|error| refused(format!("it cannot be put in its place: {error}")))
    }
}

fn number(cell: &Cell) -> Result<i64> {
    match cell {
        Cell::Int(number) => Ok(*number),
        other => Err(Error::Internal(format!("{other:?} is no number"))),
    }
}

type Opened = (Box<dyn Transfer>, Option<StagedFile>);

fn empty(url: &DatabaseUrl) -> std::result::Result<Opened, OpenError> {
    let refused = |error: String| OpenError::Refused { place: url.to_string(), error };
    match &url.0 {
        Backend::Memory => Err(refused("what is in memory ends with its process".to_owned())),
        Backend::File(path) => {
            let staged = StagedFile::take(path).map_err(refused)?;
            match staged.open() {
                Ok(sqlite) => Ok((Box::new(sqlite), Some(staged))),
                Err(error) => Err(refused(error.to_string())),
            }
        }
        Backend::Postgres(config, tls, given) => {
            match Connector::new(config, tls, given)?.open(Purpose::Upkeep) {
                Ok(postgres) => Ok((Box::new(postgres), None)),
                Err(StartError::Permanent(said) | StartError::Transient(said)) => {
                    Err(refused(said))
                }
            }
        }
    }
}

statements! {
    /// Sets the recorded time to the time of the backup ($1), or of its last message if that is later. So a machine whose clock is ahead
    /// is in doubt, and deletes nothing because of its age.
    static SET_CLOCK: Statement = Statement::both(
        "update clock set doubted = 0, given = coalesce((select max(at) from message), 0), seen = \
         (select max(at) from (select cast($1 as bigint) as at union all select at from (select at \
         from message order by id desc limit 1) m) t) returning seen"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::statement::in_test;

    const NOW: i64 = 1_790_000_000_000;

    /// Of the schemas before invitations were counted.
    const OLDER: i64 = 2;

    #[test]
    fn an_older_copy_is_brought_up_to_date() {
        let directory = tempfile::tempdir().unwrap();
        let postgres = acceptance::Cluster::shared().unwrap().database().unwrap();
        for url in [DatabaseUrl::file(directory.path().join("a.db")), postgres.parse().unwrap()] {
            let mut restoration = Restoration::begin(&url, OLDER, 9, NOW).unwrap();
            let mut insert = |table: &str, row: &[(&str, Cell)]| {
                let known = restoration.columns(table).unwrap();
                let columns = row.iter().map(|(name, _)| known.iter().find(|it| it.name == *name));
                let columns: Vec<_> = columns.map(|it| it.unwrap().clone()).collect();
                let row = row.iter().map(|(_, cell)| cell.clone()).collect();
                restoration.insert(table, &columns, vec![row]).unwrap();
            };
            let text = |text: &str| Cell::Text(text.to_owned());
            for id in [1, 2] {
                let email = text(&format!("{id}@example.com"));
                let row = [
                    ("id", Cell::Int(id)),
                    ("email", email),
                    ("name", text("N")),
                    ("created_at", Cell::Int(1)),
                ];
                insert("account", &row);
                let row =
                    ["head", "acknowledged", "forgotten", "ripe"].map(|name| (name, Cell::Int(0)));
                insert("log", &[&[("account", Cell::Int(id))], &row[..]].concat());
            }
            let pair = [("id", 1), ("low", 1), ("high", 2), ("asker", 1), ("asks", 1)];
            insert("conversation", &pair.map(|(name, number)| (name, Cell::Int(number))));
            assert!(
                restoration.columns("conversation").unwrap().iter().all(|it| it.name != "open")
            );
            restoration.finish(NOW).unwrap();
            let snapshot = crate::Snapshot::open(&url).unwrap();
            assert_eq!(snapshot.form(), crate::BACKUP_FORMAT);
            drop(snapshot);
            // Its account has a key by now, and what was asked without an entry is no longer open.
            let store =
                crate::Store::open(&url, crate::ContactPolicy::Request, &|_| false).unwrap();
            let found = |sql| {
                store.read(crate::pool::Requester::Server, sql, &[], |row| row.int(0)).unwrap()
            };
            assert_eq!(
                found(in_test("select count(*) from account where email_key is not null")),
                [2]
            );
            assert_eq!(found(in_test("select open from conversation")), [0]);
        }
    }

    #[test]
    fn the_base_is_above_all_that_was_given_out_and_within_what_javascript_counts() {
        let first = base(1_000_000, NOW).unwrap();
        assert!(first > 1_000_000 + STEP && first < BASE_MAX);
        // The same copy again, a minute later, after as many numbers as a busy server gives out.
        assert!(base(1_000_000, NOW + 60_000).unwrap() > first + 60 * 100_000);
        // A copy of the restored database.
        assert!(base(first + 5_000, NOW + 60_000).unwrap() > first + 5_000);
        // The clock was ahead, or is behind.
        assert_eq!(base(first + 5_000, NOW - 60_000), Some(first + 5_000 + STEP));
        assert_eq!(base(7, 0), Some(7 + STEP));
        // Two million restores are possible all the same.
        assert!((BASE_MAX - first) / STEP > 1_900_000);
        let in_2200 = 7_258_118_400_000;
        assert!(base(first, in_2200).unwrap() < BASE_MAX);
        assert_eq!(base(BASE_MAX, NOW), None);
        assert_eq!(base(7, i64::MAX / 2), None);
    }
}
