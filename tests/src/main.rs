//! Runs the acceptance stories against running servers, or is itself a server that checks a client.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use acceptance::{Endpoints, STORIES, Story, check_client, run_stories};
use clap::Parser;

/// Checks whether a running server keeps the promises of the protocol, or with --check-client whether a client does.
///
/// Start the servers with `--signup-rate 0 --message-rate 0`: the stories create hundreds of accounts from one address.
#[derive(Parser)]
struct Args {
    /// URL of the chat server
    #[arg(long, value_name = "ws://HOST:PORT", required_unless_present = "check_client")]
    chat: Option<String>,
    /// URL of the auth server; without it the chat server is tested in guest mode
    #[arg(long, value_name = "http://HOST:PORT")]
    auth: Option<String>,
    /// Stories that run at the same time
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Listen on this address for a client to check. The client is account 1, with any token; let it send a message to account 2
    #[arg(long, alias = "judge", value_name = "HOST:PORT", conflicts_with = "chat")]
    check_client: Option<String>,
    /// Seconds for which a client must not reconnect after it was refused with 4401
    #[arg(long, value_name = "SECONDS", default_value_t = 40, requires = "check_client")]
    away: u64,
    /// Names of the stories to run; by default all that the servers support
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
