//! What an operator finds: hints in the log, a temporary folder that stays clean, memory that comes back.

use std::fs;

use acceptance::{Client, PATIENCE, raw, until};
use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

#[test]
fn a_proxy_that_is_not_believed_is_named_in_the_log_once() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    for n in 0..20 {
        let from = format!("192.0.2.{n}");
        deployment
            .endpoints
            .ask("GET", "/healthz")?
            .header("x-forwarded-for", &from)
            .send()?
            .expect(200)?;
    }
    let line = deployment.servers[0].wait_for_line("X-Forwarded-For")?;
    ensure!(line.contains("--trusted-proxy") && line.contains("127.0.0.1"), "{line}");
    let log = deployment.stop()?.remove(0).log();
    ensure!(log.matches("X-Forwarded-For").count() == 1, "more than once a minute:\n{log}");
    ensure!(!log.contains("192.0.2."), "what a stranger wrote is in the log:\n{log}");
    Ok(())
}

#[test]
fn a_network_of_proxies_speaks_for_its_clients_and_is_not_in_the_log() -> Result<()> {
    let flags = ["--signup-rate=1", "--trusted-proxy=127.0.0.0/8"];
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &flags)?;
    for n in 0..3 {
        let email = format!("number.{n}@example.com");
        let body = json!({"email": email, "name": "N", "password": "secret"});
        let call = deployment.endpoints.ask("POST", "/signup")?.json(&body);
        call.header("x-forwarded-for", &format!("192.0.2.{n}")).send()?.expect(201)?;
    }
    let log = deployment.stop()?.remove(0).log();
    ensure!(!log.contains("X-Forwarded-For"), "{log}");
    Ok(())
}

#[test]
fn a_full_address_is_named_in_the_log_with_the_flag() -> Result<()> {
    // Who shares the machine is not counted; who comes through a proxy is.
    let flags = ["--connections-per-address=1", "--trusted-proxy=127.0.0.1"];
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &flags)?;
    let address = deployment.endpoints.auth_address()?;
    let head = "POST /login HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 9\r\n\r\n";
    let mut first = raw::connect(&address, None)?;
    std::io::Write::write_all(&mut first, head.as_bytes())?;
    until("the address to be full", PATIENCE, || {
        let (status, _) = raw::exchange(raw::connect(&address, None)?, head.as_bytes())?;
        Ok((status == 429).then_some(()))
    })?;
    let line = deployment.servers[0].wait_for_line("--connections-per-address")?;
    ensure!(line.contains("192.0.2.7"), "{line}");
    Ok(())
}

#[test]
fn a_killed_server_leaves_nothing_in_the_temporary_folder() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    Client::signup(&deployment.endpoints, "Alice")?;
    // The temporary folder of the programs is the deployment's own, as is that of their data.
    let dir = deployment.dir().to_owned();
    let left = || -> Result<Vec<String>> {
        let names = fs::read_dir(&dir)?.map(|entry| Ok(entry?.file_name()));
        let names: Result<Vec<_>> = names.collect();
        let names = names?.into_iter().map(|name| name.to_string_lossy().into_owned());
        let is_data = |name: &str| name.starts_with("messenger.db") || name == "files";
        Ok(names.filter(|name| !is_data(name)).collect())
    };
    ensure!(left()?.is_empty(), "while it runs: {:?}", left()?);
    deployment.servers[0].kill()?;
    ensure!(left()?.is_empty(), "{:?}", left()?);
    Ok(())
}
