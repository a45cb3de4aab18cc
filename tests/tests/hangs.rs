//! A database that hangs: frozen, or behind a network that drops everything. Whoever waits is told, and it gets out of it by itself.

use std::time::{Duration, Instant};

use acceptance::{Heard, Person, until};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::drive::{Cluster, House, Kind, Proxy};
use crate::faults::{METRICS, Watch, health_becomes};

/// The contract's ten seconds for a commit, and some on a slow machine.
const TOLD_WITHIN: Duration = Duration::from_secs(17);
/// For everything to be as it was.
const BACK_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn who_waits_for_a_frozen_database_is_told() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let mut house = House::open(&Kind::Postgres(cluster.database()?), &[METRICS])?;
    let mut frozen = None;
    hangs(&mut house, |hang| {
        frozen = hang.then(|| cluster.freeze()).transpose()?;
        Ok(())
    })
}

#[test]
fn who_waits_for_a_database_whose_packets_are_lost_is_told() -> Result<()> {
    let Kind::Postgres(url) = Kind::postgres()? else { unreachable!() };
    let (proxy, url) = Proxy::before(&url)?;
    let mut house = House::open(&Kind::Postgres(url), &[METRICS])?;
    hangs(&mut house, |hang| {
        proxy.lose_everything(hang);
        Ok(())
    })
}

fn hangs(house: &mut House, mut hang: impl FnMut(bool) -> Result<()>) -> Result<()> {
    let mut alice = Person::arrive(&house.world, "Alice")?;
    let bob = Person::arrive(&house.world, "Bob")?;
    let mut late = alice.device("late")?;
    alice.say(&bob, "before")?;
    let watch = Watch::begin(house)?;
    hang(true)?;
    let began = Instant::now();
    alice.write(&json!({"to": bob.id, "content": "into the void", "ref": "void"}))?;
    late.open(&[])?;
    late.write(&json!({"type": "hello", "token": late.token, "ref": "hello"}))?;
    for (person, reference) in [(&mut late, "hello"), (&mut alice, "void")] {
        let heard = answer(person, reference, TOLD_WITHIN)?;
        ensure!(heard["code"] == "unavailable", "{reference}: {heard}");
        ensure!(began.elapsed() < TOLD_WITHIN, "{reference} told after {:?}", began.elapsed());
    }
    health_becomes(house, 503, Some("not_storing"))?;
    lives(house)?;
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
    health_becomes(house, 200, None)?;
    watch.end(house)
}

/// Nobody is to restart them.
fn lives(house: &House) -> Result<()> {
    for call in [house.world.ask("GET", "/livez")?, house.world.ask_chat("GET", "/livez")] {
        ensure!(call.send()?.status == 200);
    }
    Ok(())
}

/// What carries this `ref`, in time.
fn answer(person: &mut Person, reference: &str, patience: Duration) -> Result<Value> {
    person.socket()?.hear_within(reference, patience, |heard| match heard {
        Heard::Json(frame) if frame["ref"] == reference => Some(frame.clone()),
        _ => None,
    })
}
