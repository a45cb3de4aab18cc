//! A new password needs the old one, and ends every other session.

use anyhow::Result;
use serde_json::json;

use crate::{Client, Endpoints};

pub fn password(endpoints: &Endpoints) -> Result<()> {
    let mut phone = Client::signup(endpoints, "Alice")?;
    let laptop = phone.device("laptop")?;
    let old = phone.password.clone();
    let change = |body| phone.ask("POST", "/password")?.json(&body).send();

    change(json!({"old": "not the old one", "new": "another secret"}))?.refused(403)?;
    change(json!({"old": old, "new": "short"}))?.refused(400)?;
    change(json!({"old": old, "new": "p".repeat(1025)}))?.refused(400)?;
    change(json!({"old": old, "new": 7}))?.refused(400)?;
    change(json!({"old": old}))?.refused(400)?;
    change(json!({"new": "another secret"}))?.refused(400)?;
    laptop.ask("GET", "/me")?.send()?.expect(200)?;

    change(json!({"old": old, "new": "another secret"}))?.expect(204)?;
    phone.ask("GET", "/me")?.send()?.expect(200)?;
    laptop.ask("GET", "/me")?.send()?.refused(401)?;

    let login = |password: &str| {
        let body = json!({"email": phone.email, "password": password});
        endpoints.ask("POST", "/login")?.json(&body).send()
    };
    login(&old)?.refused(401)?;
    login("another secret")?.expect(200)?;
    "another secret".clone_into(&mut phone.password);
    phone.device("tablet")?;
    Ok(())
}
