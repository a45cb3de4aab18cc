//! One run of the benchmark: its settings, and a measurement that is repeated when other processes were busy.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::args::{Args, Part};
use crate::load::{Figures, Load, Target};
use crate::machine;
use crate::report::Report;

/// How often a measurement is repeated that others have disturbed.
const TRIES_MAX: usize = 4;
/// How long others are waited for before a measurement.
const QUIET_PATIENCE: Duration = Duration::from_secs(20);

/// A run of the benchmark.
pub(crate) struct Bench<'a> {
    pub(crate) args: &'a Args,
    pub(crate) report: Report,
}

impl Bench<'_> {
    pub(crate) fn rounds(&self) -> usize {
        if self.args.smoke { 1 } else { self.args.rounds }
    }

    pub(crate) fn seconds(&self) -> f64 {
        if self.args.smoke { 0.2 } else { self.args.seconds }
    }

    /// A load on one target.
    pub(crate) fn run(
        &mut self,
        name: &str,
        whom: &str,
        load: Load,
        target: &Target,
    ) -> Result<()> {
        let seconds = self.seconds();
        self.repeat(name, whom, || load.run(target, seconds))
    }

    /// One measurement, again if others were busy meanwhile: that alone decides, never the result.
    pub(crate) fn repeat(
        &mut self,
        name: &str,
        whom: &str,
        measure: impl Fn() -> Result<Figures>,
    ) -> Result<()> {
        for tries_left in (0..if self.args.smoke { 1 } else { TRIES_MAX }).rev() {
            if !self.args.smoke {
                machine::wait_until_quiet(self.args.other_max, QUIET_PATIENCE);
            }
            let figures = measure().with_context(|| format!("{whom}: {name}"))?;
            let others = figures.get("other_cores").copied().unwrap_or(0.0);
            if others <= self.args.other_max || tries_left == 0 {
                self.report.add(name, whom, figures);
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        self.args.only.is_empty() || self.args.only.contains(&part)
    }
}
