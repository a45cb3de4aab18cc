//! What `doctor` and `verify` end with.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use acceptance::Client;
use anyhow::{Result, anyhow, ensure};

use super::{Case, told};
use crate::harness::{Cluster, Launch};

#[test]
fn the_doctor_looks_at_a_live_database_and_finds_nothing_wrong() -> Result<()> {
    for case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        let backup = case.backup("backup")?.display().to_string();
        let said = case.done(&["doctor", "--backups", &backup])?;
        for word in ["schema", "clock", "limits", "address", "files", "mail", "backup: the newest"]
        {
            ensure!(said.contains(word), "nothing about {word}:\n{said}");
        }
        ensure!(said.lines().all(|line| line.starts_with("ok ")), "{said}");
    }
    Ok(())
}

#[test]
fn the_doctor_ends_with_one_if_something_is_wrong() -> Result<()> {
    let home = tempfile::tempdir()?;
    let doctor = |words: &[&str], problem: &str| -> Result<()> {
        let output = Launch::new("messenger", home.path())?.args(words).run()?;
        let said = told(&output);
        let line = said.lines().find(|line| line.starts_with("problem ")).unwrap_or_default();
        ensure!(output.status.code() == Some(1), "{words:?}: {}\n{said}", output.status);
        ensure!(line.contains(problem), "{words:?}: {said}");
        Ok(())
    };
    let url = Cluster::shared()?.database()?;
    let (server, _) = url.rsplit_once('/').unwrap_or_default();
    doctor(&["doctor", "--database", &format!("{server}/nowhere")], "createdb nowhere")?;
    fs::write(home.path().join("text"), "no database, though it is long enough".repeat(99))?;
    let text = format!("sqlite:{}", home.path().join("text").display());
    doctor(&["doctor", "--database", &text], "is no SQLite database")?;
    let none = format!("sqlite:{}", home.path().join("none").display());
    let backups = home.path().display().to_string();
    doctor(&["doctor", "--database", &none, "--backups", &backups], "no whole one")?;
    let nowhere = home.path().join("nowhere").display().to_string();
    doctor(&["doctor", "--database", &none, "--backups", &nowhere], "cannot read")?;
    // The first error of a backup that is there.
    fs::create_dir(home.path().join("half"))?;
    fs::write(home.path().join("half/manifest.json"), "{}")?;
    doctor(&["doctor", "--database", &none, "--backups", &backups], "manifest.sha256")?;
    Ok(())
}

#[test]
fn the_doctor_tries_the_file_store_and_the_mail_server() -> Result<()> {
    let case = Case::on_sqlite()?;
    let doctor = |flags: &[&str], status: i32, line: &str| -> Result<()> {
        let launch = Launch::new("messenger", case.deployment.dir())?;
        let launch = launch.args(&["--public-url=http://localhost"]).args(flags);
        let output = launch.args(&["doctor", "--database", &case.url]).run()?;
        let said = told(&output);
        ensure!(output.status.code() == Some(status), "{flags:?}: {}\n{said}", output.status);
        ensure!(said.lines().any(|one| one.starts_with(line)), "{flags:?}: no {line}\n{said}");
        Ok(())
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("--smtp=smtp://{}?from=messenger@chat.example", listener.local_addr()?);
    let commands = thread::Builder::new().spawn(move || mail_server(&listener))?;
    doctor(&[&url], 0, "ok       mail: 127.0.0.1:")?;
    let commands = commands.join().map_err(|_| anyhow!("the mail server panicked"))??;
    ensure!(commands == ["EHLO", "NOOP", "QUIT"], "{commands:?}");
    // Nobody is there any more.
    doctor(&[&url], 1, "problem  mail: 127.0.0.1:")?;

    let path = case.deployment.dir().join("a-file");
    fs::write(&path, "")?;
    let named = |path: &str| format!("--files=file:{path}");
    doctor(&[&named(&path.display().to_string())], 1, "problem  files: ")?;
    doctor(&[&named("/proc/not/there")], 1, "problem  files: /proc/not/there cannot be made")?;
    doctor(&[&named(&case.deployment.dir().display().to_string())], 0, "ok       files: ")
}

/// Serves one connection, and returns the commands that came.
fn mail_server(listener: &TcpListener) -> Result<Vec<String>> {
    let (mut stream, _) = listener.accept()?;
    stream.write_all(b"220 here\r\n")?;
    let mut commands = Vec::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        commands.push(line?.split(' ').next().unwrap_or_default().to_owned());
        stream.write_all(b"250 fine\r\n")?;
        if commands.last().is_some_and(|last| last == "QUIT") {
            break;
        }
    }
    Ok(commands)
}

