//! `verify`: checks the contents of the database for contradictions, and the bytes of files if asked to.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use files::FileStore;
use sql::{DatabaseUrl, Inconsistency, Snapshot};

use crate::limit::NICENESS;
use crate::objects::{each_blob, object};
use crate::orphans;

/// The arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Read the bytes of all files too, and name those that are missing, damaged or of no file
    #[arg(long)]
    pub(crate) objects: bool,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl, files: Option<&FileStore>) -> Result<ExitCode> {
    let began = Instant::now();
    // The servers have priority. Without the right to change the priority the check runs all the same.
    let _ = rustix::process::nice(NICENESS);
    let listed = files.map(orphans::list).transpose()?.unwrap_or_default();
    let mut snapshot = Snapshot::open(url)?;
    ensure!(
        snapshot.form() == sql::BACKUP_FORMAT,
        "the database has an older schema (version {}) than this program checks: use `verify` of the program that runs on it, or start the \
         server of this one, which brings the schema up to date",
        snapshot.schema()
    );
    let (mut count, mut objects) = (0, Vec::new());
    snapshot.verify(|one| {
        count += 1;
        telemetry::log::print_line(&line(&one));
    })?;
    if args.objects {
        each_blob(&mut snapshot, |columns, row| objects.extend(object(columns, row)))?;
    }
    let orphans = orphans::find(listed, &mut snapshot)?;
    snapshot.close()?;
    for object in &objects {
        let files = files.context(crate::NO_FILE_STORE)?;
        if let Some(fault) = object.fault(files, began)? {
            count += 1;
            telemetry::log::print_line(&format!("problem  the object {} {fault}", object.name));
        }
    }
    for orphan in orphans {
        let path = orphan.path.display();
        telemetry::log::print_line(&format!("orphan   {path} is of no file of this database"));
    }
    if count > 0 {
        return Ok(ExitCode::FAILURE);
    }
    telemetry::log::print_line("everything holds together");
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Inconsistency) -> String {
    let more = if one.more { "; …" } else { "" };
    format!("problem  {}: {}{more}", one.what, one.examples.join("; "))
}
