//! `admin reset`: a link with which somebody sets a new password.

use anyhow::{Result, ensure};
use sql::{AccountCode, CodePurpose, Store};
use wire::Email;

use super::{email, find};
use crate::limit::RESET_HOURS;
use crate::{HOUR_MS, Settings, link};

/// The arguments of `admin reset`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose password
    #[arg(value_parser = email)]
    email: Email,

    /// Print `{"link","code","expires_at"}`
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, store: &Store, settings: &Settings<'_>) -> Result<()> {
    let account = find(store, &args.email)?;
    let (code, now) = (link::mint()?, store.now());
    let expires_at = now + RESET_HOURS * HOUR_MS;
    let (purpose, account, hash) = (CodePurpose::Reset, account.id, code.hash());
    let new = AccountCode { purpose, account, hash, email: None, now, expires_at };
    ensure!(store.add_account_code(&new)?, "the account has just been deleted");
    let link = format!("{}/#reset={}", link::base(settings), code.expose());
    link::print(&link, &code, expires_at, args.json);
    Ok(())
}
