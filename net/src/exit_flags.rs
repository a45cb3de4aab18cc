//! Flags with which a program checks or prints something and exits, in place of serving.

use std::process::ExitCode;
use std::time::Instant;

use crate::listen::Listen;
use telemetry::log;

use crate::{limit::PROBE_PATIENCE, probe, settings};

/// The flags, for `#[command(flatten)]`.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(id = "exit-flags")]
pub struct ExitFlags {
    /// Ask the server that runs with these settings for its health, and exit: status 0 if it is healthy, else 1
    #[arg(long)]
    pub health: bool,

    /// Print all settings and their environment variables as JSON, and exit
    #[arg(long, hide = true)]
    pub print_settings: bool,
}

impl ExitFlags {
    /// Does what the flags say and returns the exit code; `None` if there is no such flag and the program `P` is to serve.
    /// `servers` are the addresses that it listens on.
    pub fn run<P: clap::CommandFactory>(self, servers: &[&[Listen]]) -> Option<ExitCode> {
        if self.print_settings {
            log::print_line(&format!("{:#}", settings::of(&P::command())));
            return Some(ExitCode::SUCCESS);
        }
        self.health.then(|| {
            let deadline = Instant::now() + PROBE_PATIENCE;
            let unwell = servers
                .iter()
                .copied()
                .flatten()
                .find_map(|server| probe::probe_any(server, deadline).err());
            unwell.map_or(ExitCode::SUCCESS, |reason| {
                log::print_error(&reason);
                ExitCode::FAILURE
            })
        })
    }
}
