//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures Messenger against its peers, in alternating rounds, and writes a table and a plot.
#[derive(Parser)]
pub(crate) struct Args {
    /// Run each measurement for a moment, as a test of the benchmark; the figures mean nothing
    #[arg(long)]
    pub(crate) smoke: bool,

    /// Number of rounds; each round measures every server once
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    pub(crate) rounds: usize,

    /// Seconds that each measurement takes
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    pub(crate) seconds: f64,

    /// Parts to measure, separated by commas; by default all
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<Part>,

    /// Repeat a measurement, up to three times, if other processes used more than this many cores meanwhile
    #[arg(long, default_value_t = 0.3, value_name = "CORES")]
    pub(crate) other_max: f64,

    /// Directory of the servers' programs
    #[arg(long, value_name = "DIRECTORY", default_value = "target/release")]
    pub(crate) programs: PathBuf,

    /// Directory in which the Node.js relay is installed
    #[arg(long, value_name = "DIRECTORY", default_value = "bench/peers/node")]
    pub(crate) node: PathBuf,

    /// Directory for the table and the plot
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    pub(crate) out: PathBuf,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Latency of one message at a time, with 50 and 2000 pairs of clients
    Single,
    /// Throughput with 32 messages in flight per sender
    Burst,
    /// Latency at 5000 messages per second
    Rate,
    /// One sender and a thousand receivers
    Fanout,
    /// Memory of idle connections
    Idle,
    /// All clients reconnect at once
    Storm,
    /// Messages with accounts and a database
    Stored,
    /// One, two and four nodes that write to one PostgreSQL
    Nodes,
    /// Latency of messages while the sweep deletes old rows
    Sweep,
    /// Logins, and resuming of connections
    Login,
    /// Reading a log of many events
    History,
    /// Time from the start to the first answer, and memory
    Start,
}
