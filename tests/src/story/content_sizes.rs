//! A message is text of 1 byte to 16 KiB, counted in UTF-8, and arrives as it was.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

const MAX: usize = 16 * 1024;

pub fn content_sizes(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let awkward = "line\nbreak \"quoted\" \\ \u{1} \u{7f} \u{2028} 👩‍👩‍👧 \u{feff}é e\u{301}";
    let widest = "€".repeat(MAX / 3) + "x";
    ensure!(widest.len() == MAX);
    let fitting = ["x", " ", "👍", awkward, &"x".repeat(MAX), &"\"".repeat(MAX), &widest];
    for content in fitting {
        alice.send_message(&bob, content)?;
        let message = bob.receive_next()?;
        ensure!(message["content"] == content, "{} bytes changed: {message:.200}", content.len());
    }
    for content in [String::new(), "x".repeat(MAX + 1), "€".repeat(MAX / 3 + 1)] {
        alice.refused(json!({"to": bob.id, "content": content}), "bad_request")?;
    }
    // Not every database can keep U+0000: it arrives unchanged or is refused, but is never cut off or dropped.
    let answer = alice.request(json!({"to": bob.id, "content": "a\u{0}b"}))?;
    if answer["type"] == "sent" {
        bob.receive_message("a\u{0}b")?;
    } else {
        ensure!(answer["code"] == "bad_request", "U+0000: {answer}");
    }
    alice.send_message(&bob, "the next one")?;
    ensure!(bob.receive_next()?["content"] == "the next one", "a refused message arrived");
    Ok(())
}
