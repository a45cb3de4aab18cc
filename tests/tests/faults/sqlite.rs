//! An SQLite file that another program holds, or that may only be read.

use std::path::PathBuf;
use std::process::Command;

use acceptance::Client;
use anyhow::Result;

use super::{METRICS, Watch, stores_nothing_until};
use crate::harness::{Arrangement, Deployment, not_tested};

fn until_mended(
    cause: impl FnOnce(&Deployment) -> Result<Option<Box<dyn FnOnce() -> Result<()>>>>,
) -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Pair, &[METRICS])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "before")?;
    let watch = Watch::begin(&mut deployment)?;
    if let Some(mend) = cause(&deployment)? {
        stores_nothing_until(&mut deployment, [&mut alice, &mut bob], mend)?;
    }
    watch.end(&deployment)
}

#[test]
fn an_sqlite_file_that_is_held_is_told_and_ends_by_itself() -> Result<()> {
    until_mended(|deployment| {
        let other = rusqlite::Connection::open(deployment.database_file())?;
        other.execute_batch("begin exclusive")?;
        Ok(Some(Box::new(move || Ok(other.execute_batch("rollback")?))))
    })
}

#[test]
fn an_sqlite_file_that_cannot_be_changed_is_told_and_ends_by_itself() -> Result<()> {
    until_mended(|deployment| {
        let held = Immutable(deployment.database_file().with_extension("db-wal"));
        if !held.set("+i")? {
            not_tested("making a file immutable needs root and a file system that can");
            return Ok(None);
        }
        Ok(Some(Box::new(move || {
            drop(held);
            Ok(())
        })))
    })
}

/// A file that nobody can change while this lives.
struct Immutable(PathBuf);

impl Immutable {
    fn set(&self, how: &str) -> Result<bool> {
        Ok(Command::new("chattr").arg(how).arg(&self.0).output()?.status.success())
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        let _ = self.set("-i");
    }
}
