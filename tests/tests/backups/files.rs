//! A backup has the bytes of files, and a restore puts them back, also on the other engine. Objects that are lost or damaged are
//! named, and keep nobody from the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use acceptance::Client;
use anyhow::{Context, Result, ensure};

use super::{Case, told};

#[test]
fn files_of_sqlite_come_back() -> Result<()> {
    come_back(Case::on_sqlite()?, None)
}

#[test]
fn files_of_postgresql_come_back() -> Result<()> {
    come_back(Case::on_postgresql()?, None)
}

#[test]
fn files_of_sqlite_come_back_on_postgresql() -> Result<()> {
    come_back(Case::on_sqlite()?, Some(Case::on_postgresql()?))
}

#[test]
fn files_of_postgresql_come_back_on_sqlite() -> Result<()> {
    come_back(Case::on_postgresql()?, Some(Case::on_sqlite()?))
}

fn come_back(mut case: Case, mut other: Option<Case>) -> Result<()> {
    let endpoints = case.deployment.endpoints.clone();
    let mut alice = Client::connected(&endpoints, "Alice")?;
    let mut bob = Client::connected(&endpoints, "Bob")?;
    let sent = alice.upload("a.txt", "text/plain", b"the bytes")?;
    let half = alice.begin_upload(10, &[("filename", "half")])?;
    alice.append(&half, 0, b"01234")?;
    alice.send_files(&bob, "see", &[&sent])?;
    let backup = case.backup("backup")?;
    ensure!(fs::read_dir(backup.join("objects"))?.count() == 2);
    case.deployment.stop()?;
    let target = other.as_mut().unwrap_or(&mut case);
    target.lose()?;
    let _ = fs::remove_dir_all(target.path("files"));
    target.done(&["restore", &backup.display().to_string()])?;
    target.done(&["verify"])?;
    target.deployment.start()?;
    let now = &target.deployment.endpoints;
    endpoints.moved(&now.chat(), Some(&now.auth()?));
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

/// A case with three files of these bytes, which Alice has sent, and their ids.
fn with_files(case: &Case) -> Result<(Client, Vec<String>)> {
    let mut alice = Client::connected(&case.deployment.endpoints, "Alice")?;
    let bob = Client::connected(&case.deployment.endpoints, "Bob")?;
    let mut ids = Vec::new();
    for text in TEXTS {
        let id = alice.upload("a.txt", "text/plain", text.as_bytes())?;
        alice.send_files(&bob, text, &[&id])?;
        ids.push(id);
    }
    Ok((alice, ids))
}

const TEXTS: [&str; 3] = ["first file", "second file", "third file"];

/// All files below a directory.
pub(super) fn below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(below(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// The object that holds this text.
fn object_of(directory: &Path, text: &str) -> Result<PathBuf> {
    let holds = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes());
    below(directory)?.into_iter().find(holds).with_context(|| format!("no object holds {text}"))
}

/// The command did the rest of its work, and names each of these objects with what is wrong.
fn names(output: &Output, objects: &[(&Path, &str)]) -> Result<()> {
    let told = told(output);
    ensure!(output.status.code() == Some(1), "{}: {told}", output.status);
    for (object, fault) in objects {
        let name = object.file_name().context("no name")?.to_string_lossy();
        let line = told.lines().find(|line| line.contains(&*name));
        ensure!(line.is_some_and(|line| line.contains(fault)), "{name} {fault}: {told}");
    }
    ensure!(told.contains(&format!("these {} objects", objects.len())), "{told}");
    Ok(())
}

/// What Alice gets of each file, or the status of the refusal.
fn fetched(alice: &mut Client, ids: &[String]) -> Result<Vec<(u16, String)>> {
    alice.login("another device")?;
    ids.iter().map(|id| alice.download(id)).collect()
}

#[test]
fn a_backup_names_objects_that_are_lost_or_damaged_and_has_the_others() -> Result<()> {
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        let (mut alice, ids) = with_files(&case)?;
        let store = case.path("files");
        let lost = object_of(&store, TEXTS[0])?;
        let damaged = object_of(&store, TEXTS[1])?;
        fs::remove_file(&lost)?;
        // Of the same length, and another one.
        for bytes in ["sEcond file", "second", "second file and more"] {
            fs::write(&damaged, bytes)?;
            let backup = case.path(&format!("backup {}", bytes.len()));
            let output = case.run(&["backup", &backup.display().to_string()])?;
            names(&output, &[(&lost, "is missing"), (&damaged, "is damaged")])?;
        }
        let backup = case.path("backup 6");
        case.done(&["doctor", "--backups", &backup.display().to_string()])?;
        case.lose()?;
        fs::remove_dir_all(&store)?;
        let output = case.run(&["restore", &backup.display().to_string()])?;
        names(&output, &[(&lost, "is missing"), (&damaged, "is missing")])?;
        case.done(&["verify"])?;
        case.deployment.start()?;
        let fetched = fetched(&mut alice, &ids)?;
        ensure!(fetched[2] == (200, TEXTS[2].to_owned()), "{fetched:?}");
        ensure!(fetched[..2].iter().all(|(status, _)| *status != 200), "{fetched:?}");
    }
    Ok(())
}

#[test]
fn a_backup_from_a_file_store_that_has_nothing_is_refused() -> Result<()> {
    for case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        with_files(&case)?;
        let backup = case.path("backup");
        let other = format!("--files=file:{}", case.path("other").display());
        let words = ["backup", &backup.display().to_string(), &other];
        case.refused(&words, "3 of 3 objects of files are not in this file store")?;
        ensure!(!backup.exists());
        // Where they are lost indeed there must be a way.
        let output = case.run(&[words[0], words[1], words[2], "--allow-missing"])?;
        ensure!(output.status.code() == Some(1) && backup.join("manifest.json").exists());
        ensure!(told(&output).contains("these 3 objects"), "{}", told(&output));
    }
    Ok(())
}

