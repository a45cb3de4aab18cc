//! A scripted chat server that checks which promises of the protocol a client keeps.
//!
//! The client is account 1, with any token, and must send a message with a `ref` to account 2.

mod server;

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::json;
use tungstenite::Message;

use self::server::ScriptedServer;
use crate::Received;

/// The outcome of one check.
pub struct Outcome {
    /// What it promised.
    pub promise: &'static str,
    /// Whether it did, or else what it did.
    pub kept: Result<()>,
}

/// Tries whether a promise is kept.
type Check = fn(&mut ScriptedServer) -> Result<()>;

/// What a client promises, in the order in which it is tried.
const CHECKS: [(&str, Check); 10] = [
    ("says hello first, with its token", greets),
    ("acknowledges all events, among keys and types that it does not know", acknowledges),
    ("answers a WebSocket ping", pongs),
    ("comes back after a drop, with the highest `seq` it has seen as `since`", resumes),
    ("says what was not answered again, under the same `ref`", repeats),
    ("comes back after 1001, with `since`", comes_back_to_a_restarted_server),
    ("comes back after 4409, with `since`", comes_back_after_reading_slowly),
    (
        "asks for `conversations` when its log is lost, and goes on from the welcome's `seq`",
        rebuilds,
    ),
    ("stays away after 4401", stays_away),
    ("says only what the schema has", is_well_spoken),
];

/// Serves the client that connects and writes a line to `out` for each promise. `away`: for how long the client must not
/// connect again after 4401.
///
/// # Errors
/// When nobody can be listened to.
pub fn check_client(
    listener: TcpListener,
    away: Duration,
    mut out: impl Write,
) -> Result<Vec<Outcome>> {
    let mut server = ScriptedServer::new(listener, away)?;
    let outcomes = CHECKS.map(|(promise, check)| {
        let kept = check(&mut server);
        let _ = match &kept {
            Ok(()) => writeln!(out, "ok      {promise}"),
            Err(error) => writeln!(out, "FAILED  {promise}: {error:#}"),
        };
        Outcome { promise, kept }
    });
    Ok(outcomes.into())
}

fn greets(server: &mut ScriptedServer) -> Result<()> {
    let since = server.answer_call()?;
    server.seq = since.unwrap_or(0);
    server.welcome(true)
}

fn acknowledges(server: &mut ScriptedServer) -> Result<()> {
    server.event(json!({"content": "one"}))?;
    server.send_json(&json!({"type": "weather", "sky": "blue"}))?;
    server.event(json!({"content": "two", "colour": "red", "deep": [{"a": null}]}))?;
    server.event(json!({"content": "three"}))?;
    server.is_acknowledged()
}

fn pongs(server: &mut ScriptedServer) -> Result<()> {
    let payload = b"are you there?".to_vec();
    server.send(Message::Ping(payload.clone().into()))?;
    server.receive("a pong", |heard, _| *heard == Received::Pong(payload.clone()))
}

fn resumes(server: &mut ScriptedServer) -> Result<()> {
    if server.unanswered.is_empty() {
        server.receive("a message under a `ref`", |_, server| !server.unanswered.is_empty())?;
    }
    server.hang_up();
    server.is_called_back(0)
}

fn repeats(server: &mut ScriptedServer) -> Result<()> {
    let Some(first) = server.lost.first().cloned() else { bail!("it said nothing under a `ref`") };
    let mut repeated = None;
    server.receive("the same `ref` again", |heard, _| {
        if let Received::Json(frame) = heard
            && frame["ref"] == first["ref"]
        {
            repeated = Some(frame.clone());
        }
        repeated.is_some()
    })?;
    let repeated = repeated.unwrap_or_default();
    let is_same = ["to", "group", "content"].iter().all(|key| repeated[key] == first[key]);
    server.answer_what_waits()?;
    ensure!(is_same, "{first} became {repeated}");
    Ok(())
}

fn comes_back_to_a_restarted_server(server: &mut ScriptedServer) -> Result<()> {
    comes_back(server, 1001)
}

fn comes_back_after_reading_slowly(server: &mut ScriptedServer) -> Result<()> {
    comes_back(server, 4409)
}

fn comes_back(server: &mut ScriptedServer, code: u16) -> Result<()> {
    server.event(json!({"content": "before the close"}))?;
    server.close(code)?;
    server.is_called_back(0)
}

fn rebuilds(server: &mut ScriptedServer) -> Result<()> {
    server.hang_up();
    server.is_called_back(1000)?;
    server.receive(
        "`conversations`",
        |heard, _| matches!(heard, Received::Json(frame) if frame["type"] == "conversations"),
    )?;
    server.event(json!({"content": "after what was lost"}))?;
    server.close(1001)?;
    server.is_called_back(0)
}

fn stays_away(server: &mut ScriptedServer) -> Result<()> {
    let message = "the token is wrong, expired or revoked; log in again";
    server.send_json(&json!({"type": "error", "code": "unauthorized", "message": message}))?;
    server.close(4401)?;
    server.is_left_alone()
}

fn is_well_spoken(server: &mut ScriptedServer) -> Result<()> {
    server.hang_up();
    ensure!(server.has_heard, "it said nothing at all");
    ensure!(server.faults.is_empty(), "{}", server.faults.join("; "));
    Ok(())
}
