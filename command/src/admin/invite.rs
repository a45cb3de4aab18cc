//! `admin invite`: an invitation to sign up.

use std::io::IsTerminal as _;

use anyhow::{Result, ensure};
use sql::{Invitation, Store};
use wire::{Email, Token};

use crate::limit::{INVITATION_DAYS, INVITATION_DAYS_MAX, INVITATION_USES_MAX};
use crate::{DAY_MS, Settings, link};

/// The arguments of `admin invite`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The only email that can sign up with it
    #[arg(long, value_name = "EMAIL", value_parser = chosen)]
    email: Option<Email>,

    /// How many can sign up with it
    #[arg(
        long, value_name = "COUNT", default_value_t = 1,
        value_parser = clap::value_parser!(i64).range(1..=INVITATION_USES_MAX)
    )]
    uses: i64,

    /// How many days it is good for
    #[arg(
        long, value_name = "DAYS", default_value_t = INVITATION_DAYS,
        value_parser = clap::value_parser!(i64).range(1..=INVITATION_DAYS_MAX)
    )]
    days: i64,

    /// Print `{"link","code","expires_at"}`
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, store: &Store, settings: &Settings<'_>) -> Result<()> {
    if let Some(email) = &args.email {
        let is_free = store.find_by_email(&email.text)?.is_none();
        ensure!(is_free, "{} has an account already", email.text);
    }
    let (code, expires_at) = make(store, args.email.as_ref(), args.uses, args.days)?;
    link::print(&link(&link::base(settings), &code), &code, expires_at, args.json);
    Ok(())
}

/// What a server that starts with `--signup invite` tells the person who has started it, while nobody has an account yet. On a
/// terminal that is a link with a new invitation; elsewhere, where it may be kept, the command that makes one.
pub fn print_first_invitation(store: &Store, program: &str, base: &str) {
    match first_invitation(store, program, base, std::io::stdout().is_terminal()) {
        Ok(Some(text)) => telemetry::log::print_line(&text),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the first invitation cannot be created"),
    }
}

fn first_invitation(
    store: &Store,
    program: &str,
    base: &str,
    is_terminal: bool,
) -> Result<Option<String>> {
    if store.has_accounts()? {
        return Ok(None);
    }
    if !is_terminal {
        return Ok(Some(format!(
            "Nobody has an account yet, and signing up takes an invitation. Make one: {program} admin invite"
        )));
    }
    let (code, _) = make(store, None, 1, INVITATION_DAYS)?;
    let link = link(base, &code);
    Ok(Some(format!(
        "Nobody has an account yet. Sign up with this invitation: {link}\nMake more: {program} admin invite"
    )))
}

/// Stores an invitation that ends in so many days; its code, and when it ends.
fn make(store: &Store, email: Option<&Email>, uses: i64, days: i64) -> Result<(Token, i64)> {
    let (code, now) = (link::mint()?, store.now());
    let expires_at = now + days * DAY_MS;
    let email = email.map(|email| code.hash_with(email.identity()));
    store.add_invitation(&Invitation { hash: code.hash(), email, uses, now, expires_at })?;
    Ok((code, expires_at))
}

fn link(base: &str, code: &Token) -> String {
    format!("{base}/#invite={}", code.expose())
}

/// An email that somebody can sign up with; for clap.
fn chosen(text: &str) -> Result<Email, String> {
    Email::chosen(text).map_err(str::to_owned)
}
