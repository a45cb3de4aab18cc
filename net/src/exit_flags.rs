//! Flags with which a program checks or prints something and exits, in place of serving.

use std::process::ExitCode;
use std::time::Instant;

use crate::listen::Listen;
use telemetry::log;

use crate::{limit::PROBE_PATIENCE, probe, settings};

/// To be taken in with `#[command(flatten)]`.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(id = "exit-flags")]
pub struct ExitFlags {
    /// Ask the server that runs with these settings whether it is well, and exit: with status 0 if it is, else with 1
    #[arg(long)]
    pub health: bool,

    /// Print every setting with its environment variable as JSON, and exit
    #[arg(long, hide = true)]
    pub print_settings: bool,
}

impl ExitFlags {
    /// Does what was asked for; nothing if the program `P` is to serve. `servers` is where it would listen.
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
