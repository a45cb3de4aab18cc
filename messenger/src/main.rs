//! `messenger`: the chat server and the auth server in one process, on one database. Its settings are those of both servers; it makes no
//! decisions of its own.

mod banner;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use anyhow::{Context, Result};
use auth::MailUsageError;
use clap::Parser;
use command::{Command, Settings};
use net::capacity::SystemLimits;
use net::limit::DRAIN_DEADLINE;
use net::{Listen, Listener, Shutdown, listen};
use sql::args::{DatabaseArgs, DefaultDatabase, OpenDatabaseError, UsageError};

/// A self-hosted chat server for a family, a club or a company
///
/// Starts the auth server and the chat server in one process, by default on an SQLite file in your data directory. `auth`
/// and `chat` are the same servers as separate programs.
#[derive(Parser)]
#[command(version = VERSION.as_str())]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the chat server listens: ADDRESS:PORT, NAME:PORT, :PORT (all addresses) or unix:PATH; several separated by
    /// commas; port 0 takes a free port
    #[arg(
        long, env = "CHAT_LISTEN", value_name = "WHERE", default_value = chat::LISTEN_DEFAULT,
        value_delimiter = ','
    )]
    chat_listen: Vec<Listen>,
    /// Where the auth server listens, in the form of `--chat-listen`
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
    http: http::args::Args,
    #[command(flatten)]
    exit: net::exit_flags::ExitFlags,
}

/// The text that `--version` prints after the program's name.
static VERSION: LazyLock<String> = LazyLock::new(|| telemetry::version!());

fn main() -> ExitCode {
    os_thread::give_back_large_blocks();
    let cli = Cli::parse();
    if let Some(code) = cli.exit.run::<Cli>(&[&cli.chat_listen, &cli.auth_listen]) {
        return code;
    }
    let done = match &cli.command {
        Some(command) => command.run(&cli.database, &settings(&cli)),
        None => run(&cli).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        telemetry::log::print_error(&format!("messenger: {error:#}"));
        let is_usage = error.is::<UsageError>()
            || error.is::<chat::BusError>()
            || error.is::<MailUsageError>();
        ExitCode::from(if is_usage { 2 } else { 1 })
    })
}

/// The settings that `doctor` checks.
fn settings(cli: &Cli) -> Settings<'_> {
    let limits = SystemLimits::of_this_process().shared_by(2);
    // What is wrong with the database is said elsewhere.
    let database = cli.database.resolve(DefaultDatabase::DataDirectory).ok().flatten();
    let bus = cli.chat.bus(database.as_ref()).map_err(|error| error.to_string());
    let chat = cli.chat.config(&cli.http, limits).http.listener;
    let auth = cli.auth.config(&cli.http, limits).http.listener;
    let mail = cli.auth.mail(&cli.http).map_err(|error| error.to_string());
    let mail = mail.map(|mail| mail.map(auth::MailSettings::server));
    Settings {
        auth_listen: cli.auth_listen.clone(),
        listen: [&cli.chat_listen[..], &cli.auth_listen].concat(),
        files: &cli.auth.files,
        http: &cli.http,
        connections: vec![(chat.name, chat.connections_max), (auth.name, auth.connections_max)],
        bus: bus.map(|bus| {
            bus.map(|bus| {
                Box::new(move |cluster: Option<&str>| bus.try_servers(cluster))
                    as Box<command::BusCheck>
            })
        }),
        mail,
    }
}

fn run(cli: &Cli) -> Result<()> {
    let url = cli.database.resolve(DefaultDatabase::DataDirectory)?.context("no database")?;
    let bus = cli.chat.bus(Some(&url))?;
    let mail = cli.auth.mail(&cli.http)?;
    cli.http.init_log();
    let shutdown = Shutdown::new();
    net::shutdown::on_signals(&shutdown, std::io::stdin().is_terminal())?;
    let bind = |entries: &[Listen], flag| {
        Listener::bind(entries).with_context(|| {
            let wanted = listen::list(entries);
            format!("cannot listen on {wanted}; choose another with {flag}")
        })
    };
    let at_chat = bind(&cli.chat_listen, "--chat-listen")?;
    let at_auth = bind(&cli.auth_listen, "--auth-listen")?;
    let banner = banner::text(at_chat.endpoints(), at_auth.endpoints(), &url, cli.auth.signup);
    let endpoints: Vec<_> = at_auth.endpoints().cloned().collect();
    let base = command::link_base(cli.http.public_url.as_ref(), &endpoints);
    let limits = SystemLimits::of_this_process().shared_by(2);
    let (chat_config, auth_config) =
        (cli.chat.config(&cli.http, limits), cli.auth.config(&cli.http, limits));
    let chat_config = chat::Config { bus, ..chat_config };
    let mut auth_config = auth_config.with_files(
        cli.auth.files.store(url.directory().as_deref(), sql::args::data_directory().as_deref())?,
    );
    auth_config.mail = mail;
    let at_chat = http::begin(at_chat, chat_config.http.clone(), &shutdown)?;
    let at_auth = http::begin(at_auth, auth_config.http.clone(), &shutdown)?;
    let ready = telemetry::health::Readiness::default();
    let asked = ready.clone();
    if let Some(address) = cli.http.metrics_listen {
        let all = [
            net::metrics::all(),
            telemetry::metrics::all(),
            chat::metrics::all(),
            auth::metrics::all(),
        ];
        let registry = all.into_iter().flatten().collect();
        let taken = http::ops::serve(address, registry, move || asked.check(), &shutdown)
            .with_context(|| {
                format!("cannot listen on {address}; choose another with --metrics-listen")
            })?;
        tracing::info!("metrics listening on {}", taken.listening("http"));
    }
    let store = match cli.database.open(&url, |time| shutdown.wait_for(time)) {
        Err(OpenDatabaseError::Open(sql::OpenError::Stopped)) => return Ok(()),
        opened => Arc::new(opened?),
    };
    // Now the directory beside the database exists.
    auth_config.check_files()?;
    let chat = chat::serve(&chat_config, at_chat, Some(Arc::clone(&store)), &shutdown)?;
    let sockets = Box::new(chat.service());
    let auth = auth::serve(&auth_config, at_auth, Arc::clone(&store), &shutdown, Some(sockets))?;
    let (chat_ready, auth_ready) = (chat.readiness(), auth.readiness());
    ready.set(move || chat_ready().and_then(|()| auth_ready()));
    telemetry::notify::ready();
    telemetry::log::print_line(&banner);
    if cli.auth.signup == auth::SignupRule::Invite {
        command::print_first_invitation(&store, "messenger", &base);
    }
    shutdown.wait();
    let deadline = Instant::now() + DRAIN_DEADLINE;
    chat.finish(deadline, |time| auth.wait(time));
    auth.wait(deadline.saturating_duration_since(Instant::now()));
    store.checkpoint();
    Ok(())
}
