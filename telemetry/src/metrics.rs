//! Metrics for Prometheus: static atomics, written in the text exposition format 0.0.4.
//!
//! Every metric is a `static`; a program lists its metrics in a [`Registry`]. A label has a closed set of values and never
//! names a user, a conversation or an address.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

mod histogram;
pub mod process;

pub use histogram::{COUNTS, Histogram, SECONDS};

/// A metric that writes its samples.
pub trait Metric: Sync {
    /// Appends `# HELP`, `# TYPE` and the samples, each line ended by LF.
    fn write(&self, out: &mut String);
}

/// The metrics of a program, in the order of its page.
pub type Registry = Vec<&'static dyn Metric>;

/// The metrics of the process.
pub fn all() -> Registry {
    vec![&process::PANICS, &process::RESIDENT_BYTES, &process::OPEN_DESCRIPTORS, &process::THREADS]
}

/// The text of the metrics page.
pub fn render(registry: &Registry) -> String {
    let mut out = String::with_capacity(4096);
    registry.iter().for_each(|metric| metric.write(&mut out));
    out
}

/// The two lines above the samples of a metric.
pub fn preamble(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A number that only grows.
#[derive(Debug)]
pub struct Counter {
    name: &'static str,
    help: &'static str,
    value: AtomicU64,
}

impl Counter {
    /// `name` ends in `_total`; `help` is one line.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, value: AtomicU64::new(0) }
    }

    /// Counts one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts `count`.
    pub fn add(&self, count: u64) {
        self.value.fetch_add(count, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl Metric for Counter {
    fn write(&self, out: &mut String) {
        preamble(out, self.name, self.help, "counter");
        let _ = writeln!(out, "{} {}", self.name, self.get());
    }
}

/// A number that rises and falls.
#[derive(Debug)]
pub struct Gauge {
    name: &'static str,
    help: &'static str,
    value: AtomicI64,
}

impl Gauge {
    /// `name` says its unit; `help` is one line.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, value: AtomicI64::new(0) }
    }

    /// Adds 1.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Subtracts 1.
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds `change`, which may be negative.
    pub fn add(&self, change: i64) {
        self.value.fetch_add(change, Ordering::Relaxed);
    }

    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// The current value.
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl Metric for Gauge {
    fn write(&self, out: &mut String) {
        preamble(out, self.name, self.help, "gauge");
        let _ = writeln!(out, "{} {}", self.name, self.get());
    }
}

/// Gauges that differ in one label of `N` fixed values. Gauges that were never set are left out of the page.
#[derive(Debug)]
pub struct GaugeVec<const N: usize> {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    words: [&'static str; N],
    values: [AtomicI64; N],
}

impl<const N: usize> GaugeVec<N> {
    /// `words` are the values of `label`, each plain ASCII without quotes.
    pub const fn new(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        words: [&'static str; N],
    ) -> Self {
        Self { name, help, label, words, values: [const { AtomicI64::new(i64::MIN) }; N] }
    }

    /// Sets the value for the label `word`. A word that is not in the list is ignored.
    pub fn set(&self, word: &str, value: i64) {
        if let Some(at) = self.words.iter().position(|known| *known == word) {
            self.values[at].store(value, Ordering::Relaxed);
        }
    }
}

impl<const N: usize> Metric for GaugeVec<N> {
    fn write(&self, out: &mut String) {
        preamble(out, self.name, self.help, "gauge");
        for (word, value) in self.words.iter().zip(&self.values) {
            let value = value.load(Ordering::Relaxed);
            if value != i64::MIN {
                let _ = writeln!(out, "{}{{{}=\"{word}\"}} {value}", self.name, self.label);
            }
        }
    }
}

/// Counters that differ in one label of `N` fixed values.
#[derive(Debug)]
pub struct CounterVec<const N: usize> {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    words: [&'static str; N],
    values: [AtomicU64; N],
}

impl<const N: usize> CounterVec<N> {
    /// `words` are the values of `label`, each plain ASCII without quotes.
    pub const fn new(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        words: [&'static str; N],
    ) -> Self {
        Self { name, help, label, words, values: [const { AtomicU64::new(0) }; N] }
    }

    /// Counts one for `word`; a word that is not in the list is not counted.
    pub fn inc(&self, word: &str) {
        self.add(word, 1);
    }

    /// Counts `count` for `word`; a word that is not in the list is not counted.
    pub fn add(&self, word: &str, count: u64) {
        let at = self.words.iter().position(|known| *known == word);
        debug_assert!(at.is_some(), "{word} is no {} of {}", self.label, self.name);
        if let Some(at) = at {
            self.values[at].fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The list of words.
    pub const fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// The count for `word`; 0 for one that is not in the list.
    pub fn get(&self, word: &str) -> u64 {
        let at = self.words.iter().position(|known| *known == word);
        at.map_or(0, |at| self.values[at].load(Ordering::Relaxed))
    }
}

impl<const N: usize> Metric for CounterVec<N> {
    fn write(&self, out: &mut String) {
        preamble(out, self.name, self.help, "counter");
        for (word, value) in self.words.iter().zip(&self.values) {
            let value = value.load(Ordering::Relaxed);
            let _ = writeln!(out, "{}{{{}=\"{word}\"}} {value}", self.name, self.label);
        }
    }
}

#[cfg(test)]
#[path = "metrics/tests.rs"]
mod tests;
