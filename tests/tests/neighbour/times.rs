//! How long things take, by what they are.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Times by the name of what was done.
#[derive(Default)]
pub struct Times(BTreeMap<&'static str, Vec<Duration>>);

impl Times {
    /// Does something and notes how long it takes.
    pub fn of<T>(&mut self, name: &'static str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let begin = Instant::now();
        let done = act()?;
        self.0.entry(name).or_default().push(begin.elapsed());
        Ok(done)
    }

    /// Takes in what another has noted.
    pub fn merge(&mut self, other: Self) {
        for (name, times) in other.0 {
            self.0.entry(name).or_default().extend(times);
        }
    }

    /// What takes longer than `bound` makes of its time on a quiet server.
    pub fn over(
        &self,
        quiet: &Self,
        bound: impl Fn(Duration) -> Duration,
    ) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(move |(name, times)| {
            let before = quiet.0.get(name).map_or(Duration::ZERO, |times| p99(times));
            let (now, most) = (p99(times), bound(before));
            (now > most)
                .then(|| format!("{name} p99 {now:.1?}, quiet {before:.1?}, most {most:.1?}"))
        })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.0.iter().map(|(what, times)| {
            format!("{what} {:.1}/{:.1}", ms(percentile(times, 50)), ms(p99(times)))
        });
        f.write_str(&cells.collect::<Vec<_>>().join(", "))
    }
}

fn p99(times: &[Duration]) -> Duration {
    percentile(times, 99)
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
