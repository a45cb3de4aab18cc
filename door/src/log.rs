//! Logs: to stderr, one line an event, as text for people or JSON for programs.
//!
//! Each connection's thread runs inside the span `conn` (its number, its server, its peer), so
//! whatever it logs can be told apart. Nobody logs header values, bodies, tokens or messages. What
//! libraries write through the `log` crate is not taken up: tungstenite traces message text.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `2026-01-31T12:00:00.000000Z  INFO conn{…}: place: sentence key=value`
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Begins to log what `filter` lets through (`info`, `door=debug,warn` …; `info` if it cannot be
/// read), in colour only on a terminal. Panics are logged and counted from here on. Only the first
/// call has an effect.
pub fn init(format: Format, filter: &str) {
    let parsed = EnvFilter::try_new(filter);
    let is_bad = parsed.is_err();
    let filter_used = parsed.unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_env_filter(filter_used)
        .with_timer(SystemTime)
        // It would tell of a closed stderr on stderr, and panic for it in whatever thread logs.
        .log_internal_errors(false)
        .with_ansi(colour);
    // An error means that another subscriber stands already, as in tests.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    crate::metrics::process::count_panics();
    if is_bad {
        tracing::warn!("the log filter cannot be read; logging at info");
    }
}

/// Whether [`init`] would accept `filter`.
///
/// # Errors
/// The sentence to show.
pub fn check_filter(filter: &str) -> Result<String, String> {
    EnvFilter::try_new(filter).map(|_| filter.to_owned()).map_err(|error| error.to_string())
}
