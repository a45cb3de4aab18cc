//! `admin delete`: deletes an account, as its owner could.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use sql::Store;
use wire::Email;

use super::{email, find};

/// The arguments of `admin delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which account
    #[arg(value_parser = email)]
    email: Email,

    /// Without this nothing is deleted
    #[arg(long)]
    yes: bool,
}

/// What happens without `--yes`.
pub(crate) fn refuse(args: &Args) -> Option<ExitCode> {
    (!args.yes).then(|| {
        telemetry::log::print_error(&format!(
            "this deletes the account of {} for good, and nothing has been deleted yet: repeat it with --yes",
            args.email.text
        ));
        ExitCode::from(2)
    })
}

pub(crate) fn run(args: &Args, store: &Store) -> Result<()> {
    let account = find(store, &args.email)?;
    ensure!(store.delete_account(account.id, store.now())?, "the account has just been deleted");
    telemetry::log::print_line(&format!("{} is deleted", account.email));
    Ok(())
}
