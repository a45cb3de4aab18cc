//! Logs: one line per event on standard error, as text for people or JSON for programs.
//!
//! Every line of a thread has the thread's context ([`context`]: its connection, its request). A failure that repeats is logged
//! once a second, with a count. No line contains header values (except a refused `Host`), bodies, tokens or messages. Events
//! that libraries write through the `log` crate are dropped, because tungstenite traces message texts.
//!
//! The context is not a span of `tracing`: the registry of spans serves 4096 threads and panics in the next one, and here every
//! connection has a thread.

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

/// Adds a key and a value to every line of its thread until it is dropped.
pub struct ContextGuard(PhantomData<*const ()>);

/// Adds `key` and `value` to every line of this thread, until the guard is dropped.
#[must_use = "it ends when this is dropped"]
pub fn context(key: &'static str, value: impl Display) -> ContextGuard {
    CONTEXT.with_borrow_mut(|context| {
        // Most connections have two entries, so the memory is reserved for exactly these.
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

/// Libraries that log what the servers log themselves, or each of many tries, unless the filter names them.
const QUIET: &str = "async_nats=off";

/// Starts logging the events that `filter` lets through (such as `info` or `net=debug,warn`; an invalid filter counts as
/// `info`). Lines are coloured on a terminal only. From now on panics are logged and counted. Only the first call has an
/// effect.
pub fn init(format: Format, filter: &str) {
    let parsed = EnvFilter::try_new(format!("{QUIET},{filter}"));
    let is_bad = parsed.is_err();
    let filter_used = parsed.unwrap_or_else(|_| EnvFilter::new(format!("{QUIET},info")));
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_env_filter(filter_used)
        // Otherwise a closed standard error would be reported on standard error, which panics in the thread that logs.
        .log_internal_errors(false)
        .with_ansi(colour)
        .event_format(Line(format));
    // An error means that there is a subscriber already, as in tests.
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
