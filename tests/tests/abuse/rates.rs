//! One account has one rate, whatever it sends, over however many connections, however often it comes back.

use acceptance::{Client, PATIENCE, Received, Socket};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use tungstenite::{Bytes, Message};

use crate::harness::{Arrangement, Deployment};

/// Frames a second, and what ten seconds save up.
const RATE: &str = "--message-rate=5";
const BURST: usize = 50;
/// Messages from each of two connections: together a few more than the burst, and not so many more that one is closed.
const SENDS_EACH: usize = BURST / 2 + 9;

#[test]
fn what_is_refused_costs_as_much_as_what_is_done() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[RATE])?;
        let endpoints = deployment.endpoints.clone();
        let mut alice = Client::connected(&endpoints, "Alice")?;
        let mut bob = Client::connected(&endpoints, "Bob")?;
        let refused = [
            Message::text("{"),
            Message::text(r#"{"type":"nonsense","ref":"n"}"#),
            Message::text(r#"{"type":"hello","token":"again","ref":"h"}"#),
            Message::text(r#"{"type":"ping","ref":"p"}"#),
            Message::text(r#"{"type":"typing","to":1,"ref":"t"}"#),
            Message::binary(Bytes::from_static(b"binary")),
        ];
        for frame in refused {
            let mut flood = Client::connected(&endpoints, "Flood")?.take_socket()?;
            let answered = flood_until_closed(&mut flood, &frame)?;
            // What comes back while it is sent is little beside the burst.
            ensure!(
                (BURST..2 * BURST).contains(&answered),
                "{answered} of {frame:?} were answered"
            );
        }
        alice.send_message(&bob, "meanwhile")?;
        bob.receive_message("meanwhile")?;
        deployment.runs()?;
    }
    Ok(())
}

#[test]
fn pings_have_a_bound_that_nobody_meets_by_chance() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Guests, &[RATE])?;
    for ping in [Message::text("ping"), Message::Ping(Bytes::from_static(b"?"))] {
        let mut flood = Client::connected(&deployment.endpoints, "Flood")?.take_socket()?;
        let answered = flood_until_closed(&mut flood, &ping)?;
        ensure!(answered >= 10 * BURST, "{answered} of {ping:?} were answered");
    }
    Ok(())
}

#[test]
fn who_has_not_said_hello_is_closed_too() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let limited = Deployment::launch(&Arrangement::Messenger, &["--message-rate=1000"])?;
    let mut stranger = Socket::open(&limited.endpoints.chat(), &[])?;
    let answered = flood_until_closed(&mut stranger, &Message::text(r#"{"type":"blocks"}"#))?;
    ensure!(answered < BURST, "{answered} were answered");
    // Where nothing is limited, neither is this.
    let mut stranger = Socket::open(&deployment.endpoints.chat(), &[])?;
    for _ in 0..10 * BURST {
        stranger.json(&json!({"type": "blocks"}))?;
    }
    stranger.text("ping")?;
    stranger.receive("a pong", |heard| (*heard == Received::Text("pong".into())).then_some(()))
}

#[test]
fn connections_of_an_account_share_its_rate() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &[RATE])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let mut laptop = alice.device("laptop")?;
        laptop.connect()?;
        let bob = Client::connected(&deployment.endpoints, "Bob")?;
        // None waits for the answer to another: what comes back meanwhile is little, however slow the database is.
        for n in 0..SENDS_EACH {
            let message = json!({"to": bob.id, "content": "x", "ref": n.to_string()});
            alice.socket()?.json(&message)?;
            laptop
                .socket()?
                .json(&json!({"to": bob.id, "content": "x", "ref": format!("l{n}")}))?;
        }
        let (mut sent, mut wait) = (0, None);
        for by in [&mut alice, &mut laptop] {
            for _ in 0..SENDS_EACH {
                let answer = by.socket()?.receive("an answer", |heard| match heard {
                    Received::Json(frame) => frame["ref"].is_string().then(|| frame.clone()),
                    _ => None,
                })?;
                match answer["type"].as_str() {
                    Some("sent") => sent += 1,
                    _ => wait = wait.max(answer["retry_after_ms"].as_u64()),
                }
            }
        }
        ensure!(sent < 2 * SENDS_EACH, "each has a rate of its own");
        let wait = wait.context("no retry_after_ms")?;
        ensure!(sent >= BURST && wait <= 200, "{sent} sent, then a wait of {wait} ms");
        // Its receipts have room of their own, and others all of theirs.
        laptop.acknowledge(0)?;
        let mut carol = Client::connected(&deployment.endpoints, "Carol")?;
        carol.send_message(&bob, "not in it together")?;
    }
    Ok(())
}

