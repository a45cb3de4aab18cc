//! Who has blocked somebody is neither added to their groups nor invited, hears nothing of it, and they cannot tell.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn invitations_by_who_is_blocked(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut mallory = Client::connected(endpoints, "Mallory")?;
    alice.change(json!({"type": "block", "id": mallory.id}))?;

    // The same to Bob, who has not.
    let mut ask = |other: &Client| -> Result<Vec<Value>> {
        let group = mallory.make_group("Read this", &[other])?;
        let mut heard = vec![mallory.receive_event("group")?];
        let of = |kind: &str| json!({"type": kind, "group": group, "member": other.id});
        heard.push(mallory.change(of("group.remove"))?);
        heard.push(mallory.change(of("group.add"))?);
        mallory.change_nothing(of("group.add"))?;
        heard.push(mallory.change(json!({"type": "group.rename", "group": group, "name": "This"}))?);
        let show = mallory.query(json!({"type": "group.show", "group": group}))?;
        heard.push(show["members"][1].clone());
        let create = json!({"type": "group.create", "name": "And this", "members": [other.id]});
        for _ in 2..5 {
            mallory.change(create.clone())?;
            mallory.receive_event("group")?;
        }
        heard.push(mallory.refused(create, "not_accepted")?);
        Ok(heard.iter().map(|frame| bare(frame, other.id)).collect())
    };
    let (to_bob, to_alice) = (ask(&bob)?, ask(&alice)?);
    ensure!(to_alice == to_bob, "told {to_alice:?}, but {to_bob:?} of who has not blocked");
    ensure!(bob.receive_event("group")?["change"] == "invite");
    let heard = alice.is_answered()?;
    ensure!(heard.is_empty(), "from who is blocked: {heard:?}");
    let list = alice.query(json!({"type": "conversations"}))?;
    ensure!(list["conversations"] == json!([]), "{list}");
    Ok(())
}

/// A frame without what differs from group to group.
fn bare(frame: &Value, member: i64) -> Value {
    let mut frame = frame.clone();
    for key in ["ref", "seq", "group", "at"] {
        frame.as_object_mut().map(|keys| keys.remove(key));
    }
    let text = frame.to_string().replace(&format!(":{member},"), ":0,");
    json!(text.replace(&format!(":{member}}}"), ":0}"))
}
