//! Runs the stories on servers that are running already, or is a server that checks a client.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use acceptance::{Endpoints, STORIES, Story, check_client, run_stories};
use clap::Parser;

/// Says which of the protocol's promises a running Messenger keeps, or with --check-client: a client.
///
/// Start the servers with `--signup-rate 0 --message-rate 0`: hundreds of people sign up here from one address.
#[derive(Parser)]
struct Args {
    /// The chat server
    #[arg(long, value_name = "ws://HOST:PORT", required_unless_present = "check_client")]
    chat: Option<String>,
    /// The auth server of its accounts; without it the chat server's people are guests
    #[arg(long, value_name = "http://HOST:PORT")]
    auth: Option<String>,
    /// How many stories run at once
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Listen here for a client to check. It is account 1, with any token, and is to say something to account 2
    #[arg(long, alias = "judge", value_name = "HOST:PORT", conflicts_with = "chat")]
    check_client: Option<String>,
    /// For how many seconds a client must stay away that was turned away
    #[arg(long, value_name = "SECONDS", default_value_t = 40, requires = "check_client")]
    away: u64,
    /// Which stories; all that fit when none is named
    #[arg(value_name = "STORY")]
    stories: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let has_passed = match &args.check_client {
        Some(address) => check_client_at(address, Duration::from_secs(args.away)),
        None => run_all(&args),
    };
    match has_passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::from(2)
        }
    }
}

fn check_client_at(address: &str, away: Duration) -> anyhow::Result<bool> {
    let listener = TcpListener::bind(address)?;
    let mut out = io::stdout();
    let _ = writeln!(out, "listening on ws://{}", listener.local_addr()?);
    let outcomes = check_client(listener, away, &mut out)?;
    let failed = outcomes.iter().filter(|it| it.kept.is_err()).count();
    let _ = writeln!(out, "{} promises, {failed} not kept", outcomes.len());
    Ok(failed == 0)
}

fn run_all(args: &Args) -> anyhow::Result<bool> {
    let chat = args.chat.as_deref().unwrap_or_default();
    let endpoints = Endpoints::new(chat, args.auth.as_deref());
    let is_wanted = |story: &&Story| {
        args.stories.is_empty() || args.stories.iter().any(|name| name == story.name)
    };
    let (fitting, others): (Vec<_>, Vec<_>) =
        STORIES.iter().filter(is_wanted).partition(|story| story.fits(&endpoints));
    if let Some(name) = args.stories.iter().find(|name| STORIES.iter().all(|it| it.name != **name))
    {
        anyhow::bail!("no story is called {name}");
    }
    let failed = run_stories(&fitting, &endpoints, args.at_once.max(1), io::stdout());
    let _ = writeln!(
        io::stdout(),
        "{} told, {} failed, {} not for this endpoints",
        fitting.len(),
        failed.len(),
        others.len()
    );
    Ok(failed.is_empty())
}
