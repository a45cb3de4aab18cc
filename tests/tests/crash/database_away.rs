//! PostgreSQL stops in the middle of everything, and comes back; or comes later than the servers.

use std::time::Duration;

use acceptance::{Client, PATIENCE, until};
use anyhow::{Context, Result, ensure};

use super::Traffic;
use crate::harness::{Arrangement, Cluster, Deployment, Launch};

#[test]
fn service_returns_by_itself_and_nothing_is_lost() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let mut deployment = Deployment::launch(&Arrangement::Postgres(cluster.database()?), &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let traffic = Traffic::start(&deployment.endpoints)?;
    for round in 1..=2 {
        traffic.wait_for_sent(100).with_context(|| format!("before stop {round}"))?;
        let before = traffic.unavailable();
        cluster.stop_immediately()?;
        until("writers to be told", PATIENCE * 3, || {
            Ok((traffic.unavailable() > before).then_some(()))
        })?;
        let answer = alice.ask("GET", "/me")?.send()?;
        ensure!(answer.status == 503, "without a database: {} {}", answer.status, answer.text);
        answer.refused(503)?;
        until("auth to call itself unwell", PATIENCE * 3, || {
            Ok((deployment.endpoints.ask("GET", "/healthz")?.send()?.status == 503).then_some(()))
        })?;
        cluster.start()?;
        traffic.wait_for_sent(100).with_context(|| format!("after stop {round}"))?;
    }
    until("auth to be well again", PATIENCE * 3, || {
        Ok((deployment.endpoints.ask("GET", "/healthz")?.send()?.status == 200).then_some(()))
    })?;
    alice.ask("GET", "/me")?.send()?.expect(200)?;
    deployment.runs()?;
    traffic.settle()
}

#[test]
fn servers_wait_for_a_database_that_comes_later() -> Result<()> {
    let cluster = Cluster::make()?;
    cluster.start()?;
    let url = cluster.database()?;
    cluster.stop_immediately()?;
    let home = tempfile::tempdir()?;
    let flags = ["--listen=127.0.0.1:0".to_owned(), format!("--database={url}")];
    let mut servers = Vec::new();
    for name in ["chat", "auth"] {
        let mut server = Launch::new(name, home.path())?.args(&flags).start()?;
        // A line in the log says what it waits for, without the URL's secrets.
        server.wait_for_line("database")?;
        servers.push(server);
    }
    for server in &mut servers {
        ensure!(server.runs()?, "did not wait");
    }
    cluster.start()?;
    let endpoints = acceptance::Endpoints::new("", None);
    let chat = format!("ws://{}", servers[0].address("chat")?);
    let auth = format!("http://{}", servers[1].address("auth")?);
    endpoints.moved(&chat, Some(&auth));
    until("service", Duration::from_secs(30), || Ok(endpoints.serves().ok()))
}
