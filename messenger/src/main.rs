//! `messenger`: the chat server and the auth server in one process, on one database.

mod banner;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use command::{Command, Settings};
use door::capacity::Means;
use door::limit::DRAIN_DEADLINE;
use door::{Listen, Listener, Shutdown, listen};
use sql::args::{DatabaseArgs, DefaultDatabase, OpenDatabaseError, UsageError};

/// A messenger for family, club or company: accounts, and messages that are never lost.
///
/// Starts the auth server and the chat server in one process, on an SQLite file in your data directory. `auth` and `chat`
/// are the same servers as programs of their own.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the chat server listens: ADDRESS:PORT, NAME:PORT, :PORT (all addresses) or unix:PATH, several separated by
    /// commas; port 0 takes a free one
    #[arg(
        long, env = "CHAT_LISTEN", value_name = "WHERE", default_value = chat::LISTEN_DEFAULT,
        value_delimiter = ','
    )]
    chat_listen: Vec<Listen>,
    /// Where the auth server listens, written as for `--chat-listen`
    #[arg(
        long, env = "AUTH_LISTEN", value_name = "WHERE", default_value = auth::LISTEN_DEFAULT,
        value_delimiter = ','
    )]
    auth_listen: Vec<Listen>,
    #[command(flatten)]
    chat: chat::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    door: door::args::Args,
    #[command(flatten)]
    exit: door::exit_flags::ExitFlags,
}

fn main() -> ExitCode {
    door::thread::give_back_large_blocks();
    let cli = Cli::parse();
    if let Some(code) = cli.exit.run::<Cli>(&[&cli.chat_listen, &cli.auth_listen]) {
        return code;
    }
    let done = match &cli.command {
        Some(command) => command.run(&cli.database, &settings(&cli)),
        None => run(&cli).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        door::log::last_word(&format!("messenger: {error:#}"));
        ExitCode::from(if error.is::<UsageError>() { 2 } else { 1 })
    })
}

/// What `doctor` is to know.
fn settings(cli: &Cli) -> Settings<'_> {
    let means = Means::of_this_process().shared_by(2);
    let chat = cli.chat.config(&cli.door, means).door;
    let auth = cli.auth.config(&cli.door, means).door;
    Settings {
        listen: [&cli.chat_listen[..], &cli.auth_listen].concat(),
        door: &cli.door,
        connections: vec![(chat.name, chat.connections_max), (auth.name, auth.connections_max)],
    }
}

fn run(cli: &Cli) -> Result<()> {
    let url = cli.database.resolve(DefaultDatabase::DataDirectory)?.context("no database")?;
    cli.door.init_log();
    let shutdown = Shutdown::new();
    door::shutdown::on_signals(&shutdown, std::io::stdin().is_terminal())?;
    let bind = |entries: &[Listen], flag| {
        Listener::bind(entries).with_context(|| {
            let wanted = listen::list(entries);
            format!("cannot listen on {wanted}; choose another with {flag}")
        })
    };
    let at_chat = bind(&cli.chat_listen, "--chat-listen")?;
    let at_auth = bind(&cli.auth_listen, "--auth-listen")?;
    let banner = banner::text(at_chat.endpoints(), at_auth.endpoints(), &url);
    let means = Means::of_this_process().shared_by(2);
    let (chat_config, auth_config) =
        (cli.chat.config(&cli.door, means), cli.auth.config(&cli.door, means));
    let at_chat = at_chat.begin(chat_config.door.clone(), &shutdown)?;
    let at_auth = at_auth.begin(auth_config.door.clone(), &shutdown)?;
    let ready = door::ops::Ready::default();
    let asked = ready.clone();
    if let Some(address) = cli.door.metrics_listen {
        let all = [door::metrics::all(), chat::metrics::all(), auth::metrics::all()];
        let registry = all.into_iter().flatten().collect();
        let taken = door::ops::serve(address, registry, move || asked.check(), &shutdown)
            .with_context(|| {
                format!("cannot listen on {address}; choose another with --metrics-listen")
            })?;
        tracing::info!("metrics listening on {}", taken.listening("http"));
    }
    let store = match cli.database.open(&url, |time| shutdown.wait_for(time)) {
        Err(OpenDatabaseError::Open(sql::OpenError::Stopped)) => return Ok(()),
        opened => Arc::new(opened?),
    };
    let chat = chat::serve(&chat_config, at_chat, Some(Arc::clone(&store)), &shutdown)?;
    let sockets = Box::new(chat.handler());
    let auth = auth::serve(&auth_config, at_auth, Arc::clone(&store), &shutdown, Some(sockets))?;
    let (chat_ready, auth_ready) = (chat.readiness(), auth.readiness());
    ready.set(move || chat_ready().and_then(|()| auth_ready()));
    door::notify::ready();
    door::log::say(&banner);
    shutdown.wait();
    let deadline = Instant::now() + DRAIN_DEADLINE;
    chat.finish(deadline, |time| auth.wait(time));
    auth.wait(deadline.saturating_duration_since(Instant::now()));
    store.checkpoint();
    Ok(())
}