#[test]
fn coming_back_gives_no_fresh_burst() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &["--message-rate=1"])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let bob = Client::connected(&deployment.endpoints, "Bob")?;
        spend(&mut alice, &bob)?;
        for _ in 0..3 {
            alice.leave();
            alice.connect()?;
            let sent = spend(&mut alice, &bob)?;
            ensure!(sent < 5, "{sent} more were sent");
        }
    }
    Ok(())
}

#[test]
fn who_is_known_is_added_to_so_many_groups_and_no_more() -> Result<()> {
    const A_DAY: usize = 100;
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &["--message-rate=1000"])?;
        let mut mallory = Client::connected(&deployment.endpoints, "Mallory")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        let carol = Client::connected(&deployment.endpoints, "Carol")?;
        for n in 0..A_DAY {
            // As it may be done by either request.
            let group = match n % 2 {
                0 => mallory.make_group(&format!("Read this {n}"), &[&bob])?,
                _ => {
                    let group = mallory.make_group(&format!("Read this {n}"), &[])?;
                    let add = json!({"type": "group.add", "group": group, "member": bob.id});
                    mallory.change(add)?;
                    group
                }
            };
            let remove = json!({"type": "group.remove", "group": group, "member": bob.id});
            mallory.change(remove)?;
        }
        let create = json!({"type": "group.create", "name": "Once more", "members": [bob.id]});
        let refusal = mallory.refused(create, "too_many")?;
        ensure!(
            refusal["message"].as_str().is_some_and(|text| text.contains("100 groups")),
            "{refusal}"
        );
        // Another connection, too; others are added, and by others.
        let mut laptop = mallory.device("laptop")?;
        laptop.connect()?;
        let group = laptop.make_group("Trip", &[&carol])?;
        let add = json!({"type": "group.add", "group": group, "member": bob.id});
        laptop.refused(add, "too_many")?;
        bob.make_group("Ours", &[&mallory])?;
        let listed = bob.query(json!({"type": "conversations", "limit": 1000}))?;
        let count = listed["conversations"].as_array().map_or(0, Vec::len);
        ensure!(count == A_DAY + 1, "{count} conversations: {listed}");
    }
    Ok(())
}

/// Sends until it is refused; gives how many were sent.
fn spend(alice: &mut Client, bob: &Client) -> Result<usize> {
    for sent in 0..2 * BURST {
        let answer = alice.request(json!({"to": bob.id, "content": "x"}))?;
        if answer["code"] == "rate_limited" {
            return Ok(sent);
        }
    }
    anyhow::bail!("no throttle")
}

/// Sends the same until 4429 comes; gives how many were answered other than with `rate_limited`.
fn flood_until_closed(socket: &mut Socket, frame: &Message) -> Result<usize> {
    for _ in 0..20_000 {
        if socket.send(frame.clone()).is_err() {
            break;
        }
    }
    let code = socket.receive_close(PATIENCE)?;
    ensure!(code == 4429 || code == 1006, "closed with {code}");
    let heard = socket.drain();
    let is = |one: &Received, is_refusal: bool| match one {
        Received::Json(frame) => (frame["code"] == "rate_limited") == is_refusal,
        Received::Text(_) | Received::Pong(_) => !is_refusal,
        Received::Closed(_) => false,
    };
    let count = |is_refusal| heard.iter().filter(|one| is(one, is_refusal)).count();
    ensure!(code == 1006 || count(true) >= 20, "told {} times", count(true));
    Ok(count(false))
}
