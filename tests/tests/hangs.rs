//! A database that hangs: frozen, or behind a network that drops everything. Whoever waits is told, and it gets out of it by itself.

use std::time::{Duration, Instant};

use acceptance::{Heard, Person, until};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::drive::{Cluster, House, Kind, Proxy};

/// The contract's ten seconds for a commit, and some on a slow machine.
const TOLD_WITHIN: Duration = Duration::from_secs(17);
/// For everything to be as it was.
const BACK_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn who_waits_for_a_frozen_database_is_told() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let house = House::open(&Kind::Postgres(cluster.database()?), &[])?;
    let mut frozen = None;
    hangs(&house, |hang| {
        frozen = hang.then(|| cluster.freeze()).transpose()?;
        Ok(())
    })
}

#[test]
fn who_waits_for_a_database_whose_packets_are_lost_is_told() -> Result<()> {
    let Kind::Postgres(url) = Kind::postgres()? else { unreachable!() };
    let (proxy, url) = Proxy::before(&url)?;
    let house = House::open(&Kind::Postgres(url), &[])?;
    hangs(&house, |hang| {
        proxy.lose_everything(hang);
        Ok(())
    })
}

fn hangs(house: &House, mut hang: impl FnMut(bool) -> Result<()>) -> Result<()> {
    let mut alice = Person::arrive(&house.world, "Alice")?;
    let bob = Person::arrive(&house.world, "Bob")?;
    let mut late = alice.device("late")?;
    alice.say(&bob, "before")?;
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
    is_told(house, 503)?;
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
    is_told(house, 200)
}

/// Both servers' health comes to this, and whoever asks for it never waits.
fn is_told(house: &House, status: u16) -> Result<()> {
    until("health to be told", BACK_WITHIN, || {
        let mut are_told = true;
        for call in [house.world.ask("GET", "/healthz")?, house.world.ask_chat("GET", "/healthz")] {
            let asked = Instant::now();
            let answer = call.send()?;
            // The contract's second, and some on a slow machine.
            ensure!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
            are_told &= answer.status == status;
        }
        for call in [house.world.ask("GET", "/livez")?, house.world.ask_chat("GET", "/livez")] {
            ensure!(call.send()?.status == 200);
        }
        Ok(are_told.then_some(()))
    })
}

/// What carries this `ref`, in time.
fn answer(person: &mut Person, reference: &str, patience: Duration) -> Result<Value> {
    person.socket()?.hear_within(reference, patience, |heard| match heard {
        Heard::Json(frame) if frame["ref"] == reference => Some(frame.clone()),
        _ => None,
    })
}