#[test]
fn a_restore_goes_on_without_an_object_that_is_damaged_in_the_backup() -> Result<()> {
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        let (mut alice, ids) = with_files(&case)?;
        let backup = case.backup("backup")?;
        let [lost, damaged] =
            [TEXTS[0], TEXTS[1]].map(|text| object_of(&backup.join("objects"), text));
        let (lost, damaged) = (lost?, damaged?);
        fs::remove_file(&lost)?;
        fs::write(&damaged, "sEcond file")?;
        case.lose()?;
        fs::remove_dir_all(case.path("files"))?;
        let output = case.run(&["restore", &backup.display().to_string()])?;
        names(&output, &[(&lost, "is missing"), (&damaged, "is damaged")])?;
        ensure!(below(&case.path("files"))?.len() == 1);
        case.deployment.start()?;
        let fetched = fetched(&mut alice, &ids)?;
        ensure!(fetched[2] == (200, TEXTS[2].to_owned()), "{fetched:?}");
    }
    Ok(())
}

#[test]
fn verify_reads_the_objects_if_it_is_asked_to() -> Result<()> {
    for case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        with_files(&case)?;
        let store = case.path("files");
        case.done(&["verify", "--objects"])?;
        let [lost, damaged, _] = TEXTS.map(|text| object_of(&store, text));
        let (lost, damaged) = (lost?, damaged?);
        fs::remove_file(&lost)?;
        fs::write(&damaged, "sEcond file")?;
        case.done(&["verify"])?;
        let output = case.run(&["verify", "--objects"])?;
        let told = told(&output);
        ensure!(output.status.code() == Some(1), "{told}");
        for (object, fault) in [(lost, "is missing"), (damaged, "is damaged")] {
            let name = object.file_name().context("no name")?.to_string_lossy().into_owned();
            let line = format!("problem  the object {name} {fault}");
            ensure!(told.lines().any(|it| it.starts_with(&line)), "{line}: {told}");
        }
        ensure!(told.lines().filter(|it| it.starts_with("problem")).count() == 2, "{told}");
    }
    Ok(())
}

#[test]
fn objects_of_no_file_are_counted_and_named() -> Result<()> {
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        let (alice, _) = with_files(&case)?;
        let backup = case.backup("backup")?.display().to_string();
        alice.upload("b.txt", "text/plain", b"after the backup")?;
        let store = case.path("files");
        let orphan = object_of(&store, "after the backup")?;
        let doctor = ["doctor", "--backups", &backup];
        ensure!(case.done(&doctor)?.contains("ok       orphans: "));
        case.lose()?;
        case.done(&["restore", &backup])?;
        let said = case.done(&doctor)?;
        ensure!(said.contains("warning  orphans: 1 objects (0 MiB) in file:"), "{said}");
        let said = case.done(&["verify", "--objects"])?;
        ensure!(said.contains(&format!("orphan   {} is of no file", orphan.display())), "{said}");
        fs::remove_file(&orphan)?;
        ensure!(!case.done(&["verify", "--objects"])?.contains("orphan"));
        ensure!(case.done(&doctor)?.contains("ok       orphans: "));
    }
    Ok(())
}

/// What a restore that was killed, a full disk or a broken one has left.
#[test]
fn a_restore_replaces_objects_that_are_not_as_the_backup_has_them() -> Result<()> {
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        let (mut alice, ids) = with_files(&case)?;
        let backup = case.backup("backup")?;
        let store = case.path("files");
        let [half, damaged, partial] = TEXTS.map(|text| object_of(&store, text));
        fs::write(half?, "first f")?;
        fs::write(damaged?, "sEcond file")?;
        let partial = partial?;
        fs::rename(&partial, partial.with_extension("partial"))?;
        case.lose()?;
        case.done(&["restore", &backup.display().to_string()])?;
        ensure!(below(&store)?.len() == TEXTS.len(), "{:?}", below(&store)?);
        case.deployment.start()?;
        let expected = TEXTS.map(|text| (200, text.to_owned()));
        ensure!(fetched(&mut alice, &ids)? == expected);
        // And one that the backup has damaged is taken from the store, which has it.
        fs::write(object_of(&backup.join("objects"), TEXTS[1])?, "sEcond file")?;
        case.lose()?;
        case.done(&["restore", &backup.display().to_string()])?;
        case.deployment.start()?;
        ensure!(fetched(&mut alice, &ids)? == expected);
    }
    Ok(())
}
