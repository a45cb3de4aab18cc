//! A token that is wrong or over is told so, and the socket is closed with 4401.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn wrong_tokens(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::signup(endpoints, "Alice")?;
    let over = alice.device("soon over")?;
    over.ask("POST", "/logout")?.send()?.expect(204)?;
    let almost = format!("{}x", alice.token);
    let wrong = ["wrong", "", "ü", &"x".repeat(5000), &almost, &over.token];
    for token in wrong {
        alice.open(&[])?;
        alice.write(&json!({"type": "hello", "token": token}))?;
        is_sent_away(&mut alice, token)?;
        alice.open(&[])?;
        alice.write(&json!({"to": alice.id, "content": "first", "token": token}))?;
        is_sent_away(&mut alice, token)?;
    }
    for token in ["wrong", &almost, &over.token] {
        let header = format!("Bearer {token}");
        alice.open(&[("authorization", &header)])?;
        is_sent_away(&mut alice, token)?;
    }
    alice.connect()?;
    Ok(())
}

fn is_sent_away(client: &mut Client, token: &str) -> Result<()> {
    let error = client.receive_next()?;
    let is_told = error["type"] == "error" && error["code"] == "unauthorized";
    ensure!(is_told, "token {token:.20}: {error}");
    let code = client.closed()?;
    ensure!(code == 4401, "token {token:.20}: closed with {code}");
    Ok(())
}
