//! `verify`: checks the contents of the database for contradictions.

use std::process::ExitCode;

use anyhow::Result;
use sql::{DatabaseUrl, Inconsistency, Snapshot};

use crate::limit::NICENESS;

pub(crate) fn run(url: &DatabaseUrl) -> Result<ExitCode> {
    // The servers have priority. Without the right to change the priority the check runs all the same.
    let _ = rustix::process::nice(NICENESS);
    let mut snapshot = Snapshot::open(url)?;
    let mut count = 0;
    snapshot.verify(|one| {
        count += 1;
        telemetry::log::print_line(&line(&one));
    })?;
    snapshot.close()?;
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
