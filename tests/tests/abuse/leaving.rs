//! The members of a group send to it and leave without waiting for answers, again and again. The server comes to rest, and
//! the group can be used as before.

use std::thread::sleep;
use std::time::Duration;

use acceptance::{Client, PATIENCE, until};
use anyhow::Result;
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

const MEMBERS: usize = 5;
const ROUNDS: usize = 10;
/// What each member sends before it leaves.
const MESSAGES: usize = 30;
/// For how long a server is watched, and how much it works meanwhile at the most.
const WATCHED: Duration = Duration::from_millis(500);
const AT_REST: Duration = Duration::from_millis(100);

#[test]
fn clients_that_leave_with_requests_under_way_on_sqlite() -> Result<()> {
    leave(&Arrangement::Messenger)
}

#[test]
fn clients_that_leave_with_requests_under_way_on_postgresql() -> Result<()> {
    leave(&Arrangement::postgres()?)
}

fn leave(kind: &Arrangement) -> Result<()> {
    let mut deployment = Deployment::launch(kind, &["--message-rate=0"])?;
    let endpoints = deployment.endpoints.clone();
    let mut owner = Client::connected(&endpoints, "Owner")?;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(Client::connected(&endpoints, &format!("Member {number}"))?);
    }
    let group = owner.make_group("Trip", &members.iter().collect::<Vec<_>>())?;
    for round in 0..ROUNDS {
        for message in 0..MESSAGES {
            for member in &mut members {
                let reference = format!("{round}-{message}");
                member.write(&json!({"group": group, "content": "hello", "ref": reference}))?;
            }
        }
        for member in &mut members {
            drop(member.take_socket()?);
            member.connect()?;
        }
    }
    for server in &deployment.servers {
        until("the server to come to rest", PATIENCE, || {
            let before = server.cpu_time()?;
            sleep(WATCHED);
            Ok((server.cpu_time()? - before < AT_REST).then_some(()))
        })?;
    }
    let mut phone = owner.device("phone")?;
    phone.connect()?;
    owner.send_to_group(group, "is anybody here?")?;
    phone.receive_message("is anybody here?")?;
    deployment.runs()?;
    Ok(())
}
