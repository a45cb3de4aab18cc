//! Pages of the database that are not as it has written them.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use acceptance::Client;
use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{METRICS, Watch, health_becomes_while, send};
use crate::harness::{Arrangement, Cluster, Deployment};

/// Messages, so that their table has many pages.
const MESSAGES: usize = 40;

/// Scribbles over the middle of a file, in pages of so many bytes.
fn damage(path: &Path, page: u64, pages: std::ops::Range<u64>) -> Result<()> {
    let file =
        OpenOptions::new().write(true).open(path).with_context(|| path.display().to_string())?;
    let bytes = usize::try_from(page)?;
    for number in pages {
        file.write_all_at(&vec![0xA5; bytes], number * page)?;
    }
    file.sync_all()?;
    Ok(())
}

/// Alice, to whom much has been said, with a message to be found again.
fn fill(deployment: &Deployment) -> Result<[Client; 2]> {
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    for n in 0..MESSAGES {
        let content = format!("{n} {}", "0123456789abcdef ".repeat(60));
        ensure!(send(&mut alice, &bob, &content, &n.to_string())?["type"] == "sent");
    }
    alice.leave();
    Ok([alice, bob])
}

/// Alice's log and history cannot be read.
fn is_told(deployment: &mut Deployment, [mut alice, bob]: [Client; 2]) -> Result<()> {
    let watch = Watch::begin(deployment)?;
    // From its beginning.
    alice.open(&[])?;
    alice.write(&json!({"type": "hello", "token": alice.token, "since": 0, "ref": "hello"}))?;
    ensure!(alice.closed_within(super::TOLD_WITHIN)? == 1011);
    alice.connect_since(i64::try_from(MESSAGES)?)?;
    alice.write(&json!({"type": "history", "with": bob.id, "ref": "history"}))?;
    let heard = super::answer(&mut alice, "history")?;
    ensure!(heard["code"] == "unavailable", "{heard}");
    let shown = deployment.endpoints.ask_chat("GET", "/healthz").send()?;
    ensure!(
        shown.status == 503 && shown.body["code"] == "damaged",
        "{} {}",
        shown.status,
        shown.text
    );
    // `auth` has to meet it itself.
    let export =
        || deployment.endpoints.ask("GET", "/export").map(|call| call.bearer(&alice.token).send());
    health_becomes_while(deployment, 503, Some("damaged"), || {
        let _ = export()?;
        Ok(())
    })?;
    deployment.runs()?;
    watch.end(deployment)
}

#[test]
fn a_damaged_page_of_sqlite_is_told() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Pair, &[METRICS])?;
    let people = fill(&deployment)?;
    deployment.stop()?;
    let file = deployment.database_file();
    let database = rusqlite::Connection::open(&file)?;
    database.execute_batch("pragma wal_checkpoint(truncate)")?;
    let size: i64 = database.query_row("pragma page_size", [], |row| row.get(0))?;
    let sql = "select pageno from dbstat where name = 'message' and pagetype = 'leaf'";
    let pages: rusqlite::Result<Vec<i64>> =
        database.prepare(sql)?.query_map([], |row| row.get(0))?.collect();
    drop(database);
    for page in pages? {
        let number = u64::try_from(page)? - 1;
        damage(&file, size.try_into()?, number..number + 1)?;
    }
    deployment.start()?;
    is_told(&mut deployment, people)
}

#[test]
fn a_damaged_page_of_postgresql_is_told() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let url = cluster.database()?;
    let mut deployment = Deployment::launch(&Arrangement::Postgres(url.clone()), &[METRICS])?;
    let people = fill(&deployment)?;
    deployment.stop()?;
    let mut client = ::postgres::Client::connect(&url, ::postgres::NoTls)?;
    client.batch_execute("checkpoint")?;
    let path: String = client.query_one("select pg_relation_filepath('message')", &[])?.get(0);
    drop(client);
    cluster.stop_immediately()?;
    let file = cluster.data().join(path);
    let pages = file.metadata()?.len() / 8192;
    damage(&file, 8192, 0..pages)?;
    cluster.start()?;
    deployment.start()?;
    is_told(&mut deployment, people)
}
