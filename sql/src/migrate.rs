//! Brings the schema up to date: numbered scripts, never changed once released, one transaction each.

use crate::engine::{Engine, Value};
use crate::pool::Requester;
use crate::{Error, OpenError, Store};

/// Why the schema is not up to date.
pub(crate) enum Failed {
    Newer(OpenError),
    Store(Error),
}

/// Runs what is missing. Several nodes may do so at once: each script runs under a lock, once.
pub(crate) fn up(store: &Store) -> Result<(), Failed> {
    loop {
        match store.write(Requester::Server, step).map_err(Failed::Store)? {
            Step::Done => return Ok(()),
            Step::Ran(version) => tracing::info!(version, "schema migrated"),
            Step::Newer { found, known } => {
                return Err(Failed::Newer(OpenError::NewerSchema { found, known }));
            }
        }
    }
}

enum Step {
    Done,
    Ran(i64),
    Newer { found: i64, known: i64 },
}

fn step(engine: &mut dyn Engine) -> crate::Result<Step> {
    engine.lock_schema()?;
    let rows = engine.run("select coalesce(max(version), 0) from schema_version", &[])?;
    let found = rows.first().map_or(Ok(0), |row| row.int(0))?;
    let migrations = engine.migrations();
    let known = migrations.last().map_or(0, |(version, _)| *version);
    if found > known {
        return Ok(Step::Newer { found, known });
    }
    let Some((version, script)) = migrations.iter().find(|(version, _)| *version > found) else {
        return Ok(Step::Done);
    };
    engine.script(script)?;
    engine.run("insert into schema_version (version) values ($1)", &[Value::Int(*version)])?;
    Ok(Step::Ran(*version))
}
