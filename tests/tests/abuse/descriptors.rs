//! Two hundred descriptors, four hundred connections.

use std::net::UdpSocket;

use acceptance::{Client, Endpoints, PATIENCE, raw, until};
use anyhow::{Context, Result, ensure};

use crate::harness::{Arrangement, Deployment, Launch, not_tested};

const ATTACKERS: usize = 400;

#[test]
fn running_out_of_descriptors_ends_with_the_attack() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::Pair] {
        let limited = |launch: Launch| launch.wrapped_in(&["prlimit", "--nofile=200:200"]);
        let mut deployment = Deployment::launch_with(&kind, &[], limited)?;
        let endpoints = deployment.endpoints.clone();
        let mut alice = Client::connected(&endpoints, "Alice")?;
        let mut bob = Client::connected(&endpoints, "Bob")?;
        let mut ports = vec![endpoints.chat_address()];
        ports.extend(endpoints.auth_address().ok());
        for address in ports {
            let mut held = Vec::new();
            for n in 0..ATTACKERS {
                // The kernel may refuse some: that is the server's backlog, and fine.
                held.extend(raw::connect(&address, None));
                if n % 50 == 0 {
                    alice.send_message(&bob, "meanwhile")?;
                    bob.receive_message("meanwhile").context("those who were there first")?;
                }
            }
            // Who holds a connection and says nothing does not keep it.
            endpoints.serves().context("while the attackers hold on")?;
            drop(held);
            endpoints.serves().context("afterwards")?;
        }
        deployment.runs()?;
    }
    Ok(())
}

#[test]
fn the_limit_of_connections_holds_and_passes() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Guests, &["--connections-max=20"])?;
    let mut guests = Vec::new();
    while let Ok(guest) = Client::guest(&deployment.endpoints) {
        guests.push(guest);
        ensure!(guests.len() <= 20, "more than twenty");
    }
    ensure!(guests.len() == 20, "only {} of twenty", guests.len());
    let refused = deployment.endpoints.ask_chat("GET", "/healthz").send()?;
    ensure!(refused.status == 503, "{} {}", refused.status, refused.text);
    refused.retry_after()?;
    for guest in &mut guests {
        guest.is_answered()?;
        guest.leave();
    }
    deployment.endpoints.serves()?;
    deployment.runs()
}

#[test]
fn one_address_cannot_have_all_connections() -> Result<()> {
    // Loopback is not counted: a proxy there speaks for many. The machine's own address is, if it has one.
    let probe = UdpSocket::bind("0.0.0.0:0")?;
    if probe.connect("192.0.2.1:9").is_err() {
        not_tested("this machine has no address in a network");
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let flags = ["--listen=0.0.0.0:0", "--connections-per-address=5"];
    let mut server = Launch::new("chat", home.path())?.args(&flags).start()?;
    let port = server.address("chat")?.replace("0.0.0.0:", "");
    let far = Endpoints::new(&format!("ws://{}:{port}", probe.local_addr()?.ip()), None);
    let near = Endpoints::new(&format!("ws://127.0.0.1:{port}"), None);
    let mut guests = Vec::new();
    while let Ok(guest) = Client::guest(&far) {
        guests.push(guest);
        ensure!(guests.len() <= 5, "more than five from one address");
    }
    ensure!(guests.len() == 5, "only {} of five", guests.len());
    near.serves()?;
    guests.pop().context("a guest")?.leave();
    until("a place to be free again", PATIENCE, || Ok(Client::guest(&far).ok()))?;
    Ok(())
}
