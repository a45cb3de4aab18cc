//! PostgreSQL that is full, has no place for us, or may only be read.

use acceptance::Client;
use anyhow::{Context, Result, ensure};

use super::{
    METRICS, TOLD_WITHIN, Watch, health_becomes, health_becomes_while, send, stores_nothing_until,
};
use crate::harness::{Arrangement, Cluster, Deployment, Disk, not_tested};

/// Room for an empty cluster, its log and two databases.
const DISK: &str = "size=160m";
/// Sessions that the places are taken up with, at the most.
const SESSIONS_MAX: usize = 400;

fn people(deployment: &Deployment) -> Result<[Client; 2]> {
    let mut people = [
        Client::connected(&deployment.endpoints, "Alice")?,
        Client::connected(&deployment.endpoints, "Bob")?,
    ];
    let [alice, bob] = &mut people;
    alice.send_message(bob, "before")?;
    Ok(people)
}

#[test]
fn a_full_disk_under_postgresql_is_told_and_ends_by_itself() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let Some(disk) = Disk::mount(dir.path(), DISK)? else {
        not_tested("mounting a small disk needs root");
        return Ok(());
    };
    let cluster = Cluster::make_in(dir.path())?;
    cluster.start()?;
    let mut deployment =
        Deployment::launch(&Arrangement::Postgres(cluster.database()?), &[METRICS])?;
    let [mut alice, bob] = people(&deployment)?;
    let watch = Watch::begin(&mut deployment)?;
    let filler = disk.fill()?;
    let (mut count, mut refused) = (0, 0);
    // Long and hardly to be compressed, so that it takes new pages.
    let long = |n: u32| -> String {
        (0..400)
            .map(|word| format!("{:x} ", (n * 400 + word).wrapping_mul(2_654_435_761)))
            .collect()
    };
    health_becomes_while(&deployment, 503, Some("not_storing"), || {
        for _ in 0..5 {
            count += 1;
            let heard = send(&mut alice, &bob, &long(count), &format!("full-{count}"))?;
            ensure!(heard["type"] == "sent" || heard["code"] == "unavailable", "{heard}");
            refused += u32::from(heard["code"] == "unavailable");
        }
        Ok(())
    })?;
    ensure!(refused > 0, "all of {count} were stored");
    std::fs::remove_file(filler)?;
    health_becomes(&deployment, 200, None)?;
    alice.send_message(&bob, "after")?;
    ensure!(send(&mut alice, &bob, &long(0), "long")?["type"] == "sent");
    deployment.runs()?;
    watch.end(&deployment)?;
    drop((deployment, cluster));
    drop(disk);
    Ok(())
}

#[test]
fn postgresql_without_free_places_is_told_and_ends_by_itself() -> Result<()> {
    let cluster = Cluster::make()?;
    // No place is kept for a superuser, as whom the tests connect.
    cluster.start_with(&["max_connections=60", "superuser_reserved_connections=0"])?;
    let (url, other) = (cluster.database()?, cluster.database()?);
    let mut deployment = Deployment::launch(&Arrangement::Postgres(url.clone()), &[METRICS])?;
    let [mut alice, mut bob] = people(&deployment)?;
    let watch = Watch::begin(&mut deployment)?;
    let connect = || ::postgres::Client::connect(&other, ::postgres::NoTls);
    let mut ours = connect()?;
    let name = url.rsplit('/').next().context("no name")?;
    let mut taken = Vec::new();
    // Whatever place the servers lose is taken up before they come back for it.
    acceptance::until("all places to be taken", TOLD_WITHIN, || {
        while let Ok(session) = connect() {
            ensure!(taken.len() < SESSIONS_MAX, "there is no end of places");
            taken.push(session);
        }
        let theirs = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
        Ok(ours.query(theirs, &[&name])?.is_empty().then_some(()))
    })?;
    stores_nothing_until(&mut deployment, [&mut alice, &mut bob], || {
        taken.clear();
        Ok(())
    })?;
    watch.end(&deployment)
}

#[test]
fn a_postgresql_that_may_only_be_read_is_told_and_ends_by_itself() -> Result<()> {
    let Arrangement::Postgres(url) = Arrangement::postgres()? else { unreachable!() };
    let mut deployment = Deployment::launch(&Arrangement::Postgres(url.clone()), &[METRICS])?;
    let [mut alice, mut bob] = people(&deployment)?;
    let watch = Watch::begin(&mut deployment)?;
    let name = url.rsplit('/').next().context("no name")?;
    // Said in another database, which stays as it is.
    let (cluster, Arrangement::Postgres(other)) = (Cluster::shared()?, Arrangement::postgres()?)
    else {
        unreachable!()
    };
    let set = |value: &str| -> Result<()> {
        let how = format!("alter database {name} set default_transaction_read_only = {value}");
        cluster.sql(&other, &how)?;
        let theirs = "select pg_terminate_backend(pid) from pg_stat_activity where datname";
        cluster.sql(&other, &format!("{theirs} = '{name}'"))
    };
    set("on")?;
    stores_nothing_until(&mut deployment, [&mut alice, &mut bob], || set("off"))?;
    watch.end(&deployment)
}

/// As if its password had been changed.
#[test]
fn a_role_that_is_not_let_in_any_more_is_told_and_ends_by_itself() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let (url, other) = (cluster.database()?, cluster.database()?);
    cluster.sql(&url, "create role ours login; grant all on schema public to ours")?;
    let ours = url.replace("//postgres@", "//ours@");
    let mut deployment = Deployment::launch(&Arrangement::Postgres(ours), &[METRICS])?;
    let [mut alice, mut bob] = people(&deployment)?;
    let watch = Watch::begin(&mut deployment)?;
    let theirs = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ours'";
    cluster.sql(&other, "alter role ours nologin")?;
    cluster.sql(&other, theirs)?;
    stores_nothing_until(&mut deployment, [&mut alice, &mut bob], || {
        cluster.sql(&other, "alter role ours login")
    })?;
    watch.end(&deployment)
}
