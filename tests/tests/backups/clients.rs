//! Whoever knew more than the backup is told so, and neither misses nor repeats anything from then on.

use acceptance::Client;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Case;

#[test]
fn a_client_that_was_ahead_of_a_backup_of_sqlite_is_told_so() -> Result<()> {
    is_told_so(Case::on_sqlite()?)
}

#[test]
fn a_client_that_was_ahead_of_a_backup_of_postgresql_is_told_so() -> Result<()> {
    is_told_so(Case::on_postgresql()?)
}

/// The welcome to this `since`, whatever it says.
fn welcome(client: &mut Client, since: Option<i64>) -> Result<Value> {
    client.open(&[])?;
    let mut hello = json!({"type": "hello", "token": client.token});
    if let Some(since) = since {
        hello["since"] = json!(since);
    }
    client.write(&hello)?;
    client.receive_type("welcome")
}

fn int(value: &Value, key: &str) -> Result<i64> {
    value[key].as_i64().with_context(|| format!("no {key}: {value}"))
}

fn is_told_so(mut case: Case) -> Result<()> {
    let endpoints = case.deployment.endpoints.clone();
    let mut alice = Client::connected(&endpoints, "Alice")?;
    let mut bob = Client::connected(&endpoints, "Bob")?;
    for n in 0..5 {
        alice.send_message(&bob, &format!("acknowledged {n}"))?;
    }
    let last = bob.receive_message("acknowledged 4")?;
    bob.acknowledge(int(&last, "seq")?)?;
    alice.send_message(&bob, "waiting")?;
    let backup = case.backup("backup")?;
    // What comes after it is lost.
    let mut ahead = 0;
    let mut highest = 0;
    for n in 0..7 {
        let sent = alice.send_message(&bob, &format!("lost {n}"))?;
        highest = highest.max(int(&sent, "id")?);
        ahead = int(&bob.receive_message(&format!("lost {n}"))?, "seq")?;
    }
    let carol = Client::signup(&endpoints, "Carol")?;
    let token = bob.token.clone();
    case.lose()?;
    case.done(&["restore", &backup.display().to_string()])?;
    case.deployment.start()?;

    // Sessions have ended.
    bob.token.clone_from(&token);
    bob.open(&[])?;
    bob.write(&json!({"type": "hello", "token": token}))?;
    ensure!(bob.closed()? == 4401, "an old session lives on");

    // A log from before is not this one, wherever in it the client was.
    for since in [0, 1, ahead - 3, ahead, ahead + 1000] {
        bob.login("again")?;
        let welcome = welcome(&mut bob, Some(since))?;
        ensure!(welcome["recovered"] == false, "since {since}: {welcome}");
        let seq = int(&welcome, "seq")?;
        ensure!(seq > ahead + (1 << 32) && int(&welcome, "head")? < 1 << 53, "{welcome}");
        // What no device had acknowledged comes as it does to a new device.
        let first = bob.receive_next()?;
        ensure!(first["content"] == "waiting" && int(&first, "seq")? == seq + 1, "{first}");
        let rest = bob.is_answered()?;
        ensure!(rest.is_empty(), "what was acknowledged or lost came again: {rest:?}");
        bob.leave();
    }
    let mut phone = bob.device("phone")?;
    let seen = welcome(&mut phone, None)?;
    ensure!(seen["recovered"] == true, "a new device: {seen}");
    ensure!(phone.receive_next()?["content"] == "waiting");

    // It goes on without a hole, and no number is an old one.
    alice.login("again")?;
    let told = welcome(&mut alice, Some(ahead + 3))?;
    ensure!(told["recovered"] == false, "{told}");
    let sent = alice.send_message(&bob, "afterwards")?;
    ensure!(int(&sent, "id")? > highest && int(&sent, "seq")? > ahead, "{sent}");
    let heard = phone.receive_message("afterwards")?;
    ensure!(int(&heard, "seq")? == int(&seen, "head")? + 1, "{heard} after {seen}");
    let since = int(&heard, "seq")? - 1;
    phone.leave();
    alice.send_message(&bob, "and more")?;
    phone.connect_since(since)?;
    for content in ["afterwards", "and more"] {
        ensure!(phone.receive_next()?["content"] == content);
    }
    let history = alice.request(json!({"type": "history", "with": bob.id}))?;
    let texts: Vec<_> = history["messages"].as_array().into_iter().flatten().collect();
    ensure!(texts.len() == 8, "5 acknowledged, 1 waiting, 2 new: {history}");
    ensure!(!history.to_string().contains("lost"), "{history}");
    let dora = Client::signup(&endpoints, "Dora")?;
    ensure!(dora.id > carol.id, "{} was somebody else", dora.id);
    case.done(&["verify"]).map(drop)
}
