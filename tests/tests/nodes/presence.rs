//! Who is there, on whatever node, and how many connections an account has on all of them.

use std::time::{Duration, Instant};

use acceptance::{Client, PATIENCE, until};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Cluster;

/// Without NATS presence is known within this time.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);
/// Who was on a node that died is away within this time.
const LAPSES_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn presence_is_of_the_whole_server_without_nats() -> Result<()> {
    presence(&mut Cluster::launch(2, false)?)
}

#[test]
fn presence_is_of_the_whole_server_with_nats() -> Result<()> {
    presence(&mut Cluster::launch(2, true)?)
}

/// The next change of presence that `watcher` hears.
fn heard(watcher: &mut Client, online: bool) -> Result<Value> {
    let began = Instant::now();
    let heard = watcher
        .receive("a change of presence", |it| it["type"] == "presence" && it["online"] == online)?;
    ensure!(began.elapsed() <= KNOWN_WITHIN, "after {:?}", began.elapsed());
    Ok(heard)
}

fn presence(cluster: &mut Cluster) -> Result<()> {
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, bobs_place) = cluster.person("Bob", 1)?;
    alice.watch_online(bob.id)?;

    // He has a second device on her node: he is gone when both are.
    let place = cluster.deployment.node(0)?;
    let mut phone = Client::new(&place);
    (phone.id, phone.name, phone.token) = (bob.id, bob.name.clone(), bob.device("phone")?.token);
    phone.connect()?;
    bob.leave();
    phone.is_answered()?;
    let before = alice.is_answered()?;
    ensure!(before.iter().all(|frame| frame["type"] != "presence"), "{before:?}");
    phone.leave();
    let gone = heard(&mut alice, false)?;
    let last_seen = gone["last_seen"].as_i64().unwrap_or(0);
    ensure!(gone["id"] == bob.id && last_seen > 0, "{gone}");

    // He comes back, and goes; whoever asks later is told the same time.
    bob.connect()?;
    heard(&mut alice, true)?;
    bob.leave();
    let gone = heard(&mut alice, false)?;
    ensure!(gone["last_seen"].as_i64().is_some_and(|at| at >= last_seen), "{gone}");
    alice.change_nothing(json!({"type": "presence", "ids": [bob.id]}))?;
    ensure!(alice.receive_event("presence")?["last_seen"] == gone["last_seen"], "{gone}");

    // Who was there before she asks is seen at once.
    cluster.move_to(&bobs_place, 1)?;
    bob.connect()?;
    alice.watch_online(bob.id)
}

#[test]
fn a_block_ends_presence_on_every_node_without_nats() -> Result<()> {
    block(&mut Cluster::launch(2, false)?)
}

#[test]
fn a_block_ends_presence_on_every_node_with_nats() -> Result<()> {
    block(&mut Cluster::launch(2, true)?)
}

/// The blocked account watches on a node to which the blocker is not connected.
fn block(cluster: &mut Cluster) -> Result<()> {
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, _) = cluster.person("Bob", 1)?;
    bob.watch_online(alice.id)?;
    alice.change(json!({"type": "block", "id": bob.id}))?;
    let gone = heard(&mut bob, false)?;
    ensure!(gone["id"] == alice.id && gone["last_seen"].is_i64(), "{gone}");
    // Later changes are not told.
    alice.leave();
    alice.connect()?;
    alice.change(json!({"type": "unblock", "id": bob.id}))?;
    bob.watch_online(alice.id)
}

/// Who hides it on one node hides it on all, also from who watches there already.
#[test]
fn a_hidden_last_seen_is_hidden_on_every_node() -> Result<()> {
    let mut cluster = Cluster::launch(2, false)?;
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, _) = cluster.person("Bob", 1)?;
    alice.watch_online(bob.id)?;
    let last_seen = |alice: &mut Client, bob: &mut Client| -> Result<bool> {
        bob.leave();
        let gone = heard(alice, false)?;
        bob.connect()?;
        heard(alice, true)?;
        Ok(gone.get("last_seen").is_some())
    };
    ensure!(last_seen(&mut alice, &mut bob)?, "not told before");
    let show = |client: &Client, shows: bool| -> Result<()> {
        let body = json!({"last_seen": shows});
        client.ask("PATCH", "/me")?.json(&body).send()?.expect(200).map(drop)
    };
    // Hidden by who is watched, and then by who watches.
    for hiding in [bob.device("phone")?, alice.device("phone")?] {
        show(&hiding, false)?;
        until("a change without a time", PATIENCE, || {
            Ok((!last_seen(&mut alice, &mut bob)?).then_some(()))
        })?;
        show(&hiding, true)?;
        until("a change with a time", PATIENCE, || {
            Ok(last_seen(&mut alice, &mut bob)?.then_some(()))
        })?;
    }
    Ok(())
}

#[test]
fn presence_on_a_node_that_died_lapses() -> Result<()> {
    let mut cluster = Cluster::launch(2, false)?;
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (bob, _) = cluster.person("Bob", 1)?;
    alice.watch_online(bob.id)?;
    cluster.deployment.kill(1)?;
    let gone = until("him to be gone", LAPSES_WITHIN, || {
        Ok(alice.is_answered()?.into_iter().find(|frame| frame["type"] == "presence"))
    })?;
    ensure!(gone["online"] == false && gone["last_seen"].is_i64(), "{gone}");
    Ok(())
}

#[test]
fn the_33rd_connection_over_all_nodes_closes_the_oldest() -> Result<()> {
    let mut cluster = Cluster::launch(2, false)?;
    let (mut first, _) = cluster.person("Alice", 0)?;
    let places = [cluster.deployment.node(0)?, cluster.deployment.node(1)?];
    let (id, name, token) = (first.id, first.name.clone(), first.token.clone());
    let connect = |node: usize| {
        let mut other = Client::new(&places[node]);
        (other.id, other.name, other.token) = (id, name.clone(), token.clone());
        other.connect()?;
        anyhow::Ok(other)
    };
    let mut others = Vec::new();
    // The nodes have to find each other before the bound is one.
    until("both nodes", PATIENCE, || Ok(cluster.log(0).contains("welcomed").then_some(())))?;
    for number in 1..32 {
        others.push(connect(number % 2)?);
    }
    first.is_answered()?;
    others.push(connect(1)?);
    ensure!(first.closed()? == 4409, "the oldest is on the other node");
    // The next one is the oldest of those on the second node.
    others.push(connect(0)?);
    ensure!(others[0].closed()? == 4409, "the oldest is on the other node again");
    for (number, other) in others.iter_mut().enumerate().skip(1) {
        ensure!(other.is_answered().is_ok(), "number {number} is closed as well");
    }
    Ok(())
}
