//! An account can be looked at and renamed by whoever shows its token.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn me(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::signup(endpoints, "Alice")?;
    let me = alice.ask("GET", "/me")?.send()?.expect(200)?.body;
    ensure!(me["id"] == alice.id && me["name"] == "Alice", "{me}");
    ensure!(me["email"] == *alice.email, "{me}");
    ensure!(me["stored"] == 0 && me["quota"].is_u64(), "{me}");
    ensure!(!me.to_string().contains("argon2"), "{me}");

    let renamed = alice.ask("PATCH", "/me")?.json(&json!({"name": "Alícia 👋"})).send()?;
    ensure!(renamed.expect(200)?.body["name"] == "Alícia 👋");
    let me = alice.ask("GET", "/me")?.send()?.expect(200)?.body;
    ensure!(me["name"] == "Alícia 👋", "{me}");
    "Alícia 👋".clone_into(&mut alice.name);
    alice.connect()?;

    for name in [json!(7), json!(null), json!(""), json!("  "), json!("x".repeat(2000)), json!("\u{2800}"), json!("\u{202e}ecilA")] {
        alice.ask("PATCH", "/me")?.json(&json!({"name": name})).send()?.refused(400)?;
    }
    alice.ask("PATCH", "/me")?.json(&json!({})).send()?.refused(400)?;

    for method in ["GET", "PATCH", "DELETE"] {
        let body = json!({"name": "Mallory", "password": alice.password});
        let call = || -> Result<_> {
            let call = endpoints.ask(method, "/me")?;
            Ok(if method == "GET" { call } else { call.json(&body) })
        };
        call()?.send()?.refused(401)?;
        for wrong in ["Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", &alice.token] {
            call()?.header("authorization", wrong).send()?.refused(401)?;
        }
    }
    let lower = format!("bearer {}", alice.token);
    endpoints.ask("GET", "/me")?.header("authorization", &lower).send()?.expect(200)?;
    Ok(())
}
