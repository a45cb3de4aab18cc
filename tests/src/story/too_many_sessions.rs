//! A fifty-first device ends the longest unused, and one with an open socket is in use.

use anyhow::{Result, ensure};

use crate::{Client, Endpoints};

/// How many an account has at the most.
const MOST: usize = 50;

pub fn too_many_sessions(endpoints: &Endpoints) -> Result<()> {
    let mut phone = Client::connected(endpoints, "Alice")?;
    let idle = phone.device("idle")?;
    let mut devices = Vec::new();
    for number in 2..MOST {
        devices.push(phone.device(&format!("device {number}"))?);
    }
    idle.ask("GET", "/me")?.send()?.expect(200)?;
    let newest = phone.device("one more")?;
    idle.ask("GET", "/me")?.send()?.refused(401)?;
    newest.ask("GET", "/me")?.send()?.expect(200)?;
    phone.is_answered()?;
    let listed = phone.ask("GET", "/sessions")?.send()?.expect(200)?.body;
    let count = listed["sessions"].as_array().map_or(0, Vec::len);
    ensure!(count == MOST, "{count} sessions");
    // However many come after it.
    for number in 0..MOST {
        phone.device(&format!("later {number}"))?;
    }
    phone.is_answered()?;
    phone.ask("GET", "/me")?.send()?.expect(200)?;
    newest.ask("GET", "/me")?.send()?.refused(401)?;
    Ok(())
}
