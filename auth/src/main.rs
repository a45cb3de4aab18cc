//! `auth`: the auth server as a program of its own.

use std::{
    io::IsTerminal as _,
    process::ExitCode,
    sync::{Arc, LazyLock},
};

use anyhow::{Context as _, Result};
use auth::MailUsageError;
use clap::Parser;
use command::{Command, Settings};
use net::{Listen, Listener, Shutdown, capacity::SystemLimits, limit::DRAIN_DEADLINE, listen};
use sql::args::{DatabaseArgs, DefaultDatabase, OpenDatabaseError, UsageError};

/// Messenger's auth server: accounts, logins and sessions over HTTP, and the web client
#[derive(Parser)]
#[command(version = VERSION.as_str(), after_help = sql::args::DEFAULT_HELP)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where to listen: ADDRESS:PORT, NAME:PORT, :PORT (all addresses) or unix:PATH; several separated by commas; port
    /// 0 takes a free port
    #[arg(
        long, env = "AUTH_LISTEN", value_name = "WHERE", default_value = auth::LISTEN_DEFAULT,
        value_delimiter = ','
    )]
    listen: Vec<Listen>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    http: http::args::Args,
    #[command(flatten)]
    exit: net::exit_flags::ExitFlags,
}

/// The text that `--version` prints after the program's name.
static VERSION: LazyLock<String> = LazyLock::new(|| telemetry::version!());

fn main() -> ExitCode {
    os_thread::give_back_large_blocks();
    let program = Program::parse();
    if let Some(code) = program.exit.run::<Program>(&[&program.listen]) {
        return code;
    }
    let done = match &program.command {
        Some(command) => command.run(&program.database, &settings(&program)),
        None => run(&program).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        telemetry::log::print_error(&format!("auth: {error:#}"));
        ExitCode::from(if error.is::<UsageError>() || error.is::<MailUsageError>() { 2 } else { 1 })
    })
}

/// The settings that `doctor` checks.
fn settings(program: &Program) -> Settings<'_> {
    let listener =
        program.auth.config(&program.http, SystemLimits::of_this_process()).http.listener;
    let mail = program.auth.mail(&program.http).map_err(|error| error.to_string());
    let mail = mail.map(|mail| mail.map(auth::MailSettings::server));
    Settings {
        listen: program.listen.clone(),
        files: &program.auth.files,
        auth_listen: program.listen.clone(),
        http: &program.http,
        connections: vec![(listener.name, listener.connections_max)],
        bus: Ok(None),
        mail,
    }
}

fn run(program: &Program) -> Result<()> {
    let url = program.database.resolve(DefaultDatabase::DataDirectory)?.context("no database")?;
    let mail = program.auth.mail(&program.http)?;
    program.http.init_log();
    let shutdown = Shutdown::new();
    net::shutdown::on_signals(&shutdown, std::io::stdin().is_terminal())?;
    let listener = Listener::bind(&program.listen).with_context(|| {
        let wanted = listen::list(&program.listen);
        format!("cannot listen on {wanted}; choose another with --listen")
    })?;
    let files = program
        .auth
        .files
        .store(url.directory().as_deref(), sql::args::data_directory().as_deref())?;
    let config = program.auth.config(&program.http, SystemLimits::of_this_process());
    let mut config = config.with_files(files);
    config.mail = mail;
    let endpoints: Vec<_> = listener.endpoints().cloned().collect();
    let base = command::link_base(program.http.public_url.as_ref(), &endpoints);
    let opening = http::begin(listener, config.http.clone(), &shutdown)?;
    let ready = telemetry::health::Readiness::default();
    let asked = ready.clone();
    if let Some(address) = program.http.metrics_listen {
        let metrics = net::metrics::all()
            .into_iter()
            .chain(telemetry::metrics::all())
            .chain(auth::metrics::all())
            .collect();
        let taken = http::ops::serve(address, metrics, move || asked.check(), &shutdown);
        let taken = taken.with_context(|| format!("cannot listen on {address} for metrics"))?;
        tracing::info!("metrics listening on {}", taken.listening("http"));
    }
    let store = match program.database.open(&url, |pause| shutdown.wait_for(pause)) {
        Err(OpenDatabaseError::Open(sql::OpenError::Stopped)) => return Ok(()),
        opened => Arc::new(opened?),
    };
    // Now the directory beside the database exists.
    config.check_files()?;
    let serving = auth::serve(&config, opening, Arc::clone(&store), &shutdown, None)
        .context("cannot serve")?;
    ready.set(serving.readiness());
    telemetry::notify::ready();
    if program.auth.signup == auth::SignupRule::Invite {
        command::print_first_invitation(&store, "auth", &base);
    }
    shutdown.wait();
    if !serving.wait(DRAIN_DEADLINE) {
        tracing::warn!("some requests were not finished in time");
    }
    store.checkpoint();
    Ok(())
}
