//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures Messenger against its peers, in alternating rounds, and writes a table and a plot.
#[derive(Parser)]
pub(crate) struct Args {
    /// A few seconds of everything, to see that it runs; the figures mean nothing
    #[arg(long)]
    pub(crate) smoke: bool,

    /// Rounds; each measures every server once
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    pub(crate) rounds: usize,

    /// Seconds of each measurement
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    pub(crate) seconds: f64,

    /// What to measure; all of it unless named
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<Part>,

    /// Measure again, up to three times, when others use more than so many cores meanwhile
    #[arg(long, default_value_t = 0.3, value_name = "CORES")]
    pub(crate) other_max: f64,

    /// Where the servers' programs are
    #[arg(long, value_name = "DIRECTORY", default_value = "target/release")]
    pub(crate) programs: PathBuf,

    /// Where the Node.js relay is installed
    #[arg(long, value_name = "DIRECTORY", default_value = "bench/peers/node")]
    pub(crate) node: PathBuf,

    /// Where the table and the plot go
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    pub(crate) out: PathBuf,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
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
