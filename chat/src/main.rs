//! `chat`: the chat server as a program of its own.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use net::capacity::SystemLimits;
use net::limit::DRAIN_DEADLINE;
use net::{Listen, Listener, Shutdown, listen};
use sql::args::{DatabaseArgs, DefaultDatabase, OpenDatabaseError, UsageError};

/// Messenger's chat server: messages over WebSockets
///
/// Without a database clients are guests, numbered 1, 2, 3 … as they connect, and nothing is stored. With a database
/// clients authenticate with a token of the auth server, and a message is delivered once it is committed.
#[derive(Parser)]
#[command(version = VERSION.as_str())]
struct Cli {
    /// Where to listen: ADDRESS:PORT, NAME:PORT, :PORT (all addresses) or unix:PATH; several separated by commas; port
    /// 0 takes a free port
    #[arg(
        long, env = "CHAT_LISTEN", value_name = "WHERE", default_value = chat::LISTEN_DEFAULT,
        value_delimiter = ','
    )]
    listen: Vec<Listen>,
    #[command(flatten)]
    chat: chat::Args,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    http: http::args::Args,
    #[command(flatten)]
    exit: net::exit_flags::ExitFlags,
}

/// The text that `--version` prints after the program's name.
static VERSION: LazyLock<String> = LazyLock::new(|| telemetry::version!());

fn main() -> ExitCode {
    os_thread::give_back_large_blocks();
    let cli = Cli::parse();
    if let Some(code) = cli.exit.run::<Cli>(&[&cli.listen]) {
        return code;
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::log::print_error(&format!("chat: {error:#}"));
            let is_usage = error.is::<UsageError>() || error.is::<chat::BusError>();
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let database = cli.database.resolve(DefaultDatabase::None)?;
    let bus = cli.chat.bus(database.as_ref())?;
    cli.http.init_log();
    let shutdown = Shutdown::new();
    net::shutdown::on_signals(&shutdown, std::io::stdin().is_terminal())?;
    let listener = Listener::bind(&cli.listen).with_context(|| {
        let wanted = listen::list(&cli.listen);
        format!("cannot listen on {wanted}; choose another with --listen")
    })?;
    let config = cli.chat.config(&cli.http, SystemLimits::of_this_process());
    let config = chat::Config { bus, ..config };
    let opening = http::begin(listener, config.http.clone(), &shutdown)?;
    let ready = telemetry::health::Readiness::default();
    let asked = ready.clone();
    if let Some(address) = cli.http.metrics_listen {
        let registry = [net::metrics::all(), telemetry::metrics::all(), chat::metrics::all()]
            .into_iter()
            .flatten()
            .collect();
        let taken = http::ops::serve(address, registry, move || asked.check(), &shutdown)
            .with_context(|| {
                format!("cannot listen on {address}; choose another with --metrics-listen")
            })?;
        tracing::info!("metrics listening on {}", taken.listening("http"));
    }
    let store = match database.map(|url| cli.database.open(&url, |time| shutdown.wait_for(time))) {
        Some(Err(OpenDatabaseError::Open(sql::OpenError::Stopped))) => return Ok(()),
        opened => opened.transpose()?.map(Arc::new),
    };
    let chat = chat::serve(&config, opening, store.clone(), &shutdown)?;
    ready.set(chat.readiness());
    telemetry::notify::ready();
    shutdown.wait();
    chat.finish(Instant::now() + DRAIN_DEADLINE, |_| true);
    if let Some(store) = store {
        store.checkpoint();
    }
    Ok(())
}
