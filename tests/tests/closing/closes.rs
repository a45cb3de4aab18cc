//! Who is closed hears why, after whole frames only: the slow reader when it reads again, the fast writer while it writes.

use acceptance::{Call, Client, PATIENCE, Received, Socket, raw, until};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Busy;
use crate::harness::{Arrangement, Deployment};

/// Letters of 16 KiB that no buffers between the two hold.
const LETTERS: usize = 500;
/// Answers that may not all wait for one reader.
const PINGS: usize = 40_000;

#[test]
fn a_stalled_receiver_hears_4409_when_it_reads_again() -> Result<()> {
    let mut deployment =
        Deployment::launch(&Arrangement::Messenger, &["--metrics-listen=127.0.0.1:0"])?;
    let metrics = format!("http://{}/metrics", deployment.servers[0].address("metrics")?);
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::signup(&deployment.endpoints, "Bob")?;
    bob.connect_narrow(0)?;
    let content = "x".repeat(16 * 1024);
    let mut sent = 0;
    while slow_readers(&metrics)? == 0.0 {
        ensure!(sent < LETTERS, "a reader that takes nothing was never closed");
        for _ in 0..10 {
            alice.send_message(&bob, &content)?;
            // It still speaks, though it does not listen.
            let _ = bob.socket()?.text("ping");
            sent += 1;
        }
    }
    let (last, code) = receive_to_end(bob.socket()?)?;
    ensure!(code == 4409, "closed with {code} after {last} of {sent}");
    ensure!(last < sent, "all came, and yet it was too slow");
    alice.send_message(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    ensure!(log.len() == sent + 1, "{} in the log", log.len());
    Ok(())
}

#[test]
fn a_reader_that_stalls_in_a_replay_hears_4409() -> Result<()> {
    let mut deployment =
        Deployment::launch(&Arrangement::Messenger, &["--metrics-listen=127.0.0.1:0"])?;
    let metrics = format!("http://{}/metrics", deployment.servers[0].address("metrics")?);
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::signup(&deployment.endpoints, "Bob")?;
    let content = "x".repeat(16 * 1024);
    for _ in 0..LETTERS / 10 {
        for _ in 0..9 {
            alice.write(&json!({"to": bob.id, "content": content}))?;
        }
        alice.send_message(&bob, &content)?;
    }
    bob.connect_narrow(0)?;
    // Its answers wait behind events that it does not take.
    for _ in 0..PINGS / 100 {
        let hundred = raw::text_frame("ping").repeat(100);
        if std::io::Write::write_all(&mut bob.socket()?.stream(), &hundred).is_err() {
            break;
        }
    }
    until("the stalled reader to be closed", PATIENCE, || {
        Ok((slow_readers(&metrics)? > 0.0).then_some(()))
    })?;
    let (last, code) = receive_to_end(bob.socket()?)?;
    ensure!(code == 4409, "closed with {code} after {last} of {LETTERS}");
    ensure!(last < LETTERS, "all came, and yet it was too slow");
    Ok(())
}

#[test]
fn a_busy_writer_hears_every_refusal_and_4429() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &["--message-rate=5"])?;
        let bob = Client::connected(&deployment.endpoints, "Bob")?;
        let mut flood = Client::connected(&deployment.endpoints, "Flood")?;
        let to = bob.id;
        let frame = move |n: usize| json!({"to": to, "content": "x", "ref": n.to_string()});
        let busy = Busy::start(flood.take_socket()?, 20_000, frame)?;
        let mut answers = Vec::new();
        let code = busy.receive_to_end(|frame| keep_answer(&mut answers, &frame))?;
        ensure!(code == 4429, "closed with {code} after {} answers", answers.len());
        let sent = in_order(&answers)?;
        ensure!(sent >= 50 && answers.len() > sent, "{sent} sent of {} answered", answers.len());
    }
    Ok(())
}

#[test]
fn a_busy_writer_hears_every_answer_and_1001_when_the_server_stops() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let bob = Client::signup(&deployment.endpoints, "Bob")?;
        let mut alice = Client::signup(&deployment.endpoints, "Alice")?;
        alice.connect_narrow(0)?;
        let to = bob.id;
        let frame = move |n: usize| json!({"to": to, "content": "x", "ref": n.to_string()});
        let busy = Busy::start(alice.take_socket()?, 3000, frame)?;
        let mut answers = Vec::new();
        let code = busy.receive_to_end(|frame| {
            if answers.len() == 2000 {
                deployment.servers[0].signal(Signal::TERM)?;
            }
            keep_answer(&mut answers, &frame)
        })?;
        ensure!(code == 1001, "closed with {code} after {} answers", answers.len());
        let sent = in_order(&answers)?;
        ensure!(sent == answers.len(), "{sent} sent of {} answered", answers.len());
        let status = deployment.servers.remove(0).ended()?;
        ensure!(status.code() == Some(0), "after SIGTERM: {status}");
        deployment.stop()?;
        deployment.start()?;
        Client::connected(&deployment.endpoints, "Witness")?.send_message(&bob, "the end")?;
        let stored = bob.whole_log("the end")?.len() - 1;
        ensure!(stored == sent, "{stored} stored, {sent} answered");
    }
    Ok(())
}

/// How many were closed with 4409.
fn slow_readers(metrics: &str) -> Result<f64> {
    let answer = Call::new("GET", metrics).send()?;
    let line = answer.text.lines().find(|line| line.starts_with("messenger_chat_slow_readers"));
    let (_, count) = line.and_then(|line| line.split_once(' ')).context("no such metric")?;
    Ok(count.parse()?)
}

/// The last of the letters, which come in order, and the close code.
fn receive_to_end(socket: &mut Socket) -> Result<(usize, u16)> {
    let mut last = 0;
    loop {
        match socket.receive_next()? {
            Received::Json(frame) if frame["type"] == "message" => {
                ensure!(frame["seq"] == last + 1, "after {last} came {frame:.100}");
                last += 1;
            }
            Received::Text(pong) if pong == "pong" => {}
            Received::Closed(code) => return Ok((last, code)),
            other => bail!("heard {other:?}"),
        }
    }
}

fn keep_answer(answers: &mut Vec<Value>, frame: &Value) -> Result<()> {
    if frame["ref"].is_string() {
        answers.push(frame.clone());
    }
    Ok(())
}

/// The answers are those to the first frames, each once; gives how many of them were `sent`.
fn in_order(answers: &[Value]) -> Result<usize> {
    let number = |frame: &Value| frame["ref"].as_str()?.parse::<usize>().ok();
    let mut numbers: Vec<_> = answers.iter().filter_map(number).collect();
    numbers.sort_unstable();
    let wrong = numbers.iter().enumerate().find(|(place, number)| place != *number);
    ensure!(
        wrong.is_none(),
        "of {} answers, the first missing or double: {wrong:?}",
        answers.len()
    );
    Ok(answers.iter().filter(|frame| frame["type"] == "sent").count())
}
