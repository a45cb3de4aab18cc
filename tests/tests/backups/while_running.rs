//! A backup under steady writes ends soon, and has every message that was `sent` before it began.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Client, PATIENCE, until};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;

use super::{Case, messages};
use crate::harness::Cluster;

const WRITERS: usize = 4;
/// How long a backup of some thousand messages may take on a busy machine.
const BACKUP_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn a_backup_of_sqlite_under_load_has_all_that_was_sent() -> Result<()> {
    has_all_that_was_sent(&Case::on_sqlite()?)
}

#[test]
fn a_backup_of_postgresql_under_load_has_all_that_was_sent() -> Result<()> {
    has_all_that_was_sent(&Case::on_postgresql()?)
}

fn has_all_that_was_sent(case: &Case) -> Result<()> {
    let sent = Arc::<Mutex<BTreeSet<i64>>>::default();
    let stop = Arc::<AtomicBool>::default();
    let count = || sent.lock().map(|sent| sent.len()).map_err(|_| anyhow!("a writer panicked"));
    thread::scope(|scope| {
        let mut writers = Vec::new();
        for n in 0..WRITERS {
            let mut client = Client::connected(&case.deployment.endpoints, &format!("Writer {n}"))?;
            let (sent, stop) = (Arc::clone(&sent), Arc::clone(&stop));
            writers.push(scope.spawn(move || -> Result<()> {
                while !stop.load(Ordering::Relaxed) {
                    let note = json!({"to": client.id, "content": "a note ".repeat(20)});
                    let id = client.request(note)?["id"].as_i64().context("not sent")?;
                    sent.lock().map_err(|_| anyhow!("a writer panicked"))?.insert(id);
                }
                Ok(())
            }));
        }
        let outcome = check(case, &sent, &count);
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().map_err(|_| anyhow!("a writer panicked"))??;
        }
        outcome
    })
}

fn check(
    case: &Case,
    sent: &Mutex<BTreeSet<i64>>,
    count: &dyn Fn() -> Result<usize>,
) -> Result<()> {
    until("a thousand messages", PATIENCE * 6, || Ok((count()? >= 1000).then_some(())))?;
    for name in ["first", "second"] {
        let before = sent.lock().map_err(|_| anyhow!("a writer panicked"))?.clone();
        let began = Instant::now();
        let backup = case.backup(name)?;
        ensure!(began.elapsed() < BACKUP_WITHIN, "it took {:?}", began.elapsed());
        let held: BTreeSet<i64> = messages(&backup)?.into_iter().collect();
        let missing: Vec<_> = before.difference(&held).collect();
        ensure!(missing.is_empty(), "not in the {name} backup: {missing:?}");
        // A live database holds together, and so does what was copied from it, on the other engine too.
        ensure!(case.done(&["verify"])?.contains("everything holds together"));
        let sqlite = format!("sqlite:{}", case.path(&format!("{name}.db")).display());
        for url in [sqlite, Cluster::shared()?.database()?] {
            let other = |words: &[&str]| -> Result<()> {
                let launch = crate::harness::Launch::new("messenger", case.deployment.dir())?;
                let output = launch.args(words).args(&["--database", &url]).run()?;
                ensure!(output.status.success(), "{words:?}: {}", super::told(&output));
                Ok(())
            };
            other(&["restore", &backup.display().to_string()])?;
            other(&["verify"])?;
        }
    }
    Ok(())
}
