//! The checker accepts what one log could have done, and refuses what it could not.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};

use super::checker::Checked;
use super::{Entry, Moment, Operation, check, read, write};

/// `a1 m5` begins to append message 5 as process 1, `ok1` ends what process 1 does, `r2` begins to read as process 2, and
/// `r2 5,6` ends that with these messages. All of it is about log 9.
fn history(script: &[&str]) -> Vec<Entry> {
    let mut running = std::collections::BTreeMap::new();
    let number = |text: &str| text.parse().expect("a number");
    let entries = script.iter().zip(0..).map(|(step, time)| {
        let (what, value) = step.split_once(' ').unwrap_or((step, ""));
        let process: u64 = number(what.trim_start_matches(char::is_alphabetic));
        let (moment, operation) = match (what.chars().next(), value) {
            (Some('a'), message) => {
                let message = number(message.trim_start_matches('m'));
                (Moment::Invoke, Operation::Append { message, logs: vec![9] })
            }
            (Some('o'), _) => (Moment::Ok, running.remove(&process).expect("something runs")),
            (_, "") => (Moment::Invoke, Operation::Read { log: 9, found: None }),
            (_, found) => {
                let found = found.split(',').filter(|it| *it != "-").map(number).collect();
                (Moment::Ok, Operation::Read { log: 9, found: Some(Arc::new(found)) })
            }
        };
        if moment == Moment::Invoke {
            running.insert(process, operation.clone());
        }
        Entry { moment, process, operation, time }
    });
    entries.collect()
}

#[test]
fn what_one_log_could_have_done_is_accepted() -> Result<()> {
    for script in [
        // Two at once, in either order.
        &["a1 m1", "a2 m2", "ok1", "ok2", "r3", "r3 2,1"][..],
        // A read during an append may show it or not.
        &["a1 m1", "r3", "r3 -", "r3", "r3 1", "ok1"],
        // Nobody knows about message 1: it is there, or it comes later, or never.
        &["a1 m1", "a2 m2", "ok2", "r3", "r3 2", "r3", "r3 2,1"],
        &["a1 m1", "a2 m2", "ok2", "r3", "r3 2"],
    ] {
        check(&history(script))?;
    }
    let checked = check(&history(&["a1 m1", "a2 m2", "ok2", "r3", "r3 2"]))?;
    ensure!(checked == Checked { logs: 1, operations: 3, open: 1 }, "{checked:?}");
    Ok(())
}

#[test]
fn what_no_log_could_have_done_is_refused() -> Result<()> {
    for script in [
        // Lost after it was confirmed.
        &["a1 m1", "ok1", "r3", "r3 -"][..],
        // Confirmed, seen, and gone.
        &["a1 m1", "ok1", "r3", "r3 1", "a1 m2", "ok1", "r3", "r3 2"],
        // Twice.
        &["a1 m1", "ok1", "r3", "r3 1,1"],
        // Against the order in which they were confirmed.
        &["a1 m1", "ok1", "a2 m2", "ok2", "r3", "r3 2,1"],
        // Two readers have seen two orders.
        &["a1 m1", "a2 m2", "ok1", "ok2", "r3", "r3 2,1", "r4", "r4 1,2"],
        // An older state after a newer one.
        &["a1 m1", "r3", "r3 1", "r4", "r4 -", "ok1"],
        // A message from nowhere.
        &["r3", "r3 7"],
    ] {
        ensure!(check(&history(script)).is_err(), "accepted: {script:?}");
    }
    Ok(())
}

#[test]
fn a_file_holds_a_history() -> Result<()> {
    let history = history(&["a1 m1", "a2 m2", "ok1", "ok2", "r3", "r3 2,1"]);
    let path = tempfile::NamedTempFile::new()?;
    write(path.path(), &history)?;
    ensure!(read(path.path())? == history);
    Ok(())
}

/// `HISTORY=PATH cargo test -p acceptance --test main a_history_in_a_file`
#[test]
fn a_history_in_a_file_is_accepted() -> Result<()> {
    let Some(path) = std::env::var_os("HISTORY") else { return Ok(()) };
    let checked = check(&read(Path::new(&path))?)?;
    eprintln!("{checked:?}");
    Ok(())
}
