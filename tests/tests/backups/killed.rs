//! `kill -9` in the middle of a backup and of a restore.

use std::path::Path;
use std::time::{Duration, Instant};

use acceptance::{Client, PATIENCE};
use anyhow::{Result, bail, ensure};
use serde_json::json;

use super::Case;
use super::files::below;

/// It may be over before it is killed; some time it is not.
const TRIES: usize = 50;

fn busy(case: &Case) -> Result<()> {
    let mut alice = Client::connected(&case.deployment.endpoints, "Alice")?;
    for n in 0..1000 {
        alice.write(&json!({"to": alice.id, "content": format!("{n} {}", "word ".repeat(100)), "ref": format!("r{n}")}))?;
    }
    alice.answer_to("r999").map(drop)
}

/// Starts a command and kills it as soon as `is_under_way`; false if it was over before.
fn kill(case: &Case, words: &[&str], is_under_way: impl Fn() -> bool) -> Result<bool> {
    let mut running = case.launch(words)?.start()?;
    let began = Instant::now();
    while !is_under_way() {
        if !running.runs()? {
            return Ok(false);
        }
        if began.elapsed() > PATIENCE {
            bail!("{words:?} never begins");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    running.kill()?;
    Ok(true)
}

#[test]
fn a_backup_that_is_killed_is_none_and_the_next_one_is() -> Result<()> {
    for case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        busy(&case)?;
        let (backup, partial) = (case.path("backup"), case.path("backup.partial"));
        let shown = backup.display().to_string();
        let mut kills = 0;
        for _ in 0..TRIES {
            let is_under_way = || partial.join("account.jsonl").exists();
            if kill(&case, &["backup", &shown], is_under_way)? && partial.exists() {
                kills += 1;
                ensure!(!backup.exists(), "half a backup stands for a whole one");
                case.refused(&["restore", &shown], "no whole backup")?;
                case.refused(&["restore", &partial.display().to_string()], "")?;
            }
            if backup.exists() {
                std::fs::remove_dir_all(&backup)?;
            }
            if kills == 3 {
                break;
            }
        }
        ensure!(kills > 0, "it was never killed in the middle");
        case.backup("backup")?;
        ensure!(!partial.exists(), "what was broken off is still there");
        case.done(&["doctor", "--backups", &shown])?;
    }
    Ok(())
}

#[test]
fn a_restore_that_is_killed_has_not_happened_and_the_next_one_does() -> Result<()> {
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        busy(&case)?;
        let backup = case.backup("backup")?.display().to_string();
        let file = case.deployment.database_file();
        let partial = case.path("messenger.db.partial");
        let is_file = case.url.starts_with("sqlite:");
        let mut kills = 0;
        for n in 0..TRIES {
            case.lose()?;
            let began = Instant::now();
            // PostgreSQL shows nothing of it: at different points of its way.
            let wait = Duration::from_millis(20 * n as u64 % 400);
            let is_under_way =
                || if is_file { has_begun(&partial) } else { began.elapsed() > wait };
            let is_killed = kill(&case, &["restore", &backup], is_under_way)?;
            let verified = case.run(&["verify"])?;
            if is_killed && !verified.status.success() {
                kills += 1;
                ensure!(!file.exists(), "half a database stands for a whole one");
                case.done(&["restore", &backup])?;
                case.done(&["verify"])?;
                ensure!(!partial.exists(), "what was broken off is still there");
            }
            if kills == 3 {
                break;
            }
        }
        ensure!(kills > 0, "it was never killed in the middle");
        case.deployment.start()?;
        case.deployment.endpoints.serves()?;
    }
    Ok(())
}

#[test]
fn a_restore_that_is_killed_while_it_writes_files_leaves_none_in_part() -> Result<()> {
    const FILES: usize = 8;
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        let alice = Client::signup(&case.deployment.endpoints, "Alice")?;
        for n in 0..FILES {
            alice.upload("a.bin", "text/plain", n.to_string().repeat(300_000).as_bytes())?;
        }
        let backup = case.backup("backup")?.display().to_string();
        let files = case.path("files");
        let written = || below(&files).unwrap_or_default();
        let mut kills = 0;
        for n in 0..TRIES {
            case.lose()?;
            std::fs::remove_dir_all(&files)?;
            // At different objects of them.
            let is_under_way = || written().len() > n % FILES;
            let is_killed = kill(&case, &["restore", &backup], is_under_way)?;
            if !is_killed || case.run(&["verify"])?.status.success() {
                continue;
            }
            kills += 1;
            let half = |path: &Path| {
                path.extension().is_none() && path.metadata().is_ok_and(|it| it.len() < 300_000)
            };
            ensure!(
                !written().iter().any(|path| half(path)),
                "half an object stands for a whole one"
            );
            case.done(&["restore", &backup])?;
            case.done(&["verify", "--objects"])?;
            ensure!(
                written().len() == FILES,
                "what was broken off is still there: {:?}",
                written()
            );
            if kills == 2 {
                break;
            }
        }
        ensure!(kills > 0, "it was never killed in the middle");
    }
    Ok(())
}

fn has_begun(partial: &Path) -> bool {
    partial.metadata().is_ok_and(|file| file.len() > 100_000)
}
