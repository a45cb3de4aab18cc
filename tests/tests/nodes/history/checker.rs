//! Has the linearizability tester of the crate `stateright` look at each log of a history: is there an order of all
//! operations, each at one moment between its beginning and its end, that a log in one place could have had?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::{Entry, Moment, Operation};

/// A log in one place: the numbers of its messages.
#[derive(Clone)]
struct Log(Vec<u64>);

#[derive(Clone, Debug)]
enum Op {
    /// The place is that in the longest read, which any order must agree with. So the tester need not try others.
    Append {
        message: u64,
        place: Option<usize>,
    },
    Read,
}

#[derive(Clone, Debug, PartialEq)]
enum Ret {
    Appended,
    Found(Arc<Vec<u64>>),
}

impl SequentialSpec for Log {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match op {
            Op::Append { message, .. } => {
                self.0.push(*message);
                Ret::Appended
            }
            Op::Read => Ret::Found(Arc::new(self.0.clone())),
        }
    }

    fn is_valid_step(&mut self, op: &Op, ret: &Ret) -> bool {
        match (op, ret) {
            (Op::Append { message, place }, Ret::Appended) => {
                let is_its_place = *place == Some(self.0.len());
                self.0.push(*message);
                is_its_place
            }
            (Op::Read, Ret::Found(found)) => **found == self.0,
            _ => false,
        }
    }
}

/// How much was looked at.
#[derive(Debug, PartialEq)]
pub struct Checked {
    pub logs: usize,
    pub operations: usize,
    /// Operations that never returned.
    pub open: usize,
}

/// Fails if a log of the history is not linearizable, with the log's number.
pub fn check(history: &[Entry]) -> Result<Checked> {
    let logs: BTreeSet<i64> = history.iter().flat_map(|entry| logs_of(&entry.operation)).collect();
    let mut checked = Checked { logs: logs.len(), operations: 0, open: 0 };
    for log in logs {
        let (returned, open) = check_log(history, log)?;
        checked.operations += returned + open;
        checked.open += open;
    }
    Ok(checked)
}

fn logs_of(operation: &Operation) -> Vec<i64> {
    match operation {
        Operation::Append { logs, .. } => logs.clone(),
        Operation::Read { log, .. } => vec![*log],
    }
}

/// How many operations of the log have returned, and how many are open.
fn check_log(history: &[Entry], log: i64) -> Result<(usize, usize)> {
    let entries = || history.iter().filter(|entry| logs_of(&entry.operation).contains(&log));
    let reads = entries().filter_map(|entry| match &entry.operation {
        Operation::Read { found, .. } => found.as_deref(),
        Operation::Append { .. } => None,
    });
    let longest = reads.max_by_key(|found| found.len()).cloned().unwrap_or_default();
    let places: BTreeMap<u64, usize> =
        longest.iter().enumerate().map(|(place, message)| (*message, place)).collect();
    ensure!(places.len() == longest.len(), "log {log} has a message twice: {longest:?}");
    // The tester would find that too, after it has tried every order.
    for entry in entries() {
        if let Operation::Read { found: Some(found), .. } = &entry.operation {
            ensure!(
                longest.starts_with(found),
                "log {log} was read as {found:?} and as {longest:?}"
            );
        }
    }
    let mut tester = LinearizabilityTester::new(Log(Vec::new()));
    let (mut returned, mut open) = (0, 0);
    for entry in entries() {
        let told = match (entry.moment, &entry.operation) {
            (Moment::Invoke, operation) => {
                open += 1;
                let op = match operation {
                    Operation::Append { message, .. } => {
                        Op::Append { message: *message, place: places.get(message).copied() }
                    }
                    Operation::Read { .. } => Op::Read,
                };
                tester.on_invoke(entry.process, op).map(drop)
            }
            (Moment::Ok, operation) => {
                (returned, open) = (returned + 1, open - 1);
                let ret = match operation {
                    Operation::Append { .. } => Ret::Appended,
                    Operation::Read { found, .. } => Ret::Found(found.clone().unwrap_or_default()),
                };
                tester.on_return(entry.process, ret).map(drop)
            }
        };
        if let Err(error) = told {
            bail!("log {log}: {entry:?} does not fit into the history: {error}");
        }
    }
    ensure!(tester.is_consistent(), "log {log} is not linearizable; its longest read: {longest:?}");
    Ok((returned, open))
}
