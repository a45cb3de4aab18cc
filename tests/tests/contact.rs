//! Where everybody knows everybody nobody asks; and who has come together so stays together.

use acceptance::Client;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

#[test]
fn whoever_is_open_to_everybody_is_asked_by_nobody() -> Result<()> {
    for kind in [Arrangement::Pair, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &["--contact=open"])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        let name = alice.ask("GET", &format!("/users/{}", bob.id))?.send()?.expect(200)?;
        ensure!(name.body["name"] == bob.name, "{}", name.body);
        alice.watch_online(bob.id)?;
        for n in 0..9 {
            alice.send_message(&bob, &format!("{n}"))?;
            let heard = bob.receive_message(&format!("{n}"))?;
            ensure!(heard.get("request").is_none(), "a request: {heard}");
        }
        bob.acknowledge(9)?;
        alice.receive_event("delivered")?;
        bob.change_nothing(json!({"type": "accept", "id": alice.id}))?;
        bob.refused(json!({"type": "decline", "id": alice.id}), "forbidden")?;
    }
    Ok(())
}
