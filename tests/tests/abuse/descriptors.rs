//! Two hundred descriptors, four hundred connections.

use std::net::UdpSocket;

use acceptance::{PATIENCE, Person, World, raw, until};
use anyhow::{Context, Result, ensure};

use crate::drive::{House, Kind, Launch};

const ATTACKERS: usize = 400;

#[test]
fn running_out_of_descriptors_ends_with_the_attack() -> Result<()> {
    for kind in [Kind::Guests, Kind::Messenger, Kind::Pair] {
        let limited = |launch: Launch| launch.under(&["prlimit", "--nofile=200:200"]);
        let mut house = House::open_with(&kind, &[], limited)?;
        let world = house.world.clone();
        let mut alice = Person::arrive(&world, "Alice")?;
        let mut bob = Person::arrive(&world, "Bob")?;
        let mut ports = vec![world.chat_address()];
        ports.extend(world.auth_address().ok());
        for address in ports {
            let mut held = Vec::new();
            for n in 0..ATTACKERS {
                // The kernel may refuse some: that is the server's backlog, and fine.
                held.extend(raw::connect(&address, None));
                if n % 50 == 0 {
                    alice.say(&bob, "meanwhile")?;
                    bob.hear_message("meanwhile").context("those who were there first")?;
                }
            }
            // Who holds a connection and says nothing does not keep it.
            world.serves().context("while the attackers hold on")?;
            drop(held);
            world.serves().context("afterwards")?;
        }
        house.runs()?;
    }
    Ok(())
}

#[test]
fn the_limit_of_connections_holds_and_passes() -> Result<()> {
    let mut house = House::open(&Kind::Guests, &["--connections-max=20"])?;
    let mut guests = Vec::new();
    while let Ok(guest) = Person::guest(&house.world) {
        guests.push(guest);
        ensure!(guests.len() <= 20, "more than twenty");
    }
    ensure!(guests.len() == 20, "only {} of twenty", guests.len());
    let refused = house.world.ask_chat("GET", "/healthz").send()?;
    ensure!(refused.status == 503, "{} {}", refused.status, refused.text);
    refused.retry_after()?;
    for guest in &mut guests {
        guest.is_answered()?;
        guest.leave();
    }
    house.world.serves()?;
    house.runs()
}

#[test]
fn one_address_cannot_have_all_connections() -> Result<()> {
    // Loopback is not counted: a proxy there speaks for many. The machine's own address is, if it has one.
    let probe = UdpSocket::bind("0.0.0.0:0")?;
    if probe.connect("192.0.2.1:9").is_err() {
        eprintln!("no network, no address to come from");
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let flags = ["--listen=0.0.0.0:0", "--connections-per-address=5"];
    let mut server = Launch::new("chat", home.path())?.args(&flags).start()?;
    let port = server.address("chat")?.replace("0.0.0.0:", "");
    let far = World::new(&format!("ws://{}:{port}", probe.local_addr()?.ip()), None);
    let near = World::new(&format!("ws://127.0.0.1:{port}"), None);
    let mut guests = Vec::new();
    while let Ok(guest) = Person::guest(&far) {
        guests.push(guest);
        ensure!(guests.len() <= 5, "more than five from one address");
    }
    ensure!(guests.len() == 5, "only {} of five", guests.len());
    near.serves()?;
    guests.pop().context("a guest")?.leave();
    until("a place to be free again", PATIENCE, || Ok(Person::guest(&far).ok()))?;
    Ok(())
}
