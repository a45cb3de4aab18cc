//! What clients on different nodes see of each other.

use std::time::Duration;

use acceptance::{PATIENCE, until};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Cluster, WITHIN, ask, latencies};
use crate::harness::{Arrangement, Deployment};

/// With NATS the median is far below the time between two looks at the database.
const MEDIAN_WITH_NATS: Duration = Duration::from_millis(80);
const MEDIAN_WITHOUT: Duration = Duration::from_millis(300);

#[test]
fn messages_arrive_within_a_second_without_nats() -> Result<()> {
    messages_arrive(&mut Cluster::launch(2, false)?, MEDIAN_WITHOUT)
}

#[test]
fn messages_arrive_at_once_with_nats() -> Result<()> {
    messages_arrive(&mut Cluster::launch(2, true)?, MEDIAN_WITH_NATS)
}

fn messages_arrive(cluster: &mut Cluster, median_max: Duration) -> Result<()> {
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, _) = cluster.person("Bob", 1)?;
    // The nodes find each other.
    latencies(&mut alice, &mut bob, 3)?;
    for _ in 0..2 {
        let (median, longest) = latencies(&mut alice, &mut bob, 15)?;
        ensure!(median <= median_max, "the median is {median:?}");
        ensure!(longest <= WITHIN, "one took {longest:?}");
        std::mem::swap(&mut alice, &mut bob);
    }
    // In each log every event is in its place, once.
    for person in [&alice, &bob] {
        person.whole_log("Bob 14")?;
    }
    Ok(())
}

#[test]
fn everything_is_the_same_on_every_node_without_nats() -> Result<()> {
    everything_is_the_same(&mut Cluster::launch(3, false)?)
}

#[test]
fn everything_is_the_same_on_every_node_with_nats() -> Result<()> {
    everything_is_the_same(&mut Cluster::launch(3, true)?)
}

fn everything_is_the_same(cluster: &mut Cluster) -> Result<()> {
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, bobs_place) = cluster.person("Bob", 1)?;
    let (mut carol, _) = cluster.person("Carol", 2)?;

    // Receipts.
    let sent = alice.send_message(&bob, "hello")?;
    let heard = bob.receive_message("hello")?;
    ensure!(heard["id"] == sent["id"], "{heard}");
    bob.acknowledge(heard["seq"].as_i64().unwrap_or(0))?;
    ensure!(alice.receive_event("delivered")?["id"] == sent["id"], "delivered");
    bob.change(json!({"type": "read", "id": sent["id"]}))?;
    ensure!(alice.receive_event("read")?["by"] == bob.id, "read");

    // A group, with all its changes.
    let group = alice.make_group("Trip", &[&bob, &carol])?;
    for member in [&mut bob, &mut carol] {
        ensure!(member.receive_event("group")?["group"] == group, "a group");
    }
    carol.send_to_group(group, "where?")?;
    for member in [&mut alice, &mut bob] {
        member.receive_message("where?")?;
    }
    alice.change(json!({"type": "group.remove", "group": group, "member": carol.id}))?;
    carol.receive_event("group")?;
    alice.send_to_group(group, "without Carol")?;
    bob.receive_message("without Carol")?;
    ensure!(carol.is_answered()?.is_empty(), "she is no member any more");

    // Two devices of one account, on two nodes: an event for one, the answer for the other, each in its place.
    let mut phone = alice.device("phone")?;
    let place = cluster.deployment.node(2)?;
    let mut there = acceptance::Client::new(&place);
    (there.id, there.name, there.token) = (alice.id, alice.name.clone(), phone.token.clone());
    let head = there.connect()?["head"].clone();
    there.connect_since(head.as_i64().unwrap_or(0))?;
    let sent = alice.send_message(&bob, "from the laptop")?;
    let same = there.receive_message("from the laptop")?;
    ensure!(same["seq"] == sent["seq"] && same["id"] == sent["id"], "{same}");
    let sent = there.send_message(&bob, "from the phone")?;
    ensure!(alice.receive_message("from the phone")?["seq"] == sent["seq"], "{sent}");
    phone.leave();

    // The same `ref` on another node stores nothing.
    let last = bob.receive_message("from the phone")?["seq"].as_i64().unwrap_or(0);
    let post = json!({"to": alice.id, "content": "once"});
    let first = ask(&mut bob, post.clone(), "c-1")?;
    bob.leave();
    cluster.move_to(&bobs_place, 2)?;
    // He comes back to another node, from where he was.
    alice.receive_message("once")?;
    alice.send_message(&bob, "while you were away")?;
    let welcome = bob.connect_since(last)?;
    ensure!(welcome["recovered"] == true && welcome["seq"] == last, "{welcome}");
    let replayed = [bob.receive_next()?, bob.receive_next()?];
    let content = |frame: &Value| frame["content"].clone();
    ensure!(replayed.each_ref().map(content) == ["once", "while you were away"], "{replayed:?}");
    let second = ask(&mut bob, post, "c-1")?;
    ensure!(second == first, "{first} and {second}");
    ensure!(alice.is_answered()?.is_empty(), "nothing was stored again");
    Ok(())
}

