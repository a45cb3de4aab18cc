//! On a new server everything counts from 1.

use acceptance::{Client, Received, Socket};
use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

#[test]
fn guests_are_1_2_3_and_2_says_hello_to_1() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Guests, &[])?;
    let url = deployment.endpoints.chat();
    let mut guests = Vec::new();
    for n in 1..=3 {
        let mut guest = Socket::open(&url, &[])?;
        let Received::Json(welcome) = guest.receive_next()? else { anyhow::bail!("no welcome") };
        ensure!(welcome["type"] == "welcome" && welcome["id"] == n, "{welcome}");
        guests.push(guest);
    }
    guests[1].text(r#"{"from":2,"to":1,"content":"hello"}"#)?;
    let Received::Json(message) = guests[0].receive_next()? else { anyhow::bail!("no message") };
    let expected = json!({"type": "message", "from": 2, "to": 1, "content": "hello",
        "at": message["at"]});
    ensure!(message == expected, "{message}");
    Ok(())
}

#[test]
fn accounts_and_messages_are_counted_from_1_on_both_engines() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &["--contact=request"])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let bob = Client::signup(&deployment.endpoints, "Bob")?;
        ensure!((alice.id, bob.id) == (1, 2), "accounts {} and {}", alice.id, bob.id);
        for n in 1..=2 {
            let sent = alice.send_message(&bob, "hello")?;
            ensure!(sent["id"] == n && sent["seq"] == n, "{sent}");
        }
    }
    Ok(())
}
