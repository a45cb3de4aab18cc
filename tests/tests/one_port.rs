//! `messenger` answers at `/ws` of its HTTP port too, so that one port is enough.

use acceptance::{Person, World, raw};
use anyhow::{Result, ensure};
use rustix::process::Signal;

use crate::drive::{House, Kind};

/// The same servers, with the chat at `/ws` of the HTTP port.
fn one_port(house: &House) -> Result<World> {
    let chat = format!("ws://{}/ws", house.world.auth_address()?);
    Ok(World::new(&chat, Some(&house.world.auth()?)))
}

/// The status of an upgrade at `/ws` of the HTTP port with these lines in its head.
fn upgrade(house: &House, lines: &str) -> Result<u16> {
    let address = house.world.auth_address()?;
    let request = raw::upgrade(&address).replacen("GET / ", "GET /ws ", 1);
    let request = request.replace("\r\nUpgrade", &format!("\r\n{lines}Upgrade"));
    Ok(raw::exchange(raw::connect(&address, None)?, request.as_bytes())?.0)
}

#[test]
fn people_talk_over_the_http_port_and_with_those_at_the_other() -> Result<()> {
    let house = House::open(&Kind::Messenger, &[])?;
    let mut alice = Person::arrive(&one_port(&house)?, "Alice")?;
    let mut bob = Person::arrive(&house.world, "Bob")?;
    alice.say(&bob, "by the one port")?;
    bob.hear_message("by the one port")?;
    bob.say(&alice, "by the other")?;
    alice.hear_message("by the other")?;
    for path in ["/schema.json", "/asyncapi.json", "/healthz", "/openapi.json"] {
        house.world.ask("GET", path)?.send()?.expect(200)?;
    }
    house.world.ask("GET", "/ws")?.send()?.refused(426)?;
    Ok(())
}

#[test]
fn foreign_pages_are_kept_out_there_too() -> Result<()> {
    let house = House::open(&Kind::Messenger, &[])?;
    let own = format!("Origin: http://{}\r\n", house.world.auth_address()?);
    for (origin, wanted) in [("Origin: https://evil.example\r\n", 403), (&own, 101), ("", 101)] {
        let status = upgrade(&house, origin)?;
        ensure!(status == wanted, "{origin}: {status}");
    }
    Ok(())
}

#[test]
fn auth_alone_has_no_chat() -> Result<()> {
    let house = House::open(&Kind::Pair, &[])?;
    ensure!(upgrade(&house, "")? == 404);
    house.world.ask("GET", "/ws")?.send()?.refused(404)?;
    Ok(())
}

#[test]
fn what_was_accepted_there_is_answered_when_the_server_stops() -> Result<()> {
    let mut house = House::open(&Kind::Messenger, &[])?;
    let world = one_port(&house)?;
    let mut alice = Person::arrive(&world, "Alice")?;
    let mut bob = Person::arrive(&world, "Bob")?;
    alice.say(&bob, "before the end")?;
    house.servers[0].signal(Signal::TERM)?;
    bob.hear_message("before the end")?;
    for person in [&mut alice, &mut bob] {
        let code = person.closed()?;
        ensure!(code == 1001, "closed with {code}");
    }
    ensure!(house.servers[0].ended()?.success());
    Ok(())
}
