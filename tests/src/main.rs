//! Tells the stories to servers that are running already.

use std::io::{self, Write};
use std::process::ExitCode;

use acceptance::{STORIES, Story, World, tell};
use clap::Parser;

/// Tells stories to a running Messenger and says which of its promises it keeps.
///
/// Start the servers with `--signup-rate 0 --message-rate 0`: hundreds of people sign up here from one address.
#[derive(Parser)]
struct Args {
    /// The chat server
    #[arg(long, value_name = "ws://HOST:PORT")]
    chat: String,
    /// The auth server of its accounts; without it the chat server's people are guests
    #[arg(long, value_name = "http://HOST:PORT")]
    auth: Option<String>,
    /// How many stories are told at once
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Which stories; all that fit when none is named
    #[arg(value_name = "STORY")]
    stories: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let world = World::new(&args.chat, args.auth.as_deref());
    let is_wanted = |story: &&Story| {
        args.stories.is_empty() || args.stories.iter().any(|name| name == story.name)
    };
    let (fitting, others): (Vec<_>, Vec<_>) =
        STORIES.iter().filter(is_wanted).partition(|story| story.fits(&world));
    let unknown = args.stories.iter().find(|name| STORIES.iter().all(|it| it.name != **name));
    let mut out = io::stdout();
    if let Some(name) = unknown {
        let _ = writeln!(out, "no story is called {name}");
        return ExitCode::from(2);
    }
    let failed = tell(&fitting, &world, args.at_once.max(1), io::stdout());
    let _ = writeln!(
        out,
        "{} told, {} failed, {} not for this world",
        fitting.len(),
        failed.len(),
        others.len()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
