//! Measures the servers: against relays that a user can install, and against a bare client of the same database.
//!
//! See README.md beside this, and docs/PERFORMANCE.md for what was measured.

mod account;
mod bare;
mod client;
mod histogram;
mod history;
mod load;
mod login;
mod machine;
mod plan;
mod plot;
mod report;
mod server;
mod stored;
mod sweep;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

/// Measures Messenger against its peers, in alternating rounds, and writes a table and a plot.
#[derive(Parser)]
struct Args {
    /// A few seconds of everything, to see that it runs; the figures mean nothing
    #[arg(long)]
    smoke: bool,

    /// Rounds; each measures every server once
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    rounds: usize,

    /// Seconds of each measurement
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    seconds: f64,

    /// What to measure; all of it unless named
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,

    /// Measure again, up to three times, when others use more than so many cores meanwhile
    #[arg(long, default_value_t = 0.3, value_name = "CORES")]
    other_max: f64,

    /// Where the servers' programs are
    #[arg(long, value_name = "DIRECTORY", default_value = "target/release")]
    programs: PathBuf,

    /// Where the Node.js relay is installed
    #[arg(long, value_name = "DIRECTORY", default_value = "bench/peers/node")]
    node: PathBuf,

    /// Where the table and the plot go
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    out: PathBuf,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// One message under way: 50 and 2000 pairs
    Single,
    /// 32 under way
    Burst,
    /// 5000 messages a second
    Rate,
    /// One sender, a thousand receivers
    Fanout,
    /// Connections that do nothing
    Idle,
    /// All come back at once
    Storm,
    /// With accounts and a database
    Stored,
    /// What a sweep costs others
    Sweep,
    /// Logins and resumptions
    Login,
    /// A log of many events
    History,
    /// From start to the first answer, and memory
    Start,
}

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
    say(&report.table());
    say(&format!("\nwritten: {} and {}", table.display(), plot.display()));
    anyhow::ensure!(report.failures.is_empty(), "{}", report.failures.join("; "));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program that people run")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
