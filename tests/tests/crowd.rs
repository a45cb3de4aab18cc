//! A group of a thousand: each hears what is said, in the same order; for one more there is no place.

use std::thread;

use acceptance::{Client, Endpoints};
use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

/// Members of a group at the most.
const MEMBERS_MAX: usize = 1000;
/// Accounts that sign up at once; each costs the server a slow hash.
const AT_ONCE: usize = 4;

#[test]
fn a_thousand_members_hear_each_other_and_one_more_is_too_many() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let mut ids = sign_up(&deployment.endpoints, MEMBERS_MAX - 3)?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
    let mut last = Client::signup(&deployment.endpoints, "Last")?;
    ids.extend([bob.id, last.id]);

    let made = alice.change(json!({"type": "group.create", "name": "All", "members": ids}))?;
    let show = alice.query(json!({"type": "group.show", "group": made["group"]}))?;
    let count = show["members"].as_array().map_or(0, Vec::len);
    ensure!(count == MEMBERS_MAX, "{count} members");
    bob.receive_same(&made)?;

    let group = made["group"].as_i64().unwrap_or_default();
    alice.send_to_group(group, "to all")?;
    bob.receive_message("to all")?;
    bob.send_to_group(group, "from one of all")?;
    alice.receive_message("from one of all")?;
    last.connect()?;
    for content in ["to all", "from one of all"] {
        ensure!(last.receive_message(content)?["group"] == group);
    }

    let one_more = Client::signup(&deployment.endpoints, "One more")?;
    let add = json!({"type": "group.add", "group": group, "member": one_more.id});
    alice.refused(add.clone(), "too_many")?;
    last.change(json!({"type": "group.leave", "group": group}))?;
    alice.change(add)?;
    Ok(())
}

/// The numbers of so many new accounts.
fn sign_up(endpoints: &Endpoints, count: usize) -> Result<Vec<i64>> {
    let one = |n: usize| {
        let body = json!({"email": format!("{n}@example.com"), "name": "N", "password": "secret"});
        let answer = endpoints.ask("POST", "/signup")?.json(&body).send()?.expect(201)?;
        answer.body["id"].as_i64().ok_or_else(|| anyhow!("no id: {}", answer.text))
    };
    thread::scope(|scope| {
        let share = |first| (first..count).step_by(AT_ONCE).map(one).collect::<Result<Vec<_>>>();
        let threads: Vec<_> = (0..AT_ONCE).map(|first| scope.spawn(move || share(first))).collect();
        let mut ids = Vec::new();
        for it in threads {
            ids.extend(it.join().map_err(|_| anyhow!("panicked"))??);
        }
        Ok(ids)
    })
}
