//! Sixty connections of two accounts ask for the biggest pages and read nothing: memory stays small, and others look back.

use std::time::{Duration, Instant};

use acceptance::{Client, Endpoints, Socket, raw};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;

use crate::harness::{Arrangement, Deployment, Server};

/// Nearly as many as one account may have.
const CONNECTIONS_EACH: usize = 30;
/// Each with a message of the longest text: lists of them, and their history, are far longer than a page.
const GROUPS: usize = 200;
/// After the end of any log.
const LATER: i64 = 1 << 40;
/// What a server may have in memory while it is asked, in KiB.
const RESIDENT_KIB_MAX: u64 = 128 * 1024;
/// How long they ask; answers to those that do not read are refused after 3 s.
const ASKING: Duration = Duration::from_secs(8);

#[test]
fn sixty_that_read_nothing_take_little_memory_and_keep_nobody_from_looking_back() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let endpoints = deployment.endpoints.clone();
        let mut alice = Client::connected(&endpoints, "Alice")?;
        let mut bob = Client::connected(&endpoints, "Bob")?;
        alice.send_message(&bob, "of before")?;
        bob.receive_message("of before")?;
        let mut sloths = Vec::new();
        for name in ["Mallory", "Trudy"] {
            let mut greedy = Client::connected(&endpoints, name)?;
            write_much(&mut greedy)?;
            for n in 0..CONNECTIONS_EACH {
                sloths.push(ask_much(&endpoints, &greedy, n)?);
            }
        }

        // Logs in before: what a hash takes is not what is measured.
        let mut other = bob.device("another")?;
        let (begin, mut most) = (Instant::now(), 0);
        while begin.elapsed() < ASKING {
            let history = bob.history(json!({"with": alice.id}))?;
            ensure!(history == ["of before"], "{history:?}");
            let listed: Value = bob.request(json!({"type": "conversations"}))?;
            ensure!(listed["type"] == "conversations", "{listed}");
            bob.ask("GET", "/me")?.send()?.expect(200)?;
            other.connect()?;
            other.leave();
            most = most.max(resident(&deployment.servers)?);
        }
        eprintln!("{most} KiB resident at the most");
        ensure!(most < RESIDENT_KIB_MAX, "{most} KiB resident");
        drop(sloths);
        deployment.runs()?;
    }
    Ok(())
}

fn write_much(who: &mut Client) -> Result<()> {
    let content = "x".repeat(16 * 1024);
    for n in 0..GROUPS {
        let group = who.make_group(&format!("Group {n}"), &[])?;
        who.send_to_group(group, &content)?;
        who.request(json!({"to": who.id, "content": content}))?;
    }
    Ok(())
}

/// A connection that asks for one kind of page four times, and takes no answer.
fn ask_much(endpoints: &Endpoints, who: &Client, n: usize) -> Result<Socket> {
    let narrow = raw::connect_narrow(&endpoints.chat_address())?;
    let mut sloth = Socket::over(narrow, endpoints.chat().into_client_request()?)?;
    // What is measured are answers, not a log.
    sloth.json(&json!({"type": "hello", "token": who.token, "since": LATER}))?;
    sloth.receive("a welcome", |heard| match heard {
        acceptance::Received::Json(frame) => (frame["id"] == who.id).then_some(()),
        _ => None,
    })?;
    let asks = [
        json!({"type": "conversations", "limit": 1000}),
        json!({"type": "history", "with": who.id, "limit": 200}),
    ];
    for _ in 0..4 {
        sloth.json(&asks[n % asks.len()])?;
    }
    Ok(sloth)
}

/// Of the server that has most in memory, in KiB.
fn resident(servers: &[Server]) -> Result<u64> {
    let all = servers.iter().map(Server::resident).collect::<Result<Vec<_>>>()?;
    all.into_iter().max().context("no server")
}
