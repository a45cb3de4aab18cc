//! The commands of `admin`, while servers run.

use std::time::Duration;

use acceptance::Client;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Case, invited, is, log_in, told};
use crate::clock::Clock;
use crate::harness::{Launch, faketime};

/// After a command has ended, sockets of ended sessions close within a second; a busy machine may add one.
const SOON: Duration = Duration::from_secs(2);

fn is_closed(client: &mut Client) -> Result<()> {
    let code = client.closed_within(SOON)?;
    ensure!(code == 4401, "closed with {code}");
    Ok(())
}

#[test]
fn a_disabled_account_is_out_at_once_and_comes_back_when_it_is_enabled() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        let mut alice = invited(&case, "alice")?;
        let mut bob = invited(&case, "bob")?;
        alice.connect()?;
        bob.connect()?;
        case.admin(&["disable", "ALICE@example.com"])?;
        is_closed(&mut alice)?;
        bob.is_answered()?;
        alice.ask("GET", "/me")?.send()?.refused(401)?;
        for at in [case.endpoints(), case.other()] {
            is(&log_in(at, "alice@example.com", "secret")?, 403, "account_disabled")?;
            // Who does not know the password learns nothing.
            is(&log_in(at, "alice@example.com", "wrong!")?, 401, "wrong_credentials")?;
            is(&log_in(at, "nobody@example.com", "secret")?, 401, "wrong_credentials")?;
        }
        // What is sent to it waits for it.
        bob.send_message(&alice, "are you there")?;
        case.admin(&["enable", "alice@example.com"])?;
        is(&log_in(case.other(), "alice@example.com", "secret")?, 200, "")?;
        alice.login("device")?;
        alice.connect()?;
        alice.receive_message("are you there")?;
        case.admin(&["logout", "alice@example.com"])?;
        is_closed(&mut alice)?;
        is(&log_in(case.endpoints(), "alice@example.com", "secret")?, 200, "")?;
    }
    Ok(())
}

#[test]
fn an_account_is_deleted_only_where_that_is_confirmed() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        let mut alice = invited(&case, "alice")?;
        alice.connect()?;
        case.refused(&["delete", "alice@example.com"], 2, "repeat it with --yes")?;
        alice.is_answered()?;
        case.admin(&["delete", "alice@example.com", "--yes"])?;
        is_closed(&mut alice)?;
        is(&log_in(case.endpoints(), "alice@example.com", "secret")?, 401, "wrong_credentials")?;
        case.refused(&["delete", "alice@example.com", "--yes"], 1, "no account has the email")?;
        invited(&case, "alice")?;
    }
    Ok(())
}

#[test]
fn accounts_are_listed_and_counted() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        let stats =
            || -> Result<Value> { Ok(serde_json::from_str(&case.admin(&["stats", "--json"])?)?) };
        let empty: Value = serde_json::from_str(&case.admin(&["users", "--json"])?)?;
        ensure!(empty == json!([]), "{empty}");
        let mut alice = invited(&case, "alice")?;
        let bob = invited(&case, "bob")?;
        alice.connect()?;
        alice.send_message(&bob, "hello")?;
        case.admin(&["disable", "bob@example.com"])?;
        let users: Value = serde_json::from_str(&case.admin(&["users", "--json"])?)?;
        let of = |number: usize, key: &str| users[number][key].clone();
        ensure!(of(0, "id") == alice.id && of(0, "email") == "alice@example.com", "{users}");
        ensure!(of(0, "name") == "Somebody" && of(0, "disabled") == false, "{users}");
        ensure!(of(0, "bytes") == 5 && of(0, "messages") == 1, "{users}");
        ensure!(of(0, "last_seen").as_i64().is_some() && of(1, "disabled") == true, "{users}");
        ensure!(of(1, "messages") == 0 && users[2].is_null(), "{users}");
        let found = stats()?;
        ensure!(
            found["accounts"] == 2 && found["messages"] == 1 && found["sessions"] == 1,
            "{found}"
        );
        ensure!(found["database_bytes"].as_i64() > Some(0), "{found}");
        ensure!(found["file_bytes"].is_i64(), "{found}");
        let table = case.admin(&["users"])?;
        let lines: Vec<_> = table.lines().collect();
        ensure!(lines.len() == 3 && lines[1].contains("alice@example.com"), "{table}");
        ensure!(lines[2].ends_with("(disabled)"), "{table}");
        let said = case.admin(&["stats"])?;
        ensure!(said.lines().any(|line| line.split_whitespace().eq(["accounts", "2"])), "{said}");
    }
    Ok(())
}

