//! A logout ends one session, and only that.

use anyhow::{Result, ensure};

use crate::{Client, Endpoints, raw};

pub fn logout(endpoints: &Endpoints) -> Result<()> {
    let phone = Client::signup(endpoints, "Alice")?;
    let laptop = phone.device("laptop")?;
    phone.ask("POST", "/logout")?.send()?.expect(204)?;
    phone.ask("GET", "/me")?.send()?.refused(401)?;
    phone.ask("POST", "/logout")?.send()?.refused(401)?;
    laptop.ask("GET", "/me")?.send()?.expect(200)?;
    endpoints.ask("POST", "/logout")?.send()?.refused(401)?;

    // `curl -X POST` announces no length at all.
    let request = format!(
        "POST /logout HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        endpoints.auth_address()?,
        laptop.token
    );
    let stream = raw::connect(&endpoints.auth_address()?, None)?;
    let (status, answer) = raw::exchange(stream, request.as_bytes())?;
    ensure!(status == 204, "{answer}");
    laptop.ask("GET", "/me")?.send()?.refused(401)?;
    Ok(())
}
