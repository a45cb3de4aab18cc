//! `--nats`: what is refused, and what it may contain.

use std::fs;

use acceptance::{Client, Nats};
use anyhow::{Result, ensure};

use super::latencies;
use crate::harness::{Arrangement, Deployment, Launch};

/// Runs a program that refuses to start; what it says.
fn refused(program: &str, flags: &[&str]) -> Result<String> {
    let home = tempfile::tempdir()?;
    let output = Launch::new(program, home.path())?.args(flags).run()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2), "{flags:?}: {} {said}", output.status);
    ensure!(said.contains("--nats") && !said.contains("secret"), "{said}");
    Ok(said)
}

#[test]
fn a_bus_without_postgresql_is_refused() -> Result<()> {
    let nats = "--nats=nats://127.0.0.1:4222";
    for (program, flags) in [
        ("chat", &[nats][..]),
        ("chat", &[nats, "--database=sqlite::memory:"]),
        ("chat", &[nats, "--database=sqlite:x.db"]),
        ("messenger", &[nats]),
    ] {
        ensure!(refused(program, flags)?.contains("PostgreSQL"), "{flags:?}");
    }
    Ok(())
}

#[test]
fn a_bad_url_is_refused_and_its_password_not_repeated() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("nats");
    fs::write(&file, "http://me:secret@x")?;
    let in_file = format!("--nats-file={}", file.display());
    let both = ["--nats=nats://a", &in_file];
    let database = "--database=postgres://127.0.0.1/x";
    for flags in [
        &["--nats=http://me:secret@x"][..],
        &["--nats=nats://me:secret@x:port"],
        &["--nats=,"],
        &[&in_file],
        &["--nats-file=/nowhere/nats"],
        &both,
    ] {
        let flags = [flags, &[database]].concat();
        refused("chat", &flags)?;
        refused("messenger", &flags)?;
    }
    Ok(())
}

#[test]
fn credentials_are_in_the_url_and_one_of_several_servers_is_enough() -> Result<()> {
    let (password, token) =
        (Nats::start(&["--user", "me", "--pass", "s@cret"])?, Nats::start(&["--auth", "t0ken"])?);
    for (user, nats) in [("me:s%40cret", &password), ("t0ken", &token)] {
        let flag = format!("--nats=nats://127.0.0.1:1,nats://{user}@{}", nats.address());
        let mut deployment = Deployment::launch(&Arrangement::nodes(2, false)?, &[&flag])?;
        for server in &mut deployment.servers[..2] {
            server.wait_for_line("connected to NATS")?;
            ensure!(!server.log().contains("s%40cret") && !server.log().contains("t0ken"));
        }
        let mut alice = Client::connected(&deployment.node(0)?, "Alice")?;
        let mut bob = Client::connected(&deployment.node(1)?, "Bob")?;
        latencies(&mut alice, &mut bob, 3)?;
    }
    Ok(())
}
