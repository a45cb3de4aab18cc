//! `messenger` answers at `/ws` of its HTTP port too, so that one port is enough.

use acceptance::{Client, Endpoints, raw};
use anyhow::{Result, ensure};
use rustix::process::Signal;

use crate::harness::{Arrangement, Deployment};

/// The same servers, with the chat at `/ws` of the HTTP port.
fn one_port(deployment: &Deployment) -> Result<Endpoints> {
    let chat = format!("ws://{}/ws", deployment.endpoints.auth_address()?);
    Ok(Endpoints::new(&chat, Some(&deployment.endpoints.auth()?)))
}

/// The status of an upgrade at `/ws` of the HTTP port with these lines in its head.
fn upgrade(deployment: &Deployment, lines: &str) -> Result<u16> {
    let address = deployment.endpoints.auth_address()?;
    let request = raw::upgrade(&address).replacen("GET / ", "GET /ws ", 1);
    let request = request.replace("\r\nUpgrade", &format!("\r\n{lines}Upgrade"));
    Ok(raw::exchange(raw::connect(&address, None)?, request.as_bytes())?.0)
}

#[test]
fn people_talk_over_the_http_port_and_with_those_at_the_other() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let mut alice = Client::connected(&one_port(&deployment)?, "Alice")?;
    let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "by the one port")?;
    bob.receive_message("by the one port")?;
    bob.send_message(&alice, "by the other")?;
    alice.receive_message("by the other")?;
    for path in ["/schema.json", "/asyncapi.json", "/healthz", "/openapi.json"] {
        deployment.endpoints.ask("GET", path)?.send()?.expect(200)?;
    }
    deployment.endpoints.ask("GET", "/ws")?.send()?.refused(426)?;
    Ok(())
}

#[test]
fn foreign_pages_are_kept_out_there_too() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let own = format!("Origin: http://{}\r\n", deployment.endpoints.auth_address()?);
    for (origin, wanted) in [("Origin: https://evil.example\r\n", 403), (&own, 101), ("", 101)] {
        let status = upgrade(&deployment, origin)?;
        ensure!(status == wanted, "{origin}: {status}");
    }
    Ok(())
}

#[test]
fn auth_alone_has_no_chat() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Pair, &[])?;
    ensure!(upgrade(&deployment, "")? == 404);
    deployment.endpoints.ask("GET", "/ws")?.send()?.refused(404)?;
    Ok(())
}

#[test]
fn what_was_accepted_there_is_answered_when_the_server_stops() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let endpoints = one_port(&deployment)?;
    let mut alice = Client::connected(&endpoints, "Alice")?;
    let mut bob = Client::connected(&endpoints, "Bob")?;
    alice.send_message(&bob, "before the end")?;
    deployment.servers[0].signal(Signal::TERM)?;
    bob.receive_message("before the end")?;
    for client in [&mut alice, &mut bob] {
        let code = client.closed()?;
        ensure!(code == 1001, "closed with {code}");
    }
    ensure!(deployment.servers[0].ended()?.success());
    Ok(())
}
