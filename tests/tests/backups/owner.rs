//! Root's commands leave nothing of root's beside the service's database. As somebody else there is nothing to test.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use acceptance::Person;
use anyhow::{Context, Result, ensure};

use super::{Case, refused, told};
use crate::drive::program;

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

#[test]
fn root_acts_as_the_owner_of_the_database() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let mut case = Case::on_sqlite()?;
    Person::signup(&case.house.world, "Alice")?;
    case.house.stop()?;
    let home = case.house.dir().to_owned();
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
    case.refused(&["backup", &there], "cannot make the directory")?;
    ensure!(owners(closed.path())?.is_empty());
    Ok(())
}

#[test]
fn who_is_neither_root_nor_the_owner_is_refused() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let mut case = Case::on_sqlite()?;
    case.house.stop()?;
    let directory = case.house.dir().to_owned();
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
