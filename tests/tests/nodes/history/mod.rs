//! A history of a run: what clients have asked for and what they were answered, in the order in which it happened. It is
//! written to a file in the form that docs/RELIABILITY.md describes, so that other checkers can read it.

mod checker;
mod recorder;
mod tests;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

pub use checker::check;
pub use recorder::Recorder;

/// Something that a process does with logs. A process does one thing after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Appends a message, which has a number of its own, to these logs.
    Append { message: u64, logs: Vec<i64> },
    /// Reads all messages of a log; what it has found is known once it has returned.
    Read { log: i64, found: Option<Arc<Vec<u64>>> },
}

/// Whether an operation begins or has returned. One that never returns may have happened or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    Invoke,
    Ok,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub moment: Moment,
    pub process: u64,
    pub operation: Operation,
    /// Nanoseconds since the recording began.
    pub time: u64,
}

impl Entry {
    fn to_json(&self, index: usize) -> Value {
        let value = match &self.operation {
            Operation::Append { message, logs } => {
                logs.iter().map(|log| json!(["append", log, message])).collect()
            }
            Operation::Read { log, found } => vec![json!(["r", log, found.as_deref()])],
        };
        let moment = match self.moment {
            Moment::Invoke => "invoke",
            Moment::Ok => "ok",
        };
        json!({"index": index, "type": moment, "process": self.process, "f": "txn", "value": value, "time": self.time})
    }

    fn from_json(entry: &Value) -> Result<Self> {
        let moment = match entry["type"].as_str() {
            Some("invoke") => Moment::Invoke,
            Some("ok") => Moment::Ok,
            _ => bail!("{entry} has no known type"),
        };
        let parts = entry["value"].as_array().context("no value")?;
        let log = |part: &Value| part[1].as_i64().context("a log is a number");
        let first = parts.first().context("an empty value")?;
        let operation = if first[0] == "r" {
            let found = first[2].as_array().map(|all| all.iter().filter_map(Value::as_u64));
            Operation::Read {
                log: log(first)?,
                found: found.map(|found| Arc::new(found.collect())),
            }
        } else {
            let message = first[2].as_u64().context("a message is a number")?;
            let logs = parts.iter().map(log).collect::<Result<_>>()?;
            Operation::Append { message, logs }
        };
        let number = |key: &str| entry[key].as_u64().context(key.to_owned());
        Ok(Self { moment, process: number("process")?, operation, time: number("time")? })
    }
}

/// Writes a history, one entry a line.
pub fn write(path: &Path, history: &[Entry]) -> Result<()> {
    let lines: Vec<_> =
        history.iter().enumerate().map(|(index, entry)| entry.to_json(index).to_string()).collect();
    fs::write(path, format!("[\n{}\n]\n", lines.join(",\n")))
        .with_context(|| path.display().to_string())
}

/// Reads what [`write`] has written.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let entries: Vec<Value> = serde_json::from_str(&text)?;
    entries.iter().map(Entry::from_json).collect()
}
