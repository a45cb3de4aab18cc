//! `admin enable`: lets an account in again.

use anyhow::{Result, ensure};
use sql::Store;
use wire::Email;

use super::{email, find};

/// The arguments of `admin enable`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose account
    #[arg(value_parser = email)]
    email: Email,
}

pub(crate) fn run(args: &Args, store: &Store) -> Result<()> {
    let account = find(store, &args.email)?;
    ensure!(store.enable_account(account.id)?, "the account has just been deleted");
    telemetry::log::print_line(&format!("{} can log in again", account.email));
    Ok(())
}
