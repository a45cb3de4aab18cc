//! Clients that take nothing and end their side: their sockets count as long as the server has them open.

use std::net::Shutdown;

use acceptance::{Call, Client, PATIENCE, raw, until};
use anyhow::{Context, Result, ensure};

use crate::harness::{Arrangement, Deployment};

/// Letters of 16 KiB that no buffers between the two hold.
const LETTERS: usize = 500;
const CONNECTIONS_MAX: usize = 8;

#[test]
fn sockets_of_clients_that_took_nothing_and_left_still_count() -> Result<()> {
    let flags = [&*format!("--connections-max={CONNECTIONS_MAX}"), "--metrics-listen=127.0.0.1:0"];
    let mut deployment = Deployment::launch(&Arrangement::Pair, &flags)?;
    let metrics = format!("http://{}/metrics", deployment.servers[0].address("metrics")?);
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;

    let mut stalled = Vec::new();
    for n in 1..CONNECTIONS_MAX {
        let mut device = bob.device(&format!("device {n}"))?;
        device.connect_narrow(0)?;
        stalled.push(device.take_socket()?);
    }
    let content = "x".repeat(16 * 1024);
    let mut sent = 0;
    while value(&metrics, "messenger_chat_stalled_readers")? < stalled.len() {
        ensure!(sent < LETTERS, "they take nothing, and nothing waits for them");
        alice.send_message(&bob, &content)?;
        sent += 1;
    }
    for socket in &stalled {
        socket.stream().shutdown(Shutdown::Write)?;
    }
    until("the server to notice that they left", PATIENCE, || {
        Ok((value(&metrics, "messenger_chat_people")? <= 1).then_some(()))
    })?;

    let mut newcomer = bob.device("newcomer")?;
    for n in 1..=2 * CONNECTIONS_MAX {
        let is_welcome = newcomer.connect().is_ok();
        ensure!(!is_welcome, "with {CONNECTIONS_MAX} sockets open, newcomer {n} was welcomed");
    }
    for socket in stalled {
        raw::reset(socket.stream().try_clone()?)?;
    }
    until("a place to be free again", PATIENCE, || Ok(newcomer.connect().ok()))?;
    deployment.endpoints.serves().context("afterwards")?;
    deployment.runs()
}

/// What this gauge stands at.
fn value(metrics: &str, name: &str) -> Result<usize> {
    let answer = Call::new("GET", metrics).send()?;
    let mut lines = answer.text.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(key, _)| *key == name).with_context(|| format!("no {name}"))?;
    Ok(value.parse()?)
}
