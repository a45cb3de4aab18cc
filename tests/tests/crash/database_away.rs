//! PostgreSQL stops in the middle of everything, and comes back; or comes later than the servers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use acceptance::{Call, Client, PATIENCE, until};
use anyhow::{Context, Result, ensure};

use super::Traffic;
use crate::harness::{Arrangement, Cluster, Deployment, Launch};

/// The contract's second for health, and as much again on a slow machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

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
    let (mut servers, mut ports) = (Vec::new(), Vec::new());
    for name in ["chat", "auth"] {
        // It is logged only once they serve.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let flags = [format!("--listen=127.0.0.1:{port}"), format!("--database={url}")];
        ports.push(port);
        let mut server = Launch::new(name, home.path())?.args(&flags).start()?;
        // A line in the log says what it waits for, without the URL's secrets.
        server.wait_for_line("database")?;
        servers.push(server);
    }
    for (server, port) in servers.iter_mut().zip(ports) {
        let page = format!("http://127.0.0.1:{port}");
        for (path, status, code) in
            [("livez", 200, None), ("healthz", 503, Some("starting")), ("me", 503, None)]
        {
            let asked = Instant::now();
            let answer = Call::new("GET", &format!("{page}/{path}")).send()?;
            ensure!(answer.status == status, "{page}/{path}: {} {}", answer.status, answer.text);
            ensure!(code.is_none() || answer.body["code"].as_str() == code, "{}", answer.text);
            ensure!(asked.elapsed() < ANSWERED_WITHIN, "{page}/{path}: {:?}", asked.elapsed());
        }
        ensure!(server.runs()?, "did not wait");
    }
    cluster.start()?;
    let endpoints = acceptance::Endpoints::new("", None);
    let chat = format!("ws://{}", servers[0].address("chat")?);
    let auth = format!("http://{}", servers[1].address("auth")?);
    endpoints.moved(&chat, Some(&auth));
    until("service", Duration::from_secs(30), || Ok(endpoints.serves().ok()))
}
