//! NATS or a node goes away, and comes back.

use acceptance::{Client, Nats, PATIENCE, until};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use serde_json::json;

use super::{Cluster, WITHIN, ask, latencies};
use crate::harness::{Arrangement, Deployment};

#[test]
fn nats_is_killed_and_comes_back() -> Result<()> {
    let mut cluster = Cluster::launch(2, true)?;
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, _) = cluster.person("Bob", 1)?;
    latencies(&mut alice, &mut bob, 3)?;
    let count = |cluster: &Cluster, text: &str| cluster.log(0).matches(text).count();
    for round in 1..=2 {
        cluster.nats()?.kill()?;
        let (_, longest) = latencies(&mut alice, &mut bob, 10)?;
        ensure!(longest <= WITHIN, "without NATS one took {longest:?}");
        cluster.nats()?.restart()?;
        until("NATS to be noticed", PATIENCE, || {
            Ok((count(&cluster, "NATS is back") == round).then_some(()))
        })?;
        let is_told_once = count(&cluster, "NATS is away") == round;
        ensure!(is_told_once && count(&cluster, "async_nats") == 0, "{}", cluster.log(0));
        until("typing", PATIENCE, || {
            alice.change_nothing(json!({"type": "typing", "to": bob.id}))?;
            let heard = bob.is_answered()?;
            Ok(heard.iter().any(|frame| frame["type"] == "typing").then_some(()))
        })?;
        let (_, longest) = latencies(&mut bob, &mut alice, 10)?;
        ensure!(longest <= WITHIN, "with NATS again one took {longest:?}");
    }
    Ok(())
}

#[test]
fn nats_stands_still() -> Result<()> {
    let mut cluster = Cluster::launch(2, true)?;
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, _) = cluster.person("Bob", 1)?;
    latencies(&mut alice, &mut bob, 3)?;
    cluster.nats()?.signal(Signal::STOP)?;
    let (_, longest) = latencies(&mut alice, &mut bob, 5)?;
    ensure!(longest <= WITHIN, "while NATS stands still one took {longest:?}");
    until("it to be noticed", PATIENCE, || {
        Ok(cluster.log(0).contains("NATS is away").then_some(()))
    })?;
    cluster.nats()?.signal(Signal::CONT)?;
    until("NATS to be back", PATIENCE, || {
        Ok(cluster.log(0).contains("NATS is back").then_some(()))
    })?;
    latencies(&mut alice, &mut bob, 5)?;
    Ok(())
}

#[test]
fn a_node_is_killed_and_its_clients_go_on_elsewhere() -> Result<()> {
    for has_nats in [false, true] {
        let mut cluster = Cluster::launch(2, has_nats)?;
        let (mut alice, place) = cluster.person("Alice", 0)?;
        let (mut bob, _) = cluster.person("Bob", 1)?;
        latencies(&mut alice, &mut bob, 3)?;
        let mut last = 0;
        for round in 0..3 {
            // Some are stored and some are not when it dies; who asks again with the same `ref` finds out.
            for number in 0..20 {
                let reference = format!("{round}-{number}");
                alice.write(&json!({"to": bob.id, "content": reference, "ref": reference}))?;
            }
            cluster.deployment.kill(0)?;
            cluster.deployment.restart(0)?;
            cluster.move_to(&place, 1 - round % 2)?;
            alice.connect()?;
            for number in 0..20 {
                let reference = format!("{round}-{number}");
                let post = json!({"to": bob.id, "content": reference});
                ensure!(ask(&mut alice, post, &reference)?["type"] == "sent");
            }
            for number in 0..20 {
                let content = format!("{round}-{number}");
                let heard = bob.receive_message(&content)?;
                let seq = heard["seq"].as_i64().unwrap_or(0);
                ensure!(seq > last, "{heard} after {last}");
                last = seq;
            }
        }
        let heard = bob.whole_log("2-19")?;
        let messages = heard.iter().filter(|event| event["type"] == "message").count();
        ensure!(messages == 63, "{messages} messages");
    }
    Ok(())
}

#[test]
fn nodes_start_without_nats_and_find_it_later() -> Result<()> {
    let nats = Nats::start(&["--auth", "t0ken"])?;
    nats.kill()?;
    let flag = format!("--nats=nats://t0ken@{}", nats.address());
    let mut deployment = Deployment::launch(&Arrangement::nodes(2, false)?, &[&flag])?;
    let mut alice = Client::connected(&deployment.node(0)?, "Alice")?;
    let mut bob = Client::connected(&deployment.node(1)?, "Bob")?;
    latencies(&mut alice, &mut bob, 3)?;
    for server in &mut deployment.servers[..2] {
        server.wait_for_line("NATS is away")?;
    }
    nats.restart()?;
    for server in &mut deployment.servers[..2] {
        server.wait_for_line("NATS is back")?;
    }
    until("typing", PATIENCE, || {
        alice.change_nothing(json!({"type": "typing", "to": bob.id}))?;
        let heard = bob.is_answered()?;
        Ok(heard.iter().any(|frame| frame["type"] == "typing").then_some(()))
    })
}

#[test]
fn a_wrong_password_for_nats_is_in_the_log_and_stops_nothing() -> Result<()> {
    let nats = Nats::start(&["--auth", "t0ken"])?;
    let flag = format!("--nats=nats://wrong@{}", nats.address());
    let mut deployment = Deployment::launch(&Arrangement::nodes(2, false)?, &[&flag])?;
    let line = deployment.servers[0].wait_for_line("NATS is away")?;
    ensure!(line.to_lowercase().contains("authorization") && !line.contains("wrong"), "{line}");
    let mut alice = Client::connected(&deployment.node(0)?, "Alice")?;
    let mut bob = Client::connected(&deployment.node(1)?, "Bob")?;
    latencies(&mut alice, &mut bob, 3).map(drop)
}
