//! What the commands refuse, how they say it, and what they leave.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use acceptance::Client;
use anyhow::{Result, ensure};

use super::{Case, refused, told};
use crate::harness::Launch;

#[test]
fn a_backup_is_its_owners_alone_and_goes_into_a_new_place_only() -> Result<()> {
    for case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        Client::signup(&case.deployment.endpoints, "Alice")?;
        let backup = case.path("backup");
        fs::create_dir(&backup)?;
        let words = ["backup", &backup.display().to_string()];
        // An empty one is fine, and so is a slash at the end.
        let output = case.run(&[words[0], &format!("{}/", words[1])])?;
        ensure!(output.status.success(), "{}", told(&output));
        let shown = case.url.rsplit('/').next().unwrap_or_default();
        ensure!(
            told(&output).contains(&format!("/{shown}\n")),
            "it does not name its database: {}",
            told(&output)
        );
        let mode = |path| -> Result<u32> { Ok(fs::metadata(path)?.permissions().mode() & 0o777) };
        ensure!(mode(backup.clone())? == 0o700);
        for file in fs::read_dir(&backup)? {
            let path = file?.path();
            ensure!(mode(path.clone())? == 0o600, "{}", path.display());
        }
        let sums = std::process::Command::new("sha256sum")
            .args(["--check", "manifest.sha256"])
            .current_dir(&backup)
            .output()?;
        ensure!(sums.status.success(), "{}", told(&sums));
        case.refused(&words, "holds something already")?;
        fs::write(case.path("file"), "")?;
        case.refused(&["backup", &case.path("file").display().to_string()], "cannot make")?;
        case.refused(&["restore", &backup.display().to_string()], "already")?;
        ensure!(case.done(&["verify"])?.contains("everything holds together"));
        // No session is in it.
        ensure!(!fs::read_to_string(backup.join("manifest.json"))?.contains("token"));
    }
    Ok(())
}

/// A mount point, a link and `.` cannot be renamed over, and in some parents nothing can be made.
#[test]
fn a_backup_goes_into_any_empty_directory() -> Result<()> {
    let mut case = Case::on_sqlite()?;
    Client::signup(&case.deployment.endpoints, "Alice")?;
    let parent = case.path("closed");
    let (inside, link) = (parent.join("inside"), case.path("link"));
    fs::create_dir_all(inside.join("lost+found"))?;
    fs::create_dir(case.path("target"))?;
    std::os::unix::fs::symlink("target", &link)?;
    let mode = |mode| fs::set_permissions(&parent, fs::Permissions::from_mode(mode));
    mode(0o500)?;
    let mut made = Vec::new();
    for (words, backup) in [
        (inside.join("."), inside),
        (link.clone(), link.clone()),
        (link.join(".."), link.join("..")),
    ] {
        let output = case.run(&["backup", &words.display().to_string()])?;
        if backup.ends_with("..") {
            refused(&output, "holds something already")?;
            continue;
        }
        ensure!(output.status.success(), "{}: {}", words.display(), told(&output));
        ensure!(fs::metadata(&backup)?.permissions().mode() & 0o777 == 0o700);
        ensure!(!backup.join(".partial").exists());
        made.push(backup.display().to_string());
    }
    mode(0o700)?;
    ensure!(fs::symlink_metadata(&link)?.is_symlink());
    for backup in made {
        ensure!(case.done(&["doctor", "--backups", &backup])?.contains("ok       backup"));
        case.lose()?;
        case.done(&["restore", &backup])?;
    }
    Ok(())
}

#[test]
fn a_backup_that_is_not_whole_or_not_as_it_was_written_is_refused() -> Result<()> {
    [Case::on_sqlite()?, Case::on_postgresql()?].into_iter().try_for_each(is_refused)
}

fn is_refused(mut case: Case) -> Result<()> {
    let mut alice = Client::connected(&case.deployment.endpoints, "Alice")?;
    alice.request(serde_json::json!({"to": alice.id, "content": "one of few words"}))?;
    let backup = case.backup("backup")?;
    case.lose()?;
    let restore = ["restore", &backup.display().to_string()];
    let file = |name: &str| backup.join(name);
    let with = |name: &str, text: &str, why: &str| -> Result<()> {
        let before = fs::read_to_string(file(name))?;
        fs::write(file(name), text)?;
        case.refused(&restore, why)?;
        ensure!(case.is_lost()?, "a database was made");
        fs::write(file(name), before)?;
        Ok(())
    };
    let message = fs::read_to_string(file("message.jsonl"))?;
    with(
        "message.jsonl",
        &message.replace("few", "two"),
        "message.jsonl is not as it was written",
    )?;
    with("message.jsonl", "", "message.jsonl is not as it was written")?;
    let manifest = fs::read_to_string(file("manifest.json"))?;
    with(
        "manifest.json",
        &manifest.replace("\"rows\": 1", "\"rows\": 2"),
        "is not as it was written",
    )?;
    for (old, new) in [("\"format\": 1", "\"format\": 2"), ("\"form\": ", "\"form\": 9")] {
        let newer = manifest.replace(old, new);
        fs::write(file("new"), &newer)?;
        let sum = std::process::Command::new("sha256sum").arg(file("new")).output()?;
        fs::remove_file(file("new"))?;
        let before = fs::read_to_string(file("manifest.sha256"))?;
        fs::write(file("manifest.sha256"), sum.stdout)?;
        with("manifest.json", &newer, "made by a newer program")?;
        fs::write(file("manifest.sha256"), before)?;
    }
    fs::rename(file("manifest.json"), file("m"))?;
    case.refused(&restore, "holds no whole backup")?;
    fs::rename(file("m"), file("manifest.json"))?;
    ensure!(case.done(&restore)?.contains("log in again"));
    Ok(())
}

#[test]
fn commands_have_help_and_make_no_database() -> Result<()> {
    let home = tempfile::tempdir()?;
    let none = home.path().join("none.db");
    let database = format!("--database=sqlite:{}", none.display());
    for program in ["messenger", "auth"] {
        let run = |words: &[&str]| Launch::new(program, home.path())?.args(words).run();
        for command in ["backup", "restore", "doctor", "verify"] {
            let help = run(&[command, "--help"])?;
            ensure!(help.status.success() && told(&help).contains("--database"), "{}", told(&help));
            ensure!(told(&run(&["--help"])?).contains(command));
            let wrong = run(&[command, "--no-such-flag"])?;
            ensure!(wrong.status.code() == Some(2), "{command}: {}", wrong.status);
            let wrong = run(&[command, "--database=mysql://x", "somewhere"])?;
            ensure!(wrong.status.code() == Some(2), "{command}: {}", wrong.status);
        }
        ensure!(run(&["backup"])?.status.code() == Some(2), "a backup to nowhere");
        let there = home.path().join("backup").display().to_string();
        refused(&run(&["backup", &there, &database])?, "no such file")?;
        // The flag may stand before the command too.
        refused(&run(&[&database, "backup", &there])?, "no such file")?;
        refused(&run(&["verify", &database])?, "no such file")?;
        ensure!(run(&["doctor", &database])?.status.success());
        let missing = run(&["restore", &there, &database])?;
        refused(&missing, "no whole backup")?;
        let memory = run(&["backup", &there, "--database=sqlite::memory:"])?;
        refused(&memory, "in memory")?;
        ensure!(!none.exists() && !home.path().join("backup").exists());
    }
    let chat = Launch::new("chat", home.path())?.args(&["backup", "x"]).run()?;
    ensure!(chat.status.code() == Some(2), "chat has no commands");
    Ok(())
}
