//! A deleted account is gone from the database file itself.

use std::fs;

use acceptance::{Client, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

#[test]
fn a_deleted_account_leaves_no_trace_in_the_database_file() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::Pair] {
        let deployment = Deployment::launch(&kind, &[])?;
        let mut alice = Client::connected(&deployment.endpoints, "Aloysia Unforgettable")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        for n in 0..50 {
            alice.send_message(&bob, &format!("letter {n}"))?;
        }
        bob.send_message(&alice, "an answer")?;
        // Nobody else got this: it goes, and its words go out of the search index.
        alice.request(json!({"to": alice.id, "content": "kaleidoscopic note"}))?;
        let renamed =
            alice.ask("PATCH", "/me")?.json(&json!({"name": "Aloysia Renamed"})).send()?;
        renamed.expect(200)?;
        let (note, renamed) = ("kaleidoscopic".to_owned(), "Aloysia Renamed".to_owned());
        let wanted = [alice.email.clone(), note, alice.name.clone(), renamed];
        let hashes = count(&deployment, "$argon2id$")?;
        for text in &wanted[..2] {
            ensure!(count(&deployment, text)? > 0, "{text:?} is not even there before");
        }
        ensure!(hashes > 0, "no password hash is there before");

        let delete = json!({"password": alice.password});
        alice.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;
        for text in &wanted {
            for spelling in [text.clone(), text.to_lowercase()] {
                ensure!(count(&deployment, &spelling)? == 0, "{spelling:?} is still in the file");
            }
        }
        ensure!(count(&deployment, "first device")? <= 1, "a session is still in the file");
        let left = count(&deployment, "$argon2id$")?;
        ensure!(left <= 1, "{left} password hashes for one account (there were {hashes})");
        ensure!(count(&deployment, "letter 49")? > 0, "Bob has lost what he got");
    }
    Ok(())
}

/// A copy or a shell that reads for long keeps an older state in the write-ahead log.
#[test]
fn a_reader_of_an_older_state_is_waited_for() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::Pair] {
        let deployment = Deployment::launch(&kind, &[])?;
        let alice = Client::connected(&deployment.endpoints, "Aloysia Unforgettable")?;
        let reader = rusqlite::Connection::open(deployment.database_file())?;
        reader.execute_batch("begin")?;
        let sees = || reader.query_row("select count(*) from account", [], |row| row.get(0));
        let before: i64 = sees()?;
        let delete = json!({"password": alice.password});
        alice.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;
        ensure!(sees()? == before && count(&deployment, &alice.email)? > 0, "nothing to wait for");
        reader.execute_batch("rollback")?;
        until("a file without the account", PATIENCE, || {
            let left = count(&deployment, &alice.email)? + count(&deployment, &alice.name)?;
            Ok((left == 0).then_some(()))
        })?;
    }
    Ok(())
}

/// How often these bytes stand in the database's files.
fn count(deployment: &Deployment, text: &str) -> Result<usize> {
    let base = deployment.database_file();
    let mut found = 0;
    for suffix in ["", "-wal", "-journal"] {
        let mut path = base.clone().into_os_string();
        path.push(suffix);
        let Ok(bytes) = fs::read(&path) else {
            ensure!(!suffix.is_empty(), "no database at {}", base.display());
            continue;
        };
        let needle = text.as_bytes();
        found += bytes.windows(needle.len()).filter(|window| *window == needle).count();
    }
    fs::metadata(&base).context("no database")?;
    Ok(found)
}
