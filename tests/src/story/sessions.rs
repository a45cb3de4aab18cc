//! An account sees its devices, and can send one away; nobody else's.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Client, Endpoints};

pub fn sessions(endpoints: &Endpoints) -> Result<()> {
    let phone = Client::signup(endpoints, "Alice")?;
    let laptop = phone.device("kitchen laptop")?;
    let bob = Client::signup(endpoints, "Bob")?;

    let listed = phone.ask("GET", "/sessions")?.send()?.expect(200)?;
    ensure!(!listed.text.contains(&phone.token), "a list of sessions shows a token");
    let all = list(&listed.body)?;
    ensure!(all.len() == 2, "two devices, but {}", listed.text);
    let laptop_id = id_of(all, "kitchen laptop")?;
    let phone_id = id_of(all, "first device")?;

    let path = format!("/sessions/{laptop_id}");
    bob.ask("DELETE", &path)?.send()?.refused(404)?;
    laptop.ask("GET", "/me")?.send()?.expect(200)?;
    phone.ask("DELETE", &path)?.send()?.expect(204)?;
    laptop.ask("GET", "/me")?.send()?.refused(401)?;
    phone.ask("DELETE", &path)?.send()?.refused(404)?;
    for wrong in ["/sessions/0", "/sessions/999999999"] {
        phone.ask("DELETE", wrong)?.send()?.refused(404)?;
    }
    let odd = phone.ask("DELETE", "/sessions/first")?.send()?;
    ensure!(odd.status == 404 || odd.status == 400, "{}", odd.text);

    let left = phone.ask("GET", "/sessions")?.send()?.expect(200)?.body;
    ensure!(list(&left)?.len() == 1, "{left}");
    phone.ask("DELETE", &format!("/sessions/{phone_id}"))?.send()?.expect(204)?;
    phone.ask("GET", "/sessions")?.send()?.refused(401)?;
    Ok(())
}

/// The list itself, or the one under `sessions`.
fn list(body: &Value) -> Result<&Vec<Value>> {
    body.as_array().or(body["sessions"].as_array()).with_context(|| format!("no list: {body}"))
}

fn id_of(sessions: &[Value], device: &str) -> Result<i64> {
    let found = sessions.iter().find(|session| session["device"] == device);
    found.and_then(|session| session["id"].as_i64()).with_context(|| format!("no {device}"))
}
