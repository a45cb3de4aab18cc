//! Metrics of the process, from Linux: memory, descriptors, threads; and its panics.

use std::fmt::Write as _;
use std::fs;
use std::sync::Once;

use super::{Counter, Metric, preamble};

/// Panics of any thread. Each ended one connection, and is a bug.
pub static PANICS: Counter =
    Counter::new("messenger_panics_total", "Panics; each ended one connection and is a bug.");
/// Memory in use.
pub static RESIDENT_BYTES: Reading = Reading {
    name: "process_resident_memory_bytes",
    help: "Resident memory.",
    read: || Some(status("VmRSS:")? * 1024),
};
/// Open descriptors.
pub static OPEN_DESCRIPTORS: Reading = Reading {
    name: "process_open_fds",
    help: "Open descriptors.",
    // One of the listed descriptors is that of the directory itself.
    read: || Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64),
};
/// Threads.
pub static THREADS: Reading =
    Reading { name: "process_threads", help: "Threads.", read: || status("Threads:") };

/// A gauge that is read when the page is rendered. If it cannot be read, it is left out of the page.
#[derive(Debug)]
pub struct Reading {
    name: &'static str,
    help: &'static str,
    read: fn() -> Option<u64>,
}

impl Metric for Reading {
    fn write(&self, out: &mut String) {
        if let Some(value) = (self.read)() {
            preamble(out, self.name, self.help, "gauge");
            let _ = writeln!(out, "{} {value}", self.name);
        }
    }
}

/// The first number of a line of /proc/self/status.
fn status(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// From now on panics are counted and logged, with their source line and thread but without their message, which may quote
/// a text of a user. A second call does nothing.
pub fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            PANICS.inc();
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let current = std::thread::current();
            let thread = current.name().unwrap_or_default();
            tracing::error!(place, thread, "panic");
        }));
    });
}
