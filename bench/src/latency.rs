//! Latencies in nanoseconds, counted in a histogram.

use hdrhistogram::Histogram;

/// The longest latency that is told from longer ones, in nanoseconds: a minute.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
/// Significant decimal digits of a latency.
const DIGITS: u8 = 3;

pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, DIGITS).expect("the bounds are in order")
}

/// The latency, in microseconds, that this share of all did not exceed; `None` of none.
pub(crate) fn quantile_us(latencies: &Histogram<u64>, share: f64) -> Option<f64> {
    (!latencies.is_empty()).then(|| latencies.value_at_quantile(share) as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_microseconds_and_close() {
        let mut latencies = histogram();
        assert_eq!(quantile_us(&latencies, 0.5), None);
        (1..=100_000).for_each(|step| latencies.saturating_record(step * 10));
        for share in [0.5, 0.99, 0.999] {
            let (expected, got) = (share * 1000.0, quantile_us(&latencies, share).unwrap());
            assert!((got - expected).abs() / expected < 0.002, "{share}: {got} for {expected}");
        }
        latencies.saturating_record(u64::MAX);
    }
}
