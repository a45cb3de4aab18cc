//! A chat server with a script, which says of any client that connects which of a client's promises it keeps.
//!
//! The client is account 1, with whatever token, and is to say something to account 2 under a `ref`.

mod line;

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::json;
use tungstenite::Message;

use self::line::Line;
use crate::Heard;

/// How a client kept a promise.
pub struct Verdict {
    /// What it promised.
    pub promise: &'static str,
    /// Whether it did, or else what it did.
    pub kept: Result<()>,
}

/// Tries whether a promise is kept.
type Act = fn(&mut Line) -> Result<()>;

/// What a client promises, in the order in which it is tried.
const ACTS: [(&str, Act); 10] = [
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

/// Plays the server's part to the client that connects, with a line to `out` for each promise. `away`: for how long it
/// must not be seen again once it is turned away.
///
/// # Errors
/// When nobody can be listened to.
pub fn judge(listener: TcpListener, away: Duration, mut out: impl Write) -> Result<Vec<Verdict>> {
    let mut line = Line::new(listener, away)?;
    let verdicts = ACTS.map(|(promise, act)| {
        let kept = act(&mut line);
        let _ = match &kept {
            Ok(()) => writeln!(out, "ok      {promise}"),
            Err(error) => writeln!(out, "FAILED  {promise}: {error:#}"),
        };
        Verdict { promise, kept }
    });
    Ok(verdicts.into())
}

fn greets(line: &mut Line) -> Result<()> {
    let since = line.answer_call()?;
    line.seq = since.unwrap_or(0);
    line.welcome(true)
}

fn acknowledges(line: &mut Line) -> Result<()> {
    line.event(json!({"content": "one"}))?;
    line.say(&json!({"type": "weather", "sky": "blue"}))?;
    line.event(json!({"content": "two", "colour": "red", "deep": [{"a": null}]}))?;
    line.event(json!({"content": "three"}))?;
    line.is_acknowledged()
}

fn pongs(line: &mut Line) -> Result<()> {
    let payload = b"are you there?".to_vec();
    line.send(Message::Ping(payload.clone().into()))?;
    line.hear("a pong", |heard, _| *heard == Heard::Pong(payload.clone()))
}

fn resumes(line: &mut Line) -> Result<()> {
    if line.unanswered.is_empty() {
        line.hear("a message under a `ref`", |_, line| !line.unanswered.is_empty())?;
    }
    line.hang_up();
    line.is_called_back(0)
}

fn repeats(line: &mut Line) -> Result<()> {
    let Some(first) = line.lost.first().cloned() else { bail!("it said nothing under a `ref`") };
    let mut repeated = None;
    line.hear("the same `ref` again", |heard, _| {
        if let Heard::Json(frame) = heard
            && frame["ref"] == first["ref"]
        {
            repeated = Some(frame.clone());
        }
        repeated.is_some()
    })?;
    let repeated = repeated.unwrap_or_default();
    let is_same = ["to", "group", "content"].iter().all(|key| repeated[key] == first[key]);
    line.answer_what_waits()?;
    ensure!(is_same, "{first} became {repeated}");
    Ok(())
}

fn comes_back_to_a_restarted_server(line: &mut Line) -> Result<()> {
    comes_back(line, 1001)
}

fn comes_back_after_reading_slowly(line: &mut Line) -> Result<()> {
    comes_back(line, 4409)
}

fn comes_back(line: &mut Line, code: u16) -> Result<()> {
    line.event(json!({"content": "before the close"}))?;
    line.close(code)?;
    line.is_called_back(0)
}

fn rebuilds(line: &mut Line) -> Result<()> {
    line.hang_up();
    line.is_called_back(1000)?;
    line.hear(
        "`conversations`",
        |heard, _| matches!(heard, Heard::Json(frame) if frame["type"] == "conversations"),
    )?;
    line.event(json!({"content": "after what was lost"}))?;
    line.close(1001)?;
    line.is_called_back(0)
}

fn stays_away(line: &mut Line) -> Result<()> {
    let message = "the token is wrong, expired or revoked; log in again";
    line.say(&json!({"type": "error", "code": "unauthorized", "message": message}))?;
    line.close(4401)?;
    line.is_left_alone()
}

fn is_well_spoken(line: &mut Line) -> Result<()> {
    line.hang_up();
    ensure!(line.has_heard, "it said nothing at all");
    ensure!(line.faults.is_empty(), "{}", line.faults.join("; "));
    Ok(())
}
