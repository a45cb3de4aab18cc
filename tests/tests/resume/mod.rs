//! Coming back: `since` is the highest `seq` heard, in whatever frame.

/// A log that no longer reaches back.
mod bounded_log;
/// A commit whose answer was lost.
mod in_doubt;
/// A log of many events, and a reader that takes its time.
mod long_log;
/// Who speaks while its log is still being read to it.
mod while_replaying;

use acceptance::{Client, Endpoints};
use anyhow::{Result, ensure};
use serde_json::json;

/// How many may be under way at once while a log is filled.
const AT_ONCE: usize = 1000;

/// Alice and Bob, and this many letters from her in his log, each with its number first.
fn letters(endpoints: &Endpoints, count: usize, padding: usize) -> Result<(Client, Client)> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let bob = Client::signup(endpoints, "Bob")?;
    let padding = "x".repeat(padding);
    for n in 1..=count {
        let mut frame = json!({"to": bob.id, "content": format!("{n} {padding}")});
        if n % AT_ONCE == 0 || n == count {
            frame = alice.request(frame)?;
            ensure!(frame["type"] == "sent", "letter {n}: {frame}");
        } else {
            alice.write(&frame)?;
        }
    }
    Ok((alice, bob))
}
