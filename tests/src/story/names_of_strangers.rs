//! A name is for who is known, has written, was found by email or is in a common group.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn names_of_strangers(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let carol = Client::connected(endpoints, "Carol")?;
    let name = |asker: &Client, other: i64| asker.ask("GET", &format!("/users/{other}"))?.send();
    let own = name(&alice, alice.id)?.expect(200)?;
    ensure!(own.body == json!({"id": alice.id, "name": alice.name}), "{}", own.body);
    let stranger = name(&alice, bob.id)?.expect(404)?;
    let nobody = name(&alice, i64::MAX)?.expect(404)?;
    ensure!(stranger.body == nobody.body, "who is there is told from who is not");
    for path in ["/users/none", "/users/0", "/users/-1"] {
        alice.ask("GET", path)?.send()?.expect(404)?;
    }
    endpoints.ask("GET", &format!("/users/{}", bob.id))?.send()?.expect(401)?;

    // She has written to him: he sees her name, she does not see his.
    alice.send_message(&bob, "hello")?;
    ensure!(name(&bob, alice.id)?.expect(200)?.body["name"] == alice.name);
    name(&alice, bob.id)?.expect(404)?;
    bob.change(json!({"type": "accept", "id": alice.id}))?;
    ensure!(name(&alice, bob.id)?.expect(200)?.body["name"] == bob.name);

    // She has found Carol, who does not know of it.
    name(&alice, carol.id)?.expect(404)?;
    let found = alice.ask("GET", &format!("/users?email={}", carol.email))?.send()?.expect(200)?;
    ensure!(found.body["id"] == carol.id, "{}", found.body);
    ensure!(name(&alice, carol.id)?.expect(200)?.body["name"] == carol.name);
    name(&carol, alice.id)?.expect(404)?;
    let export = alice.ask("GET", "/export")?.send()?.expect(200)?;
    ensure!(export.body["found"][0]["id"] == carol.id, "{}", export.body["found"]);
    Ok(())
}
