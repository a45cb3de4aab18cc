//! Logs: to stderr, one line an event, as text for people or JSON for programs.
//!
//! The context of a thread ([`context`]: a connection, a request) is in every line that it writes, so that lines can be
//! told apart. A failure that repeats is logged once a second, with a count. Nobody logs header values (but for a `Host` that was refused), bodies, tokens or messages. What libraries write through the `log` crate is
//! not taken up: tungstenite traces message text.
//!
//! Not tracing's own spans: the registry that keeps them serves 4096 threads and panics in the next, and here every
//! connection is a thread.

mod line;
mod repeat;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{IsTerminal, Write as _, stderr, stdout};
use std::marker::PhantomData;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use line::Line;
use repeat::Repeat;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `2026-01-31T12:00:00.000000Z  INFO place: sentence key=value conn=42`
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

thread_local! {
    static CONTEXT: RefCell<Vec<(&'static str, String)>> = const { RefCell::new(Vec::new()) };
}

/// While this lives its key and value stand in every line of its thread.
pub struct ContextGuard(PhantomData<*const ()>);

/// Says what this thread is busy with from here on.
#[must_use = "it ends when this is dropped"]
pub fn context(key: &'static str, value: impl Display) -> ContextGuard {
    CONTEXT.with_borrow_mut(|context| {
        // Two are usual, and every connection has them.
        context.reserve_exact(if context.is_empty() { 2 } else { 1 });
        context.push((key, value.to_string()));
    });
    ContextGuard(PhantomData)
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        CONTEXT.with_borrow_mut(Vec::pop);
    }
}

/// Begins to log what `filter` lets through (`info`, `net=debug,warn` …; `info` if it cannot be
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
        // It would tell of a closed stderr on stderr, and panic for it in whatever thread logs.
        .log_internal_errors(false)
        .with_ansi(colour)
        .event_format(Line(format));
    // An error means that another subscriber stands already, as in tests.
    let _ = builder.finish().with(Repeat::start()).try_init();
    crate::metrics::process::count_panics();
    if is_bad {
        tracing::warn!("the log filter cannot be read; logging at info");
    }
}

/// Writes a line for a person to standard output. A closed standard output is no error.
pub fn print_line(text: &str) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes the sentence with which a program ends to standard error.
pub fn print_error(sentence: &str) {
    let _ = writeln!(stderr(), "{sentence}");
}

/// Whether [`init`] would accept `filter`.
///
/// # Errors
/// The sentence to show.
pub fn check_filter(filter: &str) -> Result<String, String> {
    EnvFilter::try_new(filter).map(|_| filter.to_owned()).map_err(|error| error.to_string())
}
