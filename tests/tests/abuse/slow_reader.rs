//! A receiver that never reads is closed with 4409; no sender waits for it, and it finds everything in the log.

use std::io::Read;

use acceptance::{Client, Socket, raw};
use anyhow::{Result, ensure};
use serde_json::json;
use tungstenite::client::IntoClientRequest;

use crate::harness::{Arrangement, Deployment};

/// More than all buffers between the two together.
const MESSAGES: usize = 1200;

#[test]
fn a_receiver_that_never_reads_holds_nobody_up() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let endpoints = deployment.endpoints.clone();
        let mut alice = Client::connected(&endpoints, "Alice")?;
        let mut carol = Client::connected(&endpoints, "Carol")?;
        let narrow = raw::connect_narrow(&endpoints.chat_address())?;
        let mut sloth = Socket::over(narrow, endpoints.chat().into_client_request()?)?;
        let bob = if endpoints.has_accounts() {
            let bob = Client::signup(&endpoints, "Bob")?;
            sloth.json(&json!({"type": "hello", "token": bob.token}))?;
            bob
        } else {
            let mut bob = Client::new(&endpoints);
            bob.id = carol.id + 1;
            bob
        };
        sloth.receive("a welcome", |heard| match heard {
            acceptance::Received::Json(frame) => (frame["id"] == bob.id).then_some(()),
            _ => None,
        })?;

        let content = "x".repeat(16 * 1024);
        let mut refused = 0;
        for n in 0..MESSAGES {
            // Each is answered within the usual deadline, or the sender waits for the receiver.
            let answer = alice.request(json!({"to": bob.id, "content": content}))?;
            refused += usize::from(answer["type"] == "error");
            if n % 100 == 0 {
                alice.send_message(&carol, "meanwhile")?;
                carol.receive_message("meanwhile")?;
            }
        }
        ensure!(refused == 0 || !endpoints.has_accounts(), "{refused} were refused");

        let code = sloth.receive_close(acceptance::PATIENCE)?;
        ensure!(code == 4409, "closed with {code}");
        let mut rest = [0; 1];
        ensure!(matches!(sloth.stream().read(&mut rest), Ok(0) | Err(_)), "still open");

        if endpoints.has_accounts() {
            alice.send_message(&bob, "the end")?;
            let log = bob.whole_log("the end")?;
            ensure!(log.len() == MESSAGES + 1, "{} in the log", log.len());
            ensure!(log.iter().take(MESSAGES).all(|event| event["content"] == *content));
        }
        deployment.runs()?;
    }
    Ok(())
}
