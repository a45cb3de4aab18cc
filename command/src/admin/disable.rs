//! `admin disable`: locks an account out.

use anyhow::{Result, ensure};
use sql::Store;
use wire::Email;

use super::{email, find};

/// The arguments of `admin disable`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose account
    #[arg(value_parser = email)]
    email: Email,
}

pub(crate) fn run(args: &Args, store: &Store) -> Result<()> {
    let account = find(store, &args.email)?;
    let is_done = store.disable_account(account.id, crate::now())?;
    ensure!(is_done, "the account has just been deleted");
    telemetry::log::print_line(&format!(
        "{} is locked out, and its sessions have ended",
        account.email
    ));
    Ok(())
}
