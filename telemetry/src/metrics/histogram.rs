//! Histograms: the distribution of a quantity.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Metric, preamble};

/// Upper bounds for durations, in seconds.
pub const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds for counts: powers of two.
pub const COUNTS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0];

/// Bounds that a histogram may have.
const BOUNDS_MAX: usize = 16;

/// Counts how many observations of a quantity are below each of a few bounds.
#[derive(Debug)]
pub struct Histogram {
    name: &'static str,
    help: &'static str,
    bounds: &'static [f64],
    /// Observations up to each bound and above the one before; the last is for those above all.
    counts: [AtomicU64; BOUNDS_MAX + 1],
    /// The bits of an f64.
    sum: AtomicU64,
}

impl Histogram {
    /// `bounds` are at most 16 numbers in ascending order, such as [`SECONDS`] or [`COUNTS`].
    pub const fn new(name: &'static str, help: &'static str, bounds: &'static [f64]) -> Self {
        assert!(bounds.len() <= BOUNDS_MAX, "a histogram has at most 16 bounds");
        let counts = [const { AtomicU64::new(0) }; BOUNDS_MAX + 1];
        Self { name, help, bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts one observation.
    pub fn observe(&self, value: f64) {
        let at = self.bounds.iter().position(|bound| value <= *bound);
        self.counts[at.unwrap_or(self.bounds.len())].fetch_add(1, Ordering::Relaxed);
        self.sum.update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
            (f64::from_bits(bits) + value).to_bits()
        });
    }

    /// Counts a duration, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Observations so far.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

impl Metric for Histogram {
    fn write(&self, out: &mut String) {
        let name = self.name;
        preamble(out, name, self.help, "histogram");
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            below += count.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        // From the same loads, so that the last bucket and the count agree.
        let all = below + self.counts[self.bounds.len()].load(Ordering::Relaxed);
        let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}");
        let _ = writeln!(out, "{name}_count {all}");
    }
}
