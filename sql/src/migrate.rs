//! Migrates the schema by numbered scripts. Scripts are never changed once they have landed. All missing scripts run in one
//! transaction.
//!
//! The database keeps the checksum of each script that it was migrated with. Early scripts were changed after they had landed. So the
//! engine's repair script first makes a database without checksums equal to others of its version.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::email::{KeylessAccounts, fill_keys};
use crate::engine::{Engine, StartError, Statement, Value, statements};
use crate::{Error, OpenError};

/// The reason why the schema cannot be migrated.
pub(crate) enum MigrateError {
    /// Trying again would not help.
    Schema(OpenError),
    Store(Error),
    Start(StartError),
}

impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        match error {
            Error::Open(error) => Self::Schema(*error),
            other => Self::Store(other),
        }
    }
}

/// The migrations that have run.
pub(crate) struct Migrated {
    /// The versions that were missing.
    versions: Vec<i64>,
    pub(crate) keyless: KeylessAccounts,
}

impl Migrated {
    /// Logs them. Must be called after the transaction is committed.
    pub(crate) fn log(&self) {
        for version in &self.versions {
            tracing::info!(version, "schema migrated");
        }
        self.keyless.log();
    }
}

/// The schema's version. An error if it was migrated with other scripts than this program has.
pub(crate) fn version(engine: &mut dyn Engine) -> crate::Result<i64> {
    let mut found = 0;
    for mut row in engine.run(&VERSIONS, &[])? {
        found = row.int(0)?;
        let script = engine.migrations().iter().find(|(version, _)| *version == found);
        let recorded = row.maybe_text(1)?;
        if let (Some((version, script)), Some(recorded)) = (script, recorded)
            && recorded != checksum(script)
        {
            return Err(OpenError::OtherSchema { version: *version }.into());
        }
    }
    Ok(found)
}

/// Creates the schema of this version in an empty database, in the transaction that has locked the schema.
pub(crate) fn make(engine: &mut dyn Engine, version: i64) -> crate::Result<()> {
    let scripts = engine.migrations().iter().take_while(|(one, _)| *one <= version);
    scripts.into_iter().try_for_each(|(version, script)| run_one(engine, *version, script))
}

fn run_one(engine: &mut dyn Engine, version: i64, script: &str) -> crate::Result<()> {
    engine.migrate(script)?;
    engine.run(&ADD_VERSION, &[Value::Int(version), Value::Text(&checksum(script))])?;
    Ok(())
}

/// Runs the missing migrations, in the transaction of the caller. If several nodes start at the same time, a lock lets one of them run
/// the migrations.
///
/// # Errors
/// [`MigrateError::Schema`] if the database belongs to another version of the program.
pub(crate) fn up(engine: &mut dyn Engine) -> crate::Result<Migrated> {
    engine.lock_schema()?;
    let mut recorded = Vec::new();
    for mut row in engine.run(&VERSIONS, &[])? {
        recorded.push((row.int(0)?, row.maybe_text(1)?));
    }
    let migrations = engine.migrations();
    let found = recorded.last().map_or(0, |(version, _)| *version);
    let known = migrations.last().map_or(0, |(version, _)| *version);
    if found > known {
        return Err(OpenError::NewerSchema { found, known }.into());
    }

    let mut is_repaired = false;
    for (version, script) in migrations.iter().filter(|(version, _)| *version <= found) {
        let expected = checksum(script);
        match recorded.iter().find(|(one, _)| one == version) {
            Some((_, Some(checksum))) if *checksum == expected => {}
            Some((_, Some(_))) => {
                return Err(OpenError::OtherSchema { version: *version }.into());
            }
            Some((_, None)) => {
                let (since, repair) = engine.repair();
                if !is_repaired && found >= since {
                    engine.migrate(repair)?;
                }
                is_repaired = true;
                engine.run(&SET_CHECKSUM, &[Value::Text(&expected), Value::Int(*version)])?;
            }
            None => return Err(OpenError::OtherSchema { version: *version }.into()),
        }
    }

    let mut versions = Vec::new();
    for (version, script) in migrations.iter().filter(|(version, _)| *version > found) {
        run_one(engine, *version, script)?;
        versions.push(*version);
    }
    Ok(Migrated { versions, keyless: fill_keys(engine)? })
}

/// SHA-256, in lower-case hexadecimal digits, as `sha256sum` writes it.
fn checksum(script: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(script))
}

statements! {
    static VERSIONS: Statement = Statement::both("select version, checksum from schema_version order by version");

    static ADD_VERSION: Statement = Statement::both("insert into schema_version (version, checksum) values ($1, $2)");

    static SET_CHECKSUM: Statement = Statement::both("update schema_version set checksum = $1 where version = $2");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::checksum;

    /// A script that has landed has made databases. To change the schema, add one, and a line to `SHA256SUMS` with it.
    #[test]
    fn scripts_that_have_landed_are_as_they_were() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let listed: BTreeMap<String, String> = include_str!("../migrations/SHA256SUMS")
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
            .collect();
        let mut there = BTreeMap::new();
        for engine in ["postgres", "sqlite"] {
            for entry in std::fs::read_dir(directory.join(engine)).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{engine}/{}", path.file_name().unwrap().to_str().unwrap());
                there.insert(name, checksum(&std::fs::read_to_string(&path).unwrap()));
            }
        }
        assert_eq!(there, listed);
    }
}
