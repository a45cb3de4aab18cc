//! A database that hangs: frozen, or behind a network that drops everything. Whoever waits is told, and it gets out of it by itself.

use std::time::{Duration, Instant};

use acceptance::{Client, Received, until};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::faults::{METRICS, Watch, health_becomes, metric};
use crate::harness::{Arrangement, Cluster, Deployment, Proxy};

/// The contract's ten seconds for a commit, and some on a slow machine.
const TOLD_WITHIN: Duration = Duration::from_secs(17);
/// For everything to be as it was.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// Beyond so many seconds without a good commit the alert `MessengerNotStoring` fires.
const ALERT_SECONDS: f64 = 15.0;

#[test]
fn who_waits_for_a_frozen_database_is_told() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let mut deployment =
        Deployment::launch(&Arrangement::Postgres(cluster.database()?), &[METRICS])?;
    let mut frozen = None;
    hangs(&mut deployment, |hang| {
        frozen = hang.then(|| cluster.freeze()).transpose()?;
        Ok(())
    })
}

#[test]
fn who_waits_for_a_database_whose_packets_are_lost_is_told() -> Result<()> {
    let Arrangement::Postgres(url) = Arrangement::postgres()? else { unreachable!() };
    let (proxy, url) = Proxy::in_front_of(&url)?;
    let mut deployment = Deployment::launch(&Arrangement::Postgres(url), &[METRICS])?;
    hangs(&mut deployment, |hang| {
        proxy.drop_traffic(hang);
        Ok(())
    })
}

#[test]
fn who_waits_for_a_standby_that_is_gone_is_told() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let url = cluster.database()?;
    let mut deployment = Deployment::launch(&Arrangement::Postgres(url.clone()), &[METRICS])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "before")?;
    let watch = Watch::begin(&mut deployment)?;
    cluster.wait_for_standby(&url, "nobody")?;
    // What was committed before the setting was read is `sent`.
    let mut count = 0;
    let reference = until("a message to be refused", BACK_WITHIN, || {
        count += 1;
        let (reference, began) = (format!("void-{count}"), Instant::now());
        alice.write(&json!({"to": bob.id, "content": reference, "ref": reference}))?;
        let heard = answer(&mut alice, &reference, TOLD_WITHIN)?;
        ensure!(began.elapsed() < TOLD_WITHIN, "told after {:?}", began.elapsed());
        ensure!(heard["type"] == "sent" || heard["code"] == "unavailable", "{heard}");
        Ok((heard["code"] == "unavailable").then_some(reference))
    })?;
    health_becomes(&deployment, 503, Some("not_storing"))?;
    lives(&deployment)?;
    alerts(&mut deployment)?;
    cluster.wait_for_standby(&url, "")?;
    until("the message to be confirmed", BACK_WITHIN, || {
        alice.write(&json!({"to": bob.id, "content": reference, "ref": reference}))?;
        let heard = answer(&mut alice, &reference, TOLD_WITHIN)?;
        Ok((heard["type"] == "sent").then_some(()))
    })?;
    health_becomes(&deployment, 200, None)?;
    let all = alice.history(json!({"with": bob.id}))?;
    ensure!(all.iter().filter(|content| **content == reference).count() == 1, "{all:?}");
    watch.end(&deployment)
}

fn hangs(deployment: &mut Deployment, mut hang: impl FnMut(bool) -> Result<()>) -> Result<()> {
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let mut late = alice.device("late")?;
    alice.send_message(&bob, "before")?;
    let watch = Watch::begin(deployment)?;
    hang(true)?;
    let began = Instant::now();
    alice.write(&json!({"to": bob.id, "content": "into the void", "ref": "void"}))?;
    late.open(&[])?;
    late.write(&json!({"type": "hello", "token": late.token, "ref": "hello"}))?;
    for (client, reference) in [(&mut late, "hello"), (&mut alice, "void")] {
        let heard = answer(client, reference, TOLD_WITHIN)?;
        ensure!(heard["code"] == "unavailable", "{reference}: {heard}");
        ensure!(began.elapsed() < TOLD_WITHIN, "{reference} told after {:?}", began.elapsed());
    }
    health_becomes(deployment, 503, Some("not_storing"))?;
    lives(deployment)?;
    alerts(deployment)?;
    hang(false)?;
    until("everything to be stored again", BACK_WITHIN, || {
        alice.write(&json!({"to": bob.id, "content": "into the void", "ref": "void"}))?;
        let heard = answer(&mut alice, "void", TOLD_WITHIN)?;
        Ok((heard["type"] == "sent").then_some(()))
    })?;
    // The ten seconds for another hello on the same connection may be over.
    late.open(&[])?;
    until("the hello to be heard", BACK_WITHIN, || {
        late.write(&json!({"type": "hello", "token": late.token, "ref": "again"}))?;
        let heard = answer(&mut late, "again", TOLD_WITHIN)?;
        Ok((heard["type"] == "welcome").then_some(()))
    })?;
    health_becomes(deployment, 200, None)?;
    watch.end(deployment)
}

/// The metrics of the chat server come to what the alerts look for.
fn alerts(deployment: &mut Deployment) -> Result<()> {
    until("the alert that nothing is stored", BACK_WITHIN, || {
        let since = metric(deployment, "messenger_chat_commit_since_good_seconds")?;
        Ok((since > ALERT_SECONDS).then_some(()))
    })?;
    let refused = metric(deployment, "messenger_chat_messages_total{outcome=\"unavailable\"}")?;
    ensure!(refused > 0.0, "none is counted as unavailable");
    Ok(())
}

/// Nobody is to restart them.
fn lives(deployment: &Deployment) -> Result<()> {
    for call in
        [deployment.endpoints.ask("GET", "/livez")?, deployment.endpoints.ask_chat("GET", "/livez")]
    {
        ensure!(call.send()?.status == 200);
    }
    Ok(())
}

/// What carries this `ref`, in time.
fn answer(client: &mut Client, reference: &str, patience: Duration) -> Result<Value> {
    client.socket()?.receive_within(reference, patience, |heard| match heard {
        Received::Json(frame) if frame["ref"] == reference => Some(frame.clone()),
        _ => None,
    })
}
