//! A small client of ours keeps all promises of a client; and the judge sees when one does not.

use std::io;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use acceptance::{Client, Endpoints, Received, check_client};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;

/// Long enough for a client that comes back at once.
const AWAY: Duration = Duration::from_millis(500);

/// What a client does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    ForgetsWhereItWas,
    FindsNewRefs,
    DoesNotRebuild,
    ComesBackUnwanted,
    SaysWhatNobodyKnows,
}

#[test]
fn our_own_client_keeps_every_promise() -> Result<()> {
    let broken = broken_by(Flaw::None)?;
    ensure!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

#[test]
fn a_broken_promise_is_seen() -> Result<()> {
    let expected = [
        (Flaw::ForgetsWhereItWas, vec!["a drop", "1001", "4409", "log is lost"]),
        (Flaw::FindsNewRefs, vec!["same `ref`"]),
        (Flaw::DoesNotRebuild, vec!["log is lost"]),
        (Flaw::ComesBackUnwanted, vec!["stays away"]),
        (Flaw::SaysWhatNobodyKnows, vec!["only what the schema has"]),
    ];
    thread::scope(|scope| {
        let judged =
            expected.map(|(flaw, words)| (flaw, words, scope.spawn(move || broken_by(flaw))));
        for (flaw, words, broken) in judged {
            let broken = broken.join().map_err(|_| anyhow!("panicked"))??;
            let is_told = broken.iter().zip(&words).all(|(line, word)| line.contains(word));
            ensure!(broken.len() == words.len() && is_told, "{flaw:?}: {broken:#?}");
        }
        Ok(())
    })
}

/// The promises that a client with this flaw does not keep.
fn broken_by(flaw: Flaw) -> Result<Vec<String>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoints = Endpoints::new(&format!("ws://{}", listener.local_addr()?), None);
    let client = thread::Builder::new().spawn(move || client(&endpoints, flaw))?;
    let outcomes = check_client(listener, AWAY, io::sink())?;
    let said = client.join().map_err(|_| anyhow!("the client panicked"))?;
    if flaw == Flaw::None {
        said.context("the client")?;
    }
    let broken = outcomes.iter().filter_map(|it| {
        let error = it.kept.as_ref().err()?;
        Some(format!("{}: {error:#}", it.promise))
    });
    Ok(broken.collect())
}

/// Comes back until it is told not to.
fn client(endpoints: &Endpoints, flaw: Flaw) -> Result<()> {
    let mut me = Client::new(endpoints);
    "a token".clone_into(&mut me.token);
    let mut since = None;
    let mut letter = json!({"to": 2, "content": "hello, judge", "ref": "letter 0"});
    let mut is_sent = false;
    let mut calls = 0;
    loop {
        me.open(&[])?;
        let known = since.filter(|_| flaw != Flaw::ForgetsWhereItWas);
        me.write(&json!({"type": "hello", "token": me.token, "since": known}))?;
        calls += 1;
        if flaw == Flaw::FindsNewRefs {
            letter["ref"] = json!(format!("letter {calls}"));
        }
        let code = loop {
            let frame = match me.socket()?.receive_next()? {
                Received::Json(frame) => frame,
                Received::Closed(code) => break code,
                other => anyhow::bail!("heard {other:?}"),
            };
            since = frame["seq"].as_i64().or(since);
            match frame["type"].as_str() {
                Some("welcome") => {
                    if flaw == Flaw::SaysWhatNobodyKnows {
                        me.write(&json!({"type": "dance"}))?;
                    }
                    if frame["recovered"] == false && flaw != Flaw::DoesNotRebuild {
                        me.write(&json!({"type": "conversations", "ref": "rebuild"}))?;
                    }
                    if !is_sent {
                        me.write(&letter)?;
                    }
                }
                Some("message") => me.write(&json!({"type": "received", "seq": since}))?,
                Some("sent") => is_sent = true,
                _ => {}
            }
        };
        me.leave();
        if code == 4401 && flaw != Flaw::ComesBackUnwanted {
            return Ok(());
        }
    }
}
