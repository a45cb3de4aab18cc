//! A group of a thousand: each hears what is said, in the same order; for one more there is no place.

use std::time::Duration;

use acceptance::Client;
use anyhow::{Result, ensure};
use rusqlite::Connection;
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

/// Members of a group at the most.
const MEMBERS_MAX: usize = 1000;

#[test]
fn a_thousand_members_hear_each_other_and_one_more_is_too_many() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let mut ids = add_accounts(&deployment, MEMBERS_MAX - 3)?;
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

/// The numbers of so many new accounts. They are written into the database, because each signup would cost a slow hash.
fn add_accounts(deployment: &Deployment, count: usize) -> Result<Vec<i64>> {
    let mut database = Connection::open(deployment.database_file())?;
    database.busy_timeout(Duration::from_secs(10))?;
    let transaction = database.transaction()?;
    let mut ids = Vec::new();
    for n in 0..count {
        let email = format!("{n}@example.com");
        let account = "insert into account (email, email_key, name, password, created_at, proved) \
            values (?1, ?1, 'N', 'nobody logs in', 0, 1)";
        transaction.execute(account, [&email])?;
        let id = transaction.last_insert_rowid();
        transaction.execute("insert into log (account) values (?1)", [id])?;
        ids.push(id);
    }
    transaction.commit()?;
    Ok(ids)
}
