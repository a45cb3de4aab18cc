//! The settings of the chat server. The program's own settings name the database and where to listen.

use std::path::PathBuf;

use net::capacity::{ConnectionCost, SystemLimits};
use net::limit::MAPS_PER_SESSION;
use sql::{DatabaseUrl, LogRetention};

use crate::cluster::{BusError, BusUrl};

/// Where the server listens by default.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

/// What one connection costs the process.
pub const COST: ConnectionCost =
    ConnectionCost { descriptors: 1, maps: MAPS_PER_SESSION, tasks: 1 };

/// The command line flags of the chat server, for `#[command(flatten)]`. Without `Debug`: the URL of NATS may hold a
/// password.
#[derive(Clone, clap::Args)]
// clap names groups after their types, and other crates have an `Args` too.
#[group(id = "chat")]
pub struct Args {
    /// Frames per second that one account may send over all its connections, in bursts of up to ten times as many; 0:
    /// no limit
    #[arg(long, env = "CHAT_MESSAGE_RATE", value_name = "COUNT", default_value_t = 50)]
    pub message_rate: u32,

    /// Days for which an account's log keeps an event after it was acknowledged, at least
    #[arg(long, env = "CHAT_LOG_DAYS", value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=36_500))]
    pub log_days: i64,

    /// Events that an account's log keeps at most, acknowledged or not
    #[arg(long, env = "CHAT_LOG_EVENTS", value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(1..))]
    pub log_events: i64,

    /// The NATS servers that connect chat servers on one PostgreSQL database: `nats://HOST:4222`, several separated by
    /// commas
    #[arg(long, env = "NATS_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub nats: Option<String>,

    /// A file that contains the URL of NATS, so that its password need not be in the environment
    #[arg(long, env = "NATS_URL_FILE", value_name = "PATH", global = true)]
    pub nats_file: Option<PathBuf>,
}

/// The settings of the chat server.
#[derive(Clone)]
pub struct Config {
    /// How it listens; the name is `chat`.
    pub http: http::ServerConfig,
    /// Frames per second that one account may send over all its connections; 0: no limit.
    pub message_rate: u32,
    /// How much of each account's log is kept.
    pub keep: LogRetention,
    /// The message bus that connects it with other nodes.
    pub bus: Option<BusUrl>,
}

impl Args {
    /// The settings of the server. `http` has the settings of its listener. `limits` are the limits of the process, or
    /// this server's share of them.
    pub fn config(&self, http: &http::args::Args, limits: SystemLimits) -> Config {
        Config {
            http: http.config("chat", limits, COST),
            message_rate: self.message_rate,
            keep: LogRetention { days: self.log_days, events: self.log_events },
            bus: None,
        }
    }

    /// The bus that connects this server with others on `database`, for [`Config::bus`].
    ///
    /// # Errors
    /// [`BusError`].
    pub fn bus(&self, database: Option<&DatabaseUrl>) -> Result<Option<BusUrl>, BusError> {
        crate::cluster::resolve(self.nats.as_deref(), self.nats_file.as_deref(), database)
    }
}
