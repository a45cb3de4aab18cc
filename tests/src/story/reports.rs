//! A message can be given to the operator by whoever sees it, and nobody else is told.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn reports(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let id = alice.send_message(&bob, "something rude")?["id"].clone();
    bob.receive_message("something rude")?;
    alice.is_answered()?;

    bob.change_nothing(json!({"type": "report", "id": id, "text": "rude"}))?;
    // As often as somebody likes, with a reason or without one.
    bob.change_nothing(json!({"type": "report", "id": id}))?;
    bob.write(&json!({"type": "report", "id": id, "text": ""}))?;
    let heard = [alice.is_answered()?, bob.is_answered()?];
    ensure!(heard.iter().all(Vec::is_empty), "told of a report: {heard:?}");

    carol.refused(json!({"type": "report", "id": id, "text": "rude"}), "not_found")?;
    bob.refused(json!({"type": "report", "id": 1_000_000_000_000_i64}), "not_found")?;
    bob.refused(json!({"type": "report", "text": "rude"}), "bad_request")?;
    bob.refused(json!({"type": "report", "id": id, "text": "x".repeat(1025)}), "bad_request")?;
    let deleted = alice.send_message(&bob, "soon deleted")?["id"].clone();
    alice.change(json!({"type": "delete", "id": deleted}))?;
    bob.refused(json!({"type": "report", "id": deleted}), "too_late")?;

    let export = bob.ask("GET", "/export")?.send()?.expect(200)?;
    let own = &export.body["reports"];
    ensure!(own[0]["id"] == id && own[0]["text"] == "rude" && own[1].is_null(), "{own}");
    let export = alice.ask("GET", "/export")?.send()?.expect(200)?;
    ensure!(export.body["reports"] == json!([]), "{}", export.body["reports"]);
    Ok(())
}
