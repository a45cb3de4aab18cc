//! Times, counted in buckets that are at most 1.6 % wide.

/// Buckets for each doubling.
const STEPS: u64 = 64;

pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; (STEPS * 60) as usize], total: 0 }
    }

    pub(crate) fn add(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
    }

    /// The time, in microseconds, that this share of all was not above.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(f64::NAN, |bucket| lowest(bucket) as f64 / 1e3)
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let exponent = u64::from(63 - value.leading_zeros());
    ((exponent - 5) * STEPS + ((value >> (exponent - 6)) & (STEPS - 1))) as usize
}

fn lowest(bucket: usize) -> u64 {
    let (exponent, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    if exponent == 0 { step } else { (STEPS + step) << (exponent - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close() {
        let mut times = Histogram::new();
        (1..=100_000).for_each(|step| times.add(step * 10));
        for share in [0.5, 0.99, 0.999] {
            let (wanted, got) = (share * 1000.0, times.quantile(share));
            assert!((got - wanted).abs() / wanted < 0.02, "{share}: {got} for {wanted}");
        }
    }
}
