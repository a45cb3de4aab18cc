//! Who has blocked somebody is neither added to their groups nor invited, hears nothing of it, and they cannot tell.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn invitations_by_who_is_blocked(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut mallory = Person::arrive(world, "Mallory")?;
    alice.act(json!({"type": "block", "id": mallory.id}))?;

    // The same to Bob, who has not.
    let mut ask = |other: &Person| -> Result<Vec<Value>> {
        let group = mallory.make_group("Read this", &[other])?;
        let mut heard = vec![mallory.hear_event("group")?];
        let of = |kind: &str| json!({"type": kind, "group": group, "member": other.id});
        heard.push(mallory.act(of("group.remove"))?);
        heard.push(mallory.act(of("group.add"))?);
        mallory.act_in_vain(of("group.add"))?;
        heard.push(mallory.act(json!({"type": "group.rename", "group": group, "name": "This"}))?);
        let show = mallory.look(json!({"type": "group.show", "group": group}))?;
        heard.push(show["members"][1].clone());
        let create = json!({"type": "group.create", "name": "And this", "members": [other.id]});
        for _ in 2..5 {
            mallory.act(create.clone())?;
            mallory.hear_event("group")?;
        }
        heard.push(mallory.refused(create, "not_accepted")?);
        Ok(heard.iter().map(|frame| bare(frame, other.id)).collect())
    };
    let (to_bob, to_alice) = (ask(&bob)?, ask(&alice)?);
    ensure!(to_alice == to_bob, "told {to_alice:?}, but {to_bob:?} of who has not blocked");
    ensure!(bob.hear_event("group")?["change"] == "invite");
    let heard = alice.is_answered()?;
    ensure!(heard.is_empty(), "from who is blocked: {heard:?}");
    let list = alice.look(json!({"type": "conversations"}))?;
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
