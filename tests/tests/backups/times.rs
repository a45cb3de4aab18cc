//! What a backup costs others. By hand, on a quiet machine: `cargo test --release -p acceptance times_of_others -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use acceptance::Client;
use anyhow::{Result, ensure};
use serde_json::json;

use super::Case;
use crate::harness::Cluster;

/// Messages that there are.
const MESSAGES: i64 = 200_000;
/// For how long is measured without a backup.
const QUIET: Duration = Duration::from_secs(20);
/// Backups, one after the other.
const BACKUPS: usize = 5;
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(10);
/// How much longer 99 of 100 messages may take to be `sent` meanwhile.
const TIMES_MAX: u32 = 2;

#[test]
#[ignore = "it measures"]
fn times_of_others_during_a_backup_of_sqlite() -> Result<()> {
    let case = Case::on_sqlite()?;
    let first = Client::signup(&case.deployment.endpoints, "First")?;
    let connection = rusqlite::Connection::open(case.deployment.database_file())?;
    connection.busy_timeout(Duration::from_secs(60))?;
    connection.execute_batch(&format!(
        "begin immediate; insert into conversation (low, high) values ({0}, {0});
         with recursive n (n) as (select 1 union all select n + 1 from n where n < {MESSAGES})
         insert into message (conversation, sender, recipient, content, at, seq)
         select 1, {0}, {0}, 'ten words of some length for each message ' || n, 5, n from n;
         insert into settled_event (account, seq, kind, message) select sender, seq, 1, id from message;
         update indexed set message = (select max(id) from message);
         update log set head = {MESSAGES}; commit",
        first.id
    ))?;
    measure(&case)
}

#[test]
#[ignore = "it measures"]
fn times_of_others_during_a_backup_of_postgresql() -> Result<()> {
    let case = Case::on_postgresql()?;
    let first = Client::signup(&case.deployment.endpoints, "First")?;
    let sql = format!(
        "insert into conversation (low, high) values ({0}, {0});
         insert into message (conversation, sender, recipient, content, at, seq)
         select 1, {0}, {0}, 'ten words of some length for each message ' || n, 5, n from generate_series(1, {MESSAGES}) n;
         insert into event (account, seq, kind, message) select sender, seq, 1, id from message;
         update log set head = {MESSAGES}",
        first.id
    );
    Cluster::shared()?.sql(&case.url, &sql)?;
    measure(&case)
}

fn measure(case: &Case) -> Result<()> {
    let mut client = Client::connected(&case.deployment.endpoints, "Neighbour")?;
    let quiet = Instant::now();
    let alone = latencies(&mut client, || quiet.elapsed() > QUIET)?;
    let (mut during, mut taken) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| -> Result<()> {
        for n in 0..BACKUPS {
            let began = Instant::now();
            let backup = scope.spawn(move || case.backup(&format!("backup {n}")));
            during.extend(latencies(&mut client, || backup.is_finished())?);
            taken.push(began.elapsed());
        }
        Ok(())
    })?;
    let [alone, during] = [alone, during].map(|mut all| {
        all.sort_unstable();
        let part = |share: f64| all[(all.len() as f64 * share) as usize];
        (part(0.5), part(0.99), all[all.len() - 1])
    });
    eprintln!(
        "p50, p99, worst of sent: alone {alone:?}, during backups {during:?}; backups took {taken:?}"
    );
    ensure!(during.1 <= TIMES_MAX * alone.1, "p99 of others: {during:?}, alone {alone:?}");
    Ok(())
}

fn latencies(client: &mut Client, is_over: impl Fn() -> bool) -> Result<Vec<Duration>> {
    let mut all = Vec::new();
    while !is_over() {
        let began = Instant::now();
        client.request(json!({"to": client.id, "content": "is it sent?"}))?;
        all.push(began.elapsed());
        std::thread::sleep(PAUSE);
    }
    Ok(all)
}
