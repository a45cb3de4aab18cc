//! A backup has the bytes of files, and a restore puts them back, also on the other engine.

use std::fs;

use acceptance::Client;
use anyhow::{Result, ensure};

use super::Case;

#[test]
fn files_of_sqlite_come_back() -> Result<()> {
    come_back(Case::on_sqlite()?)
}

#[test]
fn files_of_postgresql_come_back() -> Result<()> {
    come_back(Case::on_postgresql()?)
}

fn come_back(mut case: Case) -> Result<()> {
    let mut alice = Client::connected(&case.deployment.endpoints, "Alice")?;
    let mut bob = Client::connected(&case.deployment.endpoints, "Bob")?;
    let sent = alice.upload("a.txt", "text/plain", b"the bytes")?;
    let half = alice.begin_upload(10, &[("filename", "half")])?;
    alice.append(&half, 0, b"01234")?;
    alice.send_files(&bob, "see", &[&sent])?;
    let backup = case.backup("backup")?;
    ensure!(fs::read_dir(backup.join("objects"))?.count() == 2);
    case.lose()?;
    fs::remove_dir_all(case.path("files"))?;
    let object = fs::read_dir(backup.join("objects"))?.next().into_iter().flatten().next();
    let object = object.map(|it| it.path()).unwrap_or_default();
    let bytes = fs::read(&object)?;
    fs::write(&object, b"others")?;
    let words = ["restore", &backup.display().to_string()];
    case.refused(&words, "is not as it was written")?;
    ensure!(!case.path("messenger.db").exists());
    fs::write(&object, bytes)?;
    case.done(&words)?;
    ensure!(case.done(&["verify"]).is_ok(), "what was restored does not hold together");
    case.deployment.start()?;
    for client in [&mut alice, &mut bob] {
        client.login("after the restore")?;
    }
    bob.connect()?;
    ensure!(bob.download(&sent)? == (200, "the bytes".to_owned()));
    ensure!(bob.search("see a.txt")? == ["see"]);
    ensure!(alice.upload_offset(&half)? == 5);
    ensure!(alice.append(&half, 5, b"56789")? == 10);
    ensure!(alice.download(half.trim_start_matches("/files/"))?.1 == "0123456789");
    Ok(())
}
