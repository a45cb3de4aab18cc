//! Measures the servers: against relays that a user can install, and against a bare client of the same database.
//!
//! bench/README.md describes the measurements, and docs/PERFORMANCE.md has the results.

mod account;
mod args;
mod bare;
mod client;
mod history;
mod latency;
mod load;
mod login;
mod machine;
mod nodes;
mod plan;
mod plot;
mod relay;
mod report;
mod run;
mod server;
mod stored;
mod sweep;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::args::Args;
use crate::report::print;

#[expect(clippy::print_stderr, reason = "a program that people run")]
fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    // Both ends of nineteen thousand connections are here.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)?;
    let report = plan::measure(args)?;
    std::fs::create_dir_all(&args.out)?;
    let (table, plot) = (args.out.join("table.md"), args.out.join("plot.svg"));
    std::fs::write(&table, report.table())?;
    std::fs::write(&plot, plot::draw(&report))?;
    print(&report.table());
    print(&format!("\nwritten: {} and {}", table.display(), plot.display()));
    anyhow::ensure!(report.failures.is_empty(), "{}", report.failures.join("; "));
    Ok(())
}
