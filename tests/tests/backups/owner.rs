//! Root's commands leave nothing of root's beside the service's database. Run by another user these tests only say that they test nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use acceptance::Client;
use anyhow::{Context, Result, ensure};

use super::{Case, refused, told};
use crate::harness::{Cluster, Launch, not_tested, program};

/// `nobody`.
const SERVICE: u32 = 65_534;

fn owners(directory: &Path) -> Result<Vec<(String, u32)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        all.push((entry.path().display().to_string(), entry.metadata()?.uid()));
        if entry.path().is_dir() {
            all.extend(owners(&entry.path())?);
        }
    }
    Ok(all)
}

/// Whether this test can be made; says so if it cannot.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        not_tested("acting as another user needs root");
    }
    is_root
}

#[test]
fn root_acts_as_the_owner_of_the_database() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let mut case = Case::on_sqlite()?;
    Client::signup(&case.deployment.endpoints, "Alice")?;
    case.deployment.stop()?;
    let home = case.deployment.dir().to_owned();
    // With what the server has left beside it.
    for (path, _) in owners(&home)? {
        chown(path, Some(SERVICE), Some(SERVICE))?;
    }
    chown(&home, Some(SERVICE), Some(SERVICE))?;
    let backup = case.path("backup").display().to_string();
    case.done(&["backup", &backup])?;
    case.done(&["verify"])?;
    case.done(&["doctor"])?;
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(case.path(&format!("messenger.db{end}")));
    }
    case.done(&["restore", &backup])?;
    let all = owners(&home)?;
    ensure!(all.len() > 10 && all.iter().all(|(_, uid)| *uid == SERVICE), "{all:?}");
    // Where the owner may not write, nothing is made.
    let closed = tempfile::tempdir()?;
    let there = closed.path().join("backup").display().to_string();
    let denied = case.run(&["backup", &there])?;
    refused(&denied, "cannot make the directory")?;
    let database = case.deployment.database_file().display().to_string();
    let who = format!("this runs as the user {}, the owner of {database}", user(SERVICE)?);
    ensure!(told(&denied).contains(&who) && told(&denied).contains("chown"), "{}", told(&denied));
    ensure!(owners(closed.path())?.is_empty());
    // An empty directory that is the owner's is enough.
    fs::create_dir(&there)?;
    chown(&there, Some(SERVICE), Some(SERVICE))?;
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o755))?;
    case.done(&["backup", &there])?;
    // Where the owner may not look, the doctor says so.
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700))?;
    for place in [closed.path(), Path::new(&there)] {
        let denied = case.run(&["doctor", "--backups", &place.display().to_string()])?;
        let said = told(&denied);
        ensure!(said.contains(&who) && said.contains("cannot read"), "{said}");
    }
    Ok(())
}

/// PostgreSQL has no file whose owner could be asked: that of the file store is meant.
#[test]
fn root_acts_as_the_owner_of_the_file_store_of_postgresql() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let mut case = Case::on_postgresql()?;
    let alice = Client::signup(&case.deployment.endpoints, "Alice")?;
    alice.upload("a.txt", "text/plain", b"the bytes")?;
    case.deployment.stop()?;
    let home = case.deployment.dir().to_owned();
    let store = case.path("files");
    for (path, _) in owners(&home)? {
        chown(path, Some(SERVICE), Some(SERVICE))?;
    }
    chown(&home, Some(SERVICE), Some(SERVICE))?;
    let backup = case.path("backup").display().to_string();
    let files = format!("--files=file:{}", store.display());
    // As root's own shell has it: without the service's directory, root's home says nothing.
    let typed = |words: &[&str]| case.launch(words)?.env("STATE_DIRECTORY", "").run();
    for (words, is_kept) in [(["backup", &backup], true), (["restore", &backup], false)] {
        if !is_kept {
            Cluster::shared()?
                .sql(&case.url, "drop schema public cascade; create schema public")?;
            fs::remove_dir_all(&store)?;
        }
        refused(&typed(&words)?, "name their file store with --files")?;
        let output = typed(&[words[0], words[1], &files])?;
        ensure!(output.status.success(), "{}", told(&output));
        ensure!(told(&output).contains(&format!("files: file:{}\n", store.display())));
    }
    let all = owners(&home)?;
    ensure!(all.iter().all(|(_, uid)| *uid == SERVICE), "{all:?}");
    ensure!(all.iter().any(|(path, _)| path.contains("/files/")), "{all:?}");
    Ok(())
}

/// The owner is that of the directory in which the file is made, at the end of links.
#[test]
fn root_restores_as_the_owner_of_where_a_link_leads() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let case = Case::on_sqlite()?;
    let backup = case.backup("backup")?;
    let base = tempfile::tempdir()?;
    fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755))?;
    let (service, link) = (base.path().join("service"), base.path().join("link.db"));
    fs::create_dir(&service)?;
    fs::rename(&backup, service.join("backup"))?;
    for (path, _) in owners(&service)? {
        chown(path, Some(SERVICE), Some(SERVICE))?;
    }
    chown(&service, Some(SERVICE), Some(SERVICE))?;
    std::os::unix::fs::symlink("service/messenger.db", &link)?;
    let from = service.join("backup").display().to_string();
    let url = format!("sqlite:{}", link.display());
    let output = Launch::new("messenger", case.deployment.dir())?
        .args(&["restore", &from, "--database", &url])
        .run()?;
    ensure!(output.status.success(), "{}", told(&output));
    let all = owners(&service)?;
    ensure!(all.iter().all(|(_, uid)| *uid == SERVICE), "{all:?}");
    ensure!(service.join("messenger.db").exists(), "{all:?}");
    Ok(())
}

fn user(uid: u32) -> Result<String> {
    let output = Command::new("getent").args(["passwd", &uid.to_string()]).output()?;
    let line = String::from_utf8(output.stdout)?;
    Ok(line.split(':').next().unwrap_or_default().to_owned())
}

#[test]
fn who_is_neither_root_nor_the_owner_is_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let mut case = Case::on_sqlite()?;
    case.deployment.stop()?;
    let directory = case.deployment.dir().to_owned();
    chown(&directory, Some(SERVICE), None)?;
    let other = (SERVICE - 1).to_string();
    let words = [&format!("--reuid={other}"), "--clear-groups", "--"];
    let output = Command::new("setpriv")
        .args(words)
        .arg(program("messenger")?)
        .args(["verify", "--database", &case.url])
        .current_dir("/")
        .output()
        .context("setpriv")?;
    // The directory itself may keep them out first.
    ensure!(output.status.code() == Some(1), "{}", told(&output));
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
    let output = Command::new("setpriv")
        .args(words)
        .arg(program("messenger")?)
        .args(["verify", "--database", &case.url])
        .current_dir("/")
        .output()?;
    refused(&output, "belongs to the user root")
}
