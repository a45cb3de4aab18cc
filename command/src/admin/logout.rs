//! `admin logout`: ends all sessions of an account.

use anyhow::Result;
use sql::Store;

use super::{OneAccount, find};

pub(crate) fn run(args: &OneAccount, store: &Store) -> Result<()> {
    let account = find(store, &args.email)?;
    let count = store.end_all_sessions(account.id, store.now())?;
    telemetry::log::print_line(&format!("{}: {count} sessions have ended", account.email));
    Ok(())
}
