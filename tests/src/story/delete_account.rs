//! Deleting an account needs its password, ends its sessions and frees its email; what it said stays with others.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn delete_account(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let laptop = alice.device("laptop")?;
    alice.send_message(&bob, "remember me")?;
    bob.receive_message("remember me")?;

    let delete = |body| alice.ask("DELETE", "/me")?.json(&body).send();
    delete(json!({"password": "not the password"}))?.refused(403)?;
    delete(json!({"password": 7}))?.refused(400)?;
    delete(json!({}))?.refused(400)?;
    alice.ask("DELETE", "/me")?.send()?.refused(400)?;
    laptop.ask("GET", "/me")?.send()?.expect(200)?;

    delete(json!({"password": alice.password}))?.expect(204)?;
    alice.ask("GET", "/me")?.send()?.refused(401)?;
    laptop.ask("GET", "/me")?.send()?.refused(401)?;
    let login = json!({"email": alice.email, "password": alice.password});
    endpoints.ask("POST", "/login")?.json(&login).send()?.refused(401)?;
    let path = format!("/users?email={}", alice.email.replace('@', "%40"));
    bob.ask("GET", &path)?.send()?.refused(404)?;

    bob.leave();
    bob.connect_since(0)?;
    let kept = bob.receive_next()?;
    ensure!(kept["content"] == "remember me" && kept["seq"] == 1, "{kept}");

    let again = json!({"email": alice.email, "name": "Alice II", "password": "secret"});
    let again = endpoints.ask("POST", "/signup")?.json(&again).send()?.expect(201)?.body;
    ensure!(again["id"] != alice.id, "an id was used twice: {again}");
    Ok(())
}