#[test]
fn what_two_nodes_store_for_one_log_between_two_looks_all_arrives() -> Result<()> {
    let mut cluster = Cluster::launch(3, false)?;
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, _) = cluster.person("Bob", 1)?;
    let (mut carol, _) = cluster.person("Carol", 2)?;
    // The later of the two is stored by the node with the lower number, and by the one with the higher.
    for round in 0..6 {
        let (first, last) = (format!("first {round}"), format!("last {round}"));
        alice.send_message(&bob, &first)?;
        carol.send_message(&bob, &last)?;
        bob.receive_message(&first)?;
        bob.receive_message(&last)?;
        std::mem::swap(&mut alice, &mut carol);
    }
    Ok(())
}

#[test]
fn a_session_that_is_revoked_ends_on_every_node_within_a_second() -> Result<()> {
    let mut cluster = Cluster::launch(2, false)?;
    let (alice, _) = cluster.person("Alice", 0)?;
    let place = cluster.deployment.node(1)?;
    let mut there = acceptance::Client::new(&place);
    (there.id, there.name, there.token) =
        (alice.id, alice.name.clone(), alice.device("phone")?.token);
    there.connect()?;
    there.ask("POST", "/logout")?.send()?.expect(204)?;
    ensure!(there.closed_within(WITHIN)? == 4401);
    Ok(())
}

#[test]
fn typing_goes_over_nats_and_else_stays_on_its_node() -> Result<()> {
    let mut cluster = Cluster::launch(2, true)?;
    let (mut alice, _) = cluster.person("Alice", 0)?;
    let (mut bob, _) = cluster.person("Bob", 1)?;
    // Of a connection that is new, the other node hears a moment later.
    let heard = until("typing on the other node", PATIENCE, || {
        alice.change_nothing(json!({"type": "typing", "to": bob.id}))?;
        Ok(bob.is_answered()?.pop())
    })?;
    ensure!(heard == json!({"type": "typing", "from": alice.id, "to": bob.id}), "{heard}");
    let group = alice.make_group("Trip", &[&bob])?;
    bob.receive_event("group")?;
    bob.change_nothing(json!({"type": "typing", "group": group}))?;
    ensure!(alice.receive_event("typing")?["group"] == group);
    Ok(())
}

#[test]
fn nodes_say_how_many_they_are() -> Result<()> {
    let cluster = Cluster::launch(2, false)?;
    until("both to see that they are two", 4 * PATIENCE, || {
        let all = (0..2).all(|node| {
            cluster.log(node).contains("other chat servers use this database others=1")
        });
        Ok(all.then_some(()))
    })
}

#[test]
fn a_commit_that_waits_for_a_lock_delays_no_others_without_nats() -> Result<()> {
    a_waiting_commit_delays_no_others(false)
}

#[test]
fn a_commit_that_waits_for_a_lock_delays_no_others_with_nats() -> Result<()> {
    a_waiting_commit_delays_no_others(true)
}

/// A node that stands still in the middle of a commit keeps its locks on the logs. Another node waits for them.
fn a_waiting_commit_delays_no_others(has_nats: bool) -> Result<()> {
    let postgres = acceptance::Cluster::shared()?;
    let url = postgres.database()?;
    let arrangement = Arrangement::Nodes(2, url.clone(), has_nats);
    let mut cluster = Cluster { deployment: Deployment::launch(&arrangement, &[])? };
    let (mut alice, _) = cluster.person("Alice", 1)?;
    let (mut bob, _) = cluster.person("Bob", 0)?;
    let (mut carol, _) = cluster.person("Carol", 0)?;
    latencies(&mut alice, &mut bob, 3)?;
    let session_that = |does: &str| {
        let text = format!(
            "do $$ begin if not exists (select from pg_stat_activity where datname = current_database() \
             and {does}) then raise 'not yet'; end if; end $$"
        );
        until(does, PATIENCE, || Ok(postgres.sql(&url, &text).ok()))
    };
    let (holds, waits) = ("wait_event = 'PgSleep'", "wait_event_type = 'Lock'");
    let lock = format!(
        "begin; select from log where account = {} for update; select pg_sleep(4); commit",
        carol.id
    );
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| postgres.sql(&url, &lock));
        session_that(holds)?;
        carol.write(&json!({"to": carol.id, "content": "late", "ref": "late"}))?;
        session_that(waits)?;
        // Neither of them writes to Carol's log.
        let (_, longest) = latencies(&mut alice, &mut bob, 2)?;
        session_that(waits)?;
        ensure!(longest <= WITHIN, "one took {longest:?}");
        ensure!(carol.answer_to("late")?["type"] == "sent");
        holder.join().unwrap_or(Ok(()))
    })
}
