//! `admin logout`: ends all sessions of an account.

use anyhow::Result;
use sql::Store;
use wire::Email;

use super::{email, find};

/// The arguments of `admin logout`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose sessions
    #[arg(value_parser = email)]
    email: Email,
}

pub(crate) fn run(args: &Args, store: &Store) -> Result<()> {
    let account = find(store, &args.email)?;
    let count = store.end_all_sessions(account.id, crate::now())?;
    telemetry::log::print_line(&format!("{}: {count} sessions have ended", account.email));
    Ok(())
}
