//! What a stranger sends is fetched once it is accepted.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn files_of_strangers(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let file = alice.upload("a.txt", "text/plain", b"hello")?;
    alice.send_files(&bob, "hello", &[&file])?;
    let heard = bob.receive_message("hello")?;
    ensure!(heard["files"][0]["id"] == file, "{heard}");
    if heard["request"] == true {
        ensure!(bob.download(&file)?.0 == 404, "before it is accepted");
        bob.change(json!({"type": "accept", "id": alice.id}))?;
    }
    ensure!(bob.download(&file)?.0 == 200 && alice.download(&file)?.0 == 200);
    Ok(())
}
