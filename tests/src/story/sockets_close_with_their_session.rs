//! When a session ends, its open sockets close with 4401 within two seconds, and no other's.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

const SOON: Duration = Duration::from_secs(2);

pub fn sockets_close_with_their_session(endpoints: &Endpoints) -> Result<()> {
    let mut phone = Client::connected(endpoints, "Alice")?;
    let mut laptop = phone.device("laptop")?;
    let mut tablet = phone.device("tablet")?;
    laptop.connect()?;
    tablet.connect()?;

    laptop.ask("POST", "/logout")?.send()?.expect(204)?;
    is_closed(&mut laptop, "logout")?;
    phone.is_answered().context("logout closed another device")?;

    let sessions = phone.ask("GET", "/sessions")?.send()?.expect(200)?.body;
    let list = sessions.as_array().or(sessions["sessions"].as_array()).context("no list")?;
    let is_tablet = |it: &&Value| it["device"] == "tablet";
    let id = list.iter().find(is_tablet).context("no tablet")?["id"].clone();
    phone.ask("DELETE", &format!("/sessions/{id}"))?.send()?.expect(204)?;
    is_closed(&mut tablet, "revoke")?;
    phone.is_answered().context("a revocation closed another device")?;

    laptop.login("laptop")?;
    laptop.connect()?;
    let change = json!({"old": phone.password, "new": "another secret"});
    phone.ask("POST", "/password")?.json(&change).send()?.expect(204)?;
    is_closed(&mut laptop, "password change")?;
    phone.is_answered().context("a password change closed its own device")?;

    "another secret".clone_into(&mut laptop.password);
    laptop.login("laptop")?;
    laptop.connect()?;
    let delete = json!({"password": "another secret"});
    phone.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;
    is_closed(&mut phone, "deletion")?;
    is_closed(&mut laptop, "deletion")
}

fn is_closed(client: &mut Client, why: &str) -> Result<()> {
    let code = client.closed_within(SOON).with_context(|| format!("after {why}"))?;
    ensure!(code == 4401, "after {why}: closed with {code}");
    Ok(())
}