#[test]
fn the_doctor_sees_settings_that_do_not_fit() -> Result<()> {
    let case = Case::on_sqlite()?;
    let said = |words: &[&str]| -> Result<String> {
        let launch = Launch::new("messenger", case.deployment.dir())?.args(words);
        let output = launch.args(&["doctor", "--database", &case.url]).run()?;
        ensure!(output.status.success(), "a warning is no problem: {}", told(&output));
        Ok(told(&output))
    };
    ensure!(said(&["--chat-listen=0.0.0.0:0"])?.contains("set --public-url"));
    ensure!(said(&["--public-url=http://chat.invalid"])?.contains("passwords go in the clear"));
    ensure!(said(&["--public-url=https://chat.invalid"])?.contains("is it in the DNS?"));
    ensure!(
        said(&["--public-url=https://chat.invalid"])?.contains("set --trusted-proxy 127.0.0.1")
    );
    let behind = said(&["--public-url=https://localhost", "--trusted-proxy=127.0.0.1"])?;
    ensure!(behind.contains("ok       proxy"), "{behind}");
    Ok(())
}

/// A server that starts there would be in doubt, or is.
#[test]
fn the_doctor_compares_the_clock_with_what_was_recorded() -> Result<()> {
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        case.deployment.stop()?;
        let shift = |days: i64| -> Result<()> {
            case.sql(&format!("update clock set seen = seen + {}", days * 24 * 60 * 60 * 1000))
        };
        shift(-60)?;
        let said = case.done(&["doctor"])?;
        ensure!(said.contains("warning  clock: it shows 60.0 days more"), "{said}");
        ensure!(said.contains("--clock-confirmed") && !said.contains("ok       clock"), "{said}");
        shift(120)?;
        let output = case.run(&["doctor"])?;
        let said = told(&output);
        ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
        ensure!(said.contains("problem  clock: it shows 60.0 days less"), "{said}");
        shift(-60)?;
        ensure!(case.done(&["doctor"])?.contains("ok       clock"));
    }
    Ok(())
}

/// The checks are about the newest schema.
#[test]
fn an_older_schema_is_not_verified_and_a_sentence_says_so() -> Result<()> {
    for mut case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        case.deployment.stop()?;
        // The last migration of an engine may have changed no column.
        case.sql(
            "delete from schema_version where version >= \
             (select max(version) - 1 from schema_version)",
        )?;
        case.refused(&["verify"], "has an older schema")?;
        case.backup("backup")?;
    }
    Ok(())
}

#[test]
fn damage_is_named_by_numbers_and_without_texts() -> Result<()> {
    for case in [Case::on_sqlite()?, Case::on_postgresql()?] {
        let mut alice = Client::connected(&case.deployment.endpoints, "Alice")?;
        alice.request(serde_json::json!({"to": alice.id, "content": "a secret note"}))?;
        case.sql("update log set stored = 3; update message set at = at + 3600000")?;
        let output = case.run(&["verify"])?;
        let said = told(&output);
        ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
        ensure!(said.contains("counted wrong: account 1"), "{said}");
        ensure!(!said.contains("secret") && !said.contains("example.com"), "{said}");
        // And a message from the future is the clock's fault.
        let output = case.run(&["doctor"])?;
        ensure!(output.status.code() == Some(1) && told(&output).contains("problem  clock"));
    }
    Ok(())
}
