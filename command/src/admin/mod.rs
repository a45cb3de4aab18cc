//! `admin`: what an operator does with accounts, while servers run.

mod delete;
mod disable;
mod enable;
mod invite;
mod logout;
mod reports;
mod reset;
mod shown;
mod stats;
mod users;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sql::{Account, DatabaseUrl, Store};
use wire::Email;

use crate::Settings;
pub use invite::print_first_invitation;

/// The arguments of `admin`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Admin,
}

#[derive(Debug, clap::Subcommand)]
enum Admin {
    /// Make an invitation to sign up; prints its link, and its code
    Invite(invite::Args),
    /// Make a link with which somebody sets a new password, once, within 24 hours; prints it, and its code
    Reset(reset::Args),
    /// List all accounts
    Users(users::Args),
    /// Lock an account out: its sessions end, and nobody can log in
    Disable(OneAccount),
    /// Let an account in again
    Enable(OneAccount),
    /// Delete an account, as its owner could
    Delete(delete::Args),
    /// End all sessions of an account
    Logout(OneAccount),
    /// List the messages that people have reported, the oldest report first; or close the reports of one
    Reports(reports::Args),
    /// Count accounts, sessions, messages and bytes
    Stats(stats::Args),
}

/// The arguments of the commands that only need to know which account.
#[derive(Debug, clap::Args)]
struct OneAccount {
    /// The email of the account
    #[arg(value_parser = email)]
    email: Email,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl, settings: &Settings<'_>) -> Result<ExitCode> {
    if let Admin::Delete(args) = &args.command
        && let Some(code) = delete::refuse(args)
    {
        return Ok(code);
    }
    let store = Store::open_existing(url)?;
    warn_of_clock(&store);
    match &args.command {
        Admin::Invite(args) => invite::run(args, &store, settings),
        Admin::Reset(args) => reset::run(args, &store, settings),
        Admin::Users(args) => users::run(args, &store),
        Admin::Disable(args) => disable::run(args, &store),
        Admin::Enable(args) => enable::run(args, &store),
        Admin::Delete(args) => delete::run(args, &store),
        Admin::Logout(args) => logout::run(args, &store),
        Admin::Reports(args) => reports::run(args, &store),
        Admin::Stats(args) => stats::run(args, &store),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Says so if the machine's clock does not agree with the server's time. What is made now ends by that time.
fn warn_of_clock(store: &Store) {
    let ahead = store.clock_doubt() / 1000;
    if ahead != 0 {
        let (seconds, side) = (ahead.abs(), if ahead > 0 { "ahead of" } else { "behind" });
        telemetry::log::print_error(&format!(
            "the machine's clock is {seconds} s {side} the time that the server has recorded; if it is wrong, set it: links may \
             end earlier or later than they say"
        ));
    }
}

/// An email that an account may have; for clap.
fn email(text: &str) -> Result<Email, String> {
    Email::claimed(text).map_err(str::to_owned)
}

/// The account with this email.
fn find(store: &Store, email: &Email) -> Result<Account> {
    store
        .find_by_email(&email.text)?
        .with_context(|| format!("no account has the email {}", email.text))
}
