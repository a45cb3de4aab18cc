//! `admin disable`: locks an account out.

use anyhow::{Result, ensure};
use sql::Store;

use super::{OneAccount, find};

pub(crate) fn run(args: &OneAccount, store: &Store) -> Result<()> {
    let account = find(store, &args.email)?;
    let is_done = store.disable_account(account.id, store.now())?;
    ensure!(is_done, "the account has just been deleted");
    telemetry::log::print_line(&format!(
        "{} is locked out, and its sessions have ended",
        account.email
    ));
    Ok(())
}
