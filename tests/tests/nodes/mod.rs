//! Several chat servers on one PostgreSQL database are one server, with NATS and without.

mod balancers;
mod crowd;
mod faults;
mod history;
mod network;
mod person;
mod presence;
mod replica;
mod schedule;
mod settings;
mod together;
mod upgrade;
mod world;

use std::time::{Duration, Instant};

use acceptance::{Client, Endpoints, Nats};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Arrangement, Deployment};

/// What is stored on one node arrives on another within this time, also without NATS.
const WITHIN: Duration = Duration::from_secs(1);

/// Several nodes.
struct Cluster {
    deployment: Deployment,
}

impl Cluster {
    /// So many nodes, connected by NATS or not.
    fn launch(nodes: usize, has_nats: bool) -> Result<Self> {
        let deployment = Deployment::launch(&Arrangement::nodes(nodes, has_nats)?, &[])?;
        Ok(Self { deployment })
    }

    fn nats(&self) -> Result<&Nats> {
        self.deployment.nats.as_ref().context("no NATS")
    }

    /// Somebody who is connected to this node, and where that is.
    fn person(&mut self, name: &str, node: usize) -> Result<(Client, Endpoints)> {
        let place = self.deployment.node(node)?;
        Ok((Client::connected(&place, name)?, place))
    }

    /// The client connects to this node from now on.
    fn move_to(&mut self, place: &Endpoints, node: usize) -> Result<()> {
        let there = self.deployment.node(node)?;
        place.moved(&there.chat(), Some(&there.auth()?));
        Ok(())
    }

    fn log(&self, node: usize) -> String {
        self.deployment.servers[node].log()
    }
}

/// Sends a frame with this `ref`, and returns the answer.
fn ask(client: &mut Client, mut frame: Value, reference: &str) -> Result<Value> {
    frame["ref"] = json!(reference);
    client.write(&frame)?;
    client.answer_to(reference)
}

/// Sends messages, one after the other has come; the median and the longest time from sending one to having it.
fn latencies(from: &mut Client, to: &mut Client, count: usize) -> Result<(Duration, Duration)> {
    let mut times = Vec::new();
    for number in 0..count {
        let content = format!("{} {number}", from.name);
        let began = Instant::now();
        let sent = from.send_message(to, &content)?;
        ensure!(sent["type"] == "sent", "{sent}");
        to.receive_message(&content)?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok((times[count / 2], times[count - 1]))
}
