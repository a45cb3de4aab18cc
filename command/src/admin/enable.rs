//! `admin enable`: lets an account in again.

use anyhow::{Result, ensure};
use sql::Store;

use super::{OneAccount, find};

pub(crate) fn run(args: &OneAccount, store: &Store) -> Result<()> {
    let account = find(store, &args.email)?;
    ensure!(store.enable_account(account.id)?, "the account has just been deleted");
    telemetry::log::print_line(&format!("{} can log in again", account.email));
    Ok(())
}
