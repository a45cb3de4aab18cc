//! Storms of hellos with tokens that nobody has: each is turned away, and nobody else is.
//!
//! That their look-ups go one at a time is not seen from outside: `networks_that_failed_too_often_go_one_at_a_time` in
//! `chat/src/hellos.rs` shows it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Client, Endpoints, PATIENCE, Received, Socket, raw};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use tungstenite::client::IntoClientRequest;

use crate::harness::{Arrangement, Deployment};

const STORMS: u8 = 8;
/// Between the beginnings of two rounds of the others, each with a new session and two hellos: the storm ends long before an
/// account has as many sessions as it may.
const ROUND: Duration = Duration::from_millis(500);
/// Hellos in each; together far more than a network may fail.
const HELLOS: usize = 15;

#[test]
fn wrong_tokens_turn_nobody_else_away() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let endpoints = deployment.endpoints.clone();
        let mut alice = Client::connected(&endpoints, "Alice")?;
        let mut bob = Client::connected(&endpoints, "Bob")?;
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| -> Result<()> {
            let storms: Vec<_> = (0..STORMS)
                .map(|n| {
                    scope.spawn({
                        let endpoints = &endpoints;
                        move || storm(endpoints, n)
                    })
                })
                .collect();
            let others = scope.spawn(|| -> Result<()> {
                while !is_over.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    alice.send_message(&bob, "meanwhile")?;
                    bob.receive_message("meanwhile")?;
                    bob.history(json!({"with": alice.id}))?;
                    // From the address of a storm, with a token that was never seen.
                    let mut phone = alice.device("phone")?;
                    phone.connect().context("a new device")?;
                    // And again.
                    phone.leave();
                    phone.connect().context("coming back")?;
                    phone.leave();
                    thread::park_timeout(ROUND.saturating_sub(begin.elapsed()));
                }
                Ok(())
            });
            let join = |it: thread::ScopedJoinHandle<'_, Result<()>>| {
                it.join().map_err(|_| anyhow!("panic"))?
            };
            let stormed = storms.into_iter().try_for_each(join);
            is_over.store(true, Ordering::Relaxed);
            join(others)?;
            stormed
        })?;
        deployment.runs()?;
    }
    Ok(())
}

/// Says hello again and again, from an address that it shares with others.
fn storm(endpoints: &Endpoints, n: u8) -> Result<()> {
    for round in 0..HELLOS {
        let from = [127, 0, 0, 1 + n % 2];
        let stream = raw::connect(&endpoints.chat_address(), Some(from.into()))?;
        let mut socket = Socket::over(stream, endpoints.chat().into_client_request()?)?;
        let token = format!("{n:02x}{round:046x}");
        socket.json(&json!({"type": "hello", "token": token}))?;
        let is_told = |heard: &Received| match heard {
            Received::Json(frame) => (frame["code"] == "unauthorized").then_some(()),
            _ => None,
        };
        socket.receive("that the token is wrong", is_told)?;
        let code = socket.receive_close(PATIENCE)?;
        ensure!(code == 4401, "closed with {code}");
    }
    Ok(())
}
