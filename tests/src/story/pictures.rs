//! An account has a picture, an image that it has uploaded, which is seen by whoever may see its name.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

/// The beginning of a GIF, and something that no other file has.
fn gif(what: &str) -> Vec<u8> {
    format!("GIF89a{what}").into_bytes()
}

pub fn pictures(endpoints: &Endpoints) -> Result<()> {
    let alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let id = alice.upload("me.gif", "image/gif", &gif("one"))?;
    let me = alice.ask("GET", "/me")?.send()?.expect(200)?.body;
    ensure!(me.get("picture").is_none(), "{me}");
    let set = |picture: &Value| alice.ask("PATCH", "/me")?.json(&json!({"picture": picture})).send();
    let me = set(&json!(id))?.expect(200)?.body;
    ensure!(me["picture"] == id && me["name"] == "Alice", "{me}");
    ensure!(alice.download(&id)?.0 == 200, "not her own");

    // He does not know her, then he has found her by her email.
    ensure!(bob.download(&id)?.0 == 404, "a stranger's picture");
    let found = bob.ask("GET", &format!("/users?email={}", alice.email))?.send()?.expect(200)?.body;
    ensure!(found["picture"] == id, "{found}");
    ensure!(bob.download(&id)?.0 == 200, "not found by email");
    let found = bob.ask("GET", &format!("/users/{}", alice.id))?.send()?.expect(200)?.body;
    ensure!(found == json!({"id": alice.id, "name": "Alice", "picture": id}), "{found}");

    // What is no image of hers is refused, and the picture stays.
    let text = alice.upload("me.gif", "image/gif", b"no picture at all")?;
    let his = bob.upload("me.gif", "image/gif", &gif("two"))?;
    for wrong in [json!(text), json!(his), json!("x"), json!(""), json!(7), json!([id])] {
        set(&wrong)?.refused(400)?;
    }
    alice.tus("DELETE", &format!("/files/{id}"))?.send()?.refused(409)?;
    ensure!(alice.ask("GET", "/me")?.send()?.expect(200)?.body["picture"] == id, "lost");

    // It is beside the name in lists, and in the export.
    let set_none = json!(null);
    let mut carol = Client::connected(endpoints, "Carol")?;
    carol.become_contacts(&mut bob)?;
    let his_set = bob.ask("PATCH", "/me")?.json(&json!({"picture": his})).send()?;
    his_set.expect(200)?;
    ensure!(carol.conversation("with", bob.id)?["picture"] == his, "not in the list");
    let trip = carol.make_group("Trip", &[&bob])?;
    let shown = carol.query(json!({"type": "group.show", "group": trip}))?;
    let members = shown["members"].as_array().cloned().unwrap_or_default();
    let of = |id: i64| members.iter().find(|it| it["id"] == id).cloned().unwrap_or_default();
    ensure!(of(bob.id)["picture"] == his && of(carol.id).get("picture").is_none(), "{shown}");
    let export = alice.ask("GET", "/export")?.send()?.expect(200)?;
    ensure!(export.body["account"]["picture"] == id, "{}", export.body["account"]);

    // Taken away, it is gone for everybody.
    let me = set(&set_none)?.expect(200)?.body;
    ensure!(me.get("picture").is_none(), "{me}");
    ensure!(bob.download(&id)?.0 == 404, "still there");
    Ok(())
}
