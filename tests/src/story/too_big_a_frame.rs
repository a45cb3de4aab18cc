//! A frame over 64 KiB closes its connection with 1009, and nobody else's.

use anyhow::{Result, ensure};

use crate::{Client, Endpoints};

pub fn too_big_a_frame(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;

    // Just under it the frame is read, and only its content is too long.
    let content = "x".repeat(64 * 1024 - 200);
    alice.refused(serde_json::json!({"to": bob.id, "content": content}), "bad_request")?;

    let _ = alice.socket()?.text(&"x".repeat(64 * 1024 + 1));
    let code = alice.closed()?;
    ensure!(code == 1009, "64 KiB + 1 closed with {code}");
    // The server need not read what it refuses; a reset may overtake its close frame.
    let _ = carol.socket()?.text(&"x".repeat(8 * 1024 * 1024));
    let code = carol.closed()?;
    ensure!(code == 1009 || code == 1006, "8 MiB closed with {code}");

    bob.is_answered()?;
    Ok(())
}
