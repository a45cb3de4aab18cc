//! On a new server everything counts from 1.

use acceptance::{Heard, Person, Socket};
use anyhow::{Result, ensure};
use serde_json::json;

use crate::drive::{House, Kind};

#[test]
fn guests_are_1_2_3_and_2_says_hello_to_1() -> Result<()> {
    let house = House::open(&Kind::Guests, &[])?;
    let url = house.world.chat();
    let mut guests = Vec::new();
    for n in 1..=3 {
        let mut guest = Socket::open(&url, &[])?;
        let Heard::Json(welcome) = guest.hear_next()? else { anyhow::bail!("no welcome") };
        ensure!(welcome["type"] == "welcome" && welcome["id"] == n, "{welcome}");
        guests.push(guest);
    }
    guests[1].text(r#"{"from":2,"to":1,"content":"hello"}"#)?;
    let Heard::Json(message) = guests[0].hear_next()? else { anyhow::bail!("no message") };
    let expected = json!({"type": "message", "from": 2, "to": 1, "content": "hello",
        "at": message["at"]});
    ensure!(message == expected, "{message}");
    Ok(())
}

#[test]
fn accounts_and_messages_are_counted_from_1_on_both_engines() -> Result<()> {
    for kind in [Kind::Messenger, Kind::postgres()?] {
        let house = House::open(&kind, &["--contact=request"])?;
        let mut alice = Person::arrive(&house.world, "Alice")?;
        let bob = Person::signup(&house.world, "Bob")?;
        ensure!((alice.id, bob.id) == (1, 2), "accounts {} and {}", alice.id, bob.id);
        for n in 1..=2 {
            let sent = alice.say(&bob, "hello")?;
            ensure!(sent["id"] == n && sent["seq"] == n, "{sent}");
        }
    }
    Ok(())
}
