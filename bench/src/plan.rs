//! What is measured, and in which order.

use anyhow::Result;

use crate::args::{Args, Part};
use crate::report::Report;
use crate::run::Bench;
use crate::{history, login, machine, nodes, relay, stored, sweep};

/// Measures what `args` ask for.
pub(crate) fn measure(args: &Args) -> Result<Report> {
    let mut bench = Bench { args, report: Report::new(machine::describe()) };
    relay::measure(&mut bench)?;
    if bench.wants(Part::Stored) {
        stored::measure(&mut bench)?;
    }
    if bench.wants(Part::Nodes) {
        nodes::measure(&mut bench)?;
    }
    if bench.wants(Part::Sweep) {
        sweep::measure(&mut bench)?;
    }
    if bench.wants(Part::Login) {
        login::measure(&mut bench)?;
    }
    if bench.wants(Part::History) {
        history::measure(&mut bench)?;
    }
    if bench.wants(Part::Start) {
        history::start(&mut bench)?;
    }
    Ok(bench.report)
}