#[test]
fn reports_are_listed_and_closed_while_servers_run() -> Result<()> {
    for case in Case::both(&["--signup=invite"])? {
        ensure!(case.admin(&["reports"])?.trim() == "no reports", "reports of nothing");
        let listed =
            || -> Result<Value> { Ok(serde_json::from_str(&case.admin(&["reports", "--json"])?)?) };
        ensure!(listed()? == json!([]), "{}", listed()?);
        let (mut alice, mut bob) = (invited(&case, "alice")?, invited(&case, "bob")?);
        alice.connect()?;
        bob.connect()?;
        let said = alice.send_message(&bob, "something\nrude")?;
        let second = alice.send_message(&bob, "and again")?["id"].clone();
        let id = said["id"].clone();
        bob.receive_message("and again")?;
        for (id, text) in [(&id, "he is rude"), (&second, "")] {
            bob.change_nothing(json!({"type": "report", "id": id, "text": text}))?;
        }
        let all = listed()?;
        let mut first = all[0].clone();
        ensure!(first["at"].as_i64() >= said["at"].as_i64(), "{all}");
        first["at"] = json!(0);
        let person = |id: i64, email: &str| json!({"id": id, "name": "Somebody", "email": email});
        let expected = json!({"id": id, "at": 0, "by": person(bob.id, "bob@example.com"),
            "text": "he is rude", "from": person(alice.id, "alice@example.com"), "to": bob.id,
            "sent_at": said["at"], "content": "something\nrude", "files": []});
        ensure!(first == expected && all[1]["id"] == second && all[2].is_null(), "{all}");
        let table = case.admin(&["reports"])?;
        ensure!(table.lines().any(|line| line.trim() == "because   he is rude"), "{table}");
        ensure!(table.lines().any(|line| line.ends_with("something\\nrude")), "{table}");

        case.admin(&["delete", "alice@example.com", "--yes"])?;
        ensure!(listed()?[0]["from"] == json!({"id": alice.id}), "{}", listed()?);
        case.admin(&["reports", "--close", &id.to_string()])?;
        ensure!(listed()?[0]["id"] == second && listed()?[1].is_null(), "{}", listed()?);
        case.refused(&["reports", "--close", &id.to_string()], 1, "no report of message")?;
        case.refused(&["reports", "--close", "first"], 2, "--close")?;
    }
    Ok(())
}

#[test]
fn what_is_no_email_number_or_command_is_said_and_does_nothing() -> Result<()> {
    let case = Case::on_sqlite(&[])?;
    for (words, why) in [
        (&["invite", "--uses", "0"] as &[_], "--uses"),
        (&["invite", "--uses", "-1"], "-1"),
        (&["invite", "--uses", "99999999999999999999"], "--uses"),
        (&["invite", "--uses", "10001"], "--uses"),
        (&["invite", "--uses", "many"], "--uses"),
        (&["invite", "--days", "0"], "--days"),
        (&["invite", "--days", "366"], "--days"),
        (&["invite", "--days", "1.5"], "--days"),
        (&["invite", "--email", "nobody"], "--email"),
        (&["invite", "--email", ""], "--email"),
        (&["invite", "--email", "a@x\r\nBcc: b@x"], "--email"),
        (&["invite", "--email", "Name <a@example.com>"], "--email"),
        (&["reset"], "EMAIL"),
        (&["reset", "nobody"], "email"),
        (&["disable", "a b@example.com"], "email"),
        (&["delete", "a@example.com"], "--yes"),
        (&["everything"], "everything"),
        (&[], "invite"),
    ] {
        case.refused(words, 2, why)?;
    }
    for command in ["reset", "disable", "enable", "logout"] {
        case.refused(&[command, "nobody@example.com"], 1, "no account has the email")?;
    }
    let users = case.admin(&["users", "--json"])?;
    ensure!(users.trim() == "[]", "{users}");
    Ok(())
}

#[test]
fn a_command_makes_no_database() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("messenger.db");
    for words in [&["users"] as &[_], &["invite"], &["stats"], &["reset", "a@example.com"]] {
        let launch = Launch::new("messenger", dir.path())?.args(&["admin"]).args(words);
        let output = launch.args(&["--database", &format!("sqlite:{}", file.display())]).run()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1) && said.contains("no such file"), "{said}");
        ensure!(!file.exists() && output.stdout.is_empty(), "{said}");
    }
    // The place of the default database is as empty.
    let output = Launch::new("messenger", dir.path())?.args(&["admin", "users"]).run()?;
    ensure!(output.status.code() == Some(1), "{}", output.status);
    let count = walk(dir.path())?;
    ensure!(count == 0, "{count} files");
    Ok(())
}

fn walk(place: &std::path::Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(place).context("a directory")? {
        let path = entry?.path();
        count += if path.is_dir() { walk(&path)? } else { 1 };
    }
    Ok(count)
}

#[test]
fn a_link_ends_by_the_time_of_the_server_and_not_of_a_clock_that_is_behind() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (behind, library) = (Clock::new(dir.path(), "-3d")?, faketime()?);
    for case in Case::both(&["--signup=invite"])? {
        let words = ["invite", "--days", "1", "--json"];
        let output = behind.shown_to(case.command(&words)?, &library).run()?;
        ensure!(output.status.success(), "{}", told(&output));
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(said.contains("s behind the time that the server has recorded"), "{said}");
        let made: Value = serde_json::from_slice(&output.stdout)?;
        let code = made["code"].as_str().context("no code")?;
        let body =
            json!({"email": "late@example.com", "name": "L", "password": "secret", "invite": code});
        is(&super::ask(case.endpoints(), "/signup", &body)?, 201, "")?;
    }
    Ok(())
}
