//! Somebody who knows an email exactly finds the account; nobody can browse.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn lookup(endpoints: &Endpoints) -> Result<()> {
    let alice = Client::signup(endpoints, "Alice")?;
    let bob = Client::signup(endpoints, "Bob")?;
    let find = |email: &str| {
        let email = email.replace('@', "%40").replace('+', "%2B");
        alice.ask("GET", &format!("/users?email={email}"))?.send()
    };
    let found = find(&bob.email)?.expect(200)?.body;
    ensure!(found == json!({"id": bob.id, "name": "Bob"}), "{found}");
    ensure!(find(&bob.email.to_uppercase())?.expect(200)?.body["id"] == bob.id, "letter case");

    let part = bob.email.split('@').next().unwrap_or_default();
    for other in [part, "", "%25", "bob%25", "*", &format!("x{}", bob.email)] {
        let refused = find(other)?;
        let is_refused = refused.status == 404 || refused.status == 400;
        ensure!(is_refused, "{other}: {} {}", refused.status, refused.text);
    }
    find("nobody@example.com")?.refused(404)?;
    alice.ask("GET", "/users")?.send()?.refused(400)?;
    let path = format!("/users?email={}", bob.email.replace('@', "%40"));
    endpoints.ask("GET", &path)?.send()?.refused(401)?;
    Ok(())
}
