//! `--nats`: what is refused, and what it may contain.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;

use acceptance::{Client, Cluster, Nats};
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

#[test]
fn the_doctor_asks_the_bus() -> Result<()> {
    let (home, nats) = (tempfile::tempdir()?, Nats::start(&[])?);
    let url = Cluster::shared()?.database()?;
    let said = |bus: &str, flags: &[&str]| -> Result<(bool, String)> {
        let launch = Launch::new("messenger", home.path())?.env("NATS_URL", bus);
        let output = launch.args(flags).args(&["doctor"]).run()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    let database = format!("--database={url}");
    // The first server makes the tables.
    let flags = ["--listen=127.0.0.1:0", &database];
    let mut chat = Launch::new("chat", home.path())?.args(&flags).start()?;
    chat.wait_for_line("chat listening on")?;
    acceptance::until("the tables", acceptance::PATIENCE, || {
        let health =
            acceptance::Call::new("GET", &format!("http://{}/healthz", chat.address("chat")?));
        Ok((health.send()?.status == 200).then_some(()))
    })?;
    let (is_fine, lines) = said(&format!("nats://127.0.0.1:1,{}", nats.url()), &[&database])?;
    let delivers = format!("ok       bus: NATS delivers messages at {}", nats.address());
    ensure!(is_fine && lines.contains(&delivers), "{lines}");
    ensure!(lines.contains("warning  bus: NATS delivers no messages at 127.0.0.1:1: "), "{lines}");
    let (is_fine, lines) = said("nats://me:secret@127.0.0.1:1", &[&database])?;
    ensure!(
        !is_fine && lines.contains("problem  bus: NATS delivers no messages at 127.0.0.1:1: "),
        "{lines}"
    );
    ensure!(!lines.contains("secret"), "{lines}");

    // Not everything that greets like NATS delivers, and not to everybody.
    let greeter = TcpListener::bind("127.0.0.1:0")?;
    let place = greeter.local_addr()?;
    let greeting = b"INFO {\"server_id\":\"x\",\"max_payload\":1048576}\r\nPONG\r\n";
    std::thread::scope(|scope| -> Result<()> {
        let greets = scope.spawn(move || -> Result<()> {
            let (mut stream, _) = greeter.accept()?;
            stream.write_all(greeting)?;
            // Until the doctor gives up.
            std::io::copy(&mut stream, &mut std::io::sink())?;
            Ok(())
        });
        let (is_fine, lines) = said(&format!("nats://{place}"), &[&database])?;
        let silent = format!("problem  bus: NATS delivers no messages at {place}: no answer");
        ensure!(!is_fine && lines.contains(&silent), "{lines}");
        ensure!(greets.join().is_ok());
        Ok(())
    })?;

    let mut reader = postgres::Client::connect(&url, postgres::NoTls)?;
    let id: String = reader.query_one("select id from bus", &[])?.get(0);
    let rights = home.path().join("rights.conf");
    let user = |name: &str, subjects: &str| {
        format!(
            "{{ user: {name}, password: secret, permissions: {{ publish: \"{subjects}\", subscribe: \"{subjects}\" }} }}"
        )
    };
    let (exact, other) = (user("exact", &format!("messenger.{id}.*")), user("other", "other.>"));
    fs::write(&rights, format!("authorization {{ users = [ {exact}, {other} ] }}"))?;
    let nats = Nats::start(&["-c", &rights.display().to_string()])?;
    let (is_fine, lines) = said(&format!("nats://exact:secret@{}", nats.address()), &[&database])?;
    ensure!(is_fine && lines.contains("ok       bus: NATS delivers"), "{lines}");
    let (is_fine, lines) = said(&format!("nats://other:secret@{}", nats.address()), &[&database])?;
    ensure!(!is_fine && lines.to_lowercase().contains("permissions violation"), "{lines}");
    let (is_fine, lines) = said(&format!("nats://other:wrong@{}", nats.address()), &[&database])?;
    ensure!(!is_fine && lines.contains("authorization violation"), "{lines}");
    let (is_fine, lines) = said(&nats.url(), &["--database=sqlite:nowhere.db"])?;
    ensure!(!is_fine && lines.contains("problem  bus: --nats (NATS_URL) connects"), "{lines}");
    Ok(())
}

#[test]
fn a_bus_that_speaks_tls_is_trusted_by_its_certificate() -> Result<()> {
    let home = tempfile::tempdir()?;
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|it| home.path().join(it));
    let [key, certificate] = [&key, &certificate].map(|it| it.display().to_string());
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-keyout", &key, "-out", &certificate, "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let nats = Nats::start(&["--tls", "--tlscert", &certificate, "--tlskey", &key])?;
    let flag = format!("--nats={}", nats.url().replace("nats://127.0.0.1", "tls://localhost"));
    let nodes = Arrangement::nodes(2, false)?;
    let trusting = |launch: Launch| launch.env("SSL_CERT_FILE", &certificate);
    let mut deployment = Deployment::launch_with(&nodes, &[&flag], trusting)?;
    for server in &mut deployment.servers[..2] {
        server.wait_for_line("connected to NATS")?;
    }
    let mut alice = Client::connected(&deployment.node(0)?, "Alice")?;
    let mut bob = Client::connected(&deployment.node(1)?, "Bob")?;
    latencies(&mut alice, &mut bob, 3)?;
    // Without trust in it there is no connection.
    let mut deployment = Deployment::launch(&nodes, &[&flag])?;
    deployment.servers[0].wait_for_line("NATS is away")?;
    ensure!(!deployment.servers[0].log().contains("connected to NATS"));
    Ok(())
}
