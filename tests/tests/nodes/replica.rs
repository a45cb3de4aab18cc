//! A streaming standby answers histories, searches and exports, and whoever has written something finds it there or in
//! the primary.

use std::time::Duration;

use acceptance::{Call, Client, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::ask;
use crate::harness::{Arrangement, Cluster, Deployment};

/// A primary, its standby, and servers that know both.
struct Replicated {
    standby: Cluster,
    url: String,
    deployment: Deployment,
    primary: Cluster,
}

const METRICS: &str = "--metrics-listen=127.0.0.1:0";
const AT_CHAT: usize = 0;
const AT_AUTH: usize = 1;
/// How long it may take until the servers have found the promoted standby.
const FAILOVER: Duration = Duration::from_secs(30);

impl Replicated {
    fn launch() -> Result<Self> {
        let primary = Cluster::make()?;
        primary.start()?;
        let database = primary.database()?;
        let standby = primary.make_standby()?;
        standby.start()?;
        let url = standby.url(database.rsplit('/').next().context("no name")?);
        let flag = format!("--database-replica={url}");
        let mut deployment =
            Deployment::launch(&Arrangement::Postgres(database), &[METRICS, &flag])?;
        for server in &mut deployment.servers {
            server.wait_for_line("answers histories, searches and exports")?;
        }
        Ok(Self { standby, url, deployment, primary })
    }

    fn replay(&self, what: &str) -> Result<()> {
        self.standby.sql(&self.url, &format!("select pg_wal_replay_{what}()"))
    }

    /// How many reads this server has done at each place.
    fn reads(&mut self, at: usize) -> Result<[u64; 3]> {
        let address = self.deployment.servers[at].address("metrics")?;
        let text = Call::new("GET", &format!("http://{address}/metrics")).send()?.text;
        let count = |source: &str| -> u64 {
            let label = format!("_replica_reads_total{{source=\"{source}\"}} ");
            let line = text.lines().find(|line| line.contains(&label));
            line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
        };
        Ok(["replica", "behind", "away"].map(count))
    }

    /// The standby answers everything that is asked of it from now on.
    fn answers_again(&mut self, client: &mut Client, with: &Client) -> Result<()> {
        until("the replica to answer", PATIENCE, || {
            let before = self.reads(AT_CHAT)?;
            history(client, with)?;
            Ok((self.reads(AT_CHAT)?[0] > before[0]).then_some(()))
        })
    }

    fn lines(&self, text: &str) -> usize {
        self.deployment.servers[AT_CHAT].log().matches(text).count()
    }
}

fn history(client: &mut Client, with: &Client) -> Result<Vec<String>> {
    client.history(json!({"with": with.id}))
}

fn export(client: &Client) -> Result<String> {
    Ok(client.ask("GET", "/export")?.send()?.text)
}

/// Both find it everywhere as soon as one has the answer and the other the message.
fn everybody_finds(alice: &mut Client, bob: &mut Client, content: &str) -> Result<()> {
    alice.send_message(bob, content)?;
    let own = (history(alice, bob)?, alice.search(content)?);
    ensure!(own.0.last().is_some_and(|it| it == content), "{own:?}");
    ensure!(own.1 == [content], "{own:?}");
    bob.receive_message(content)?;
    let theirs = (history(bob, alice)?, bob.search(content)?);
    ensure!(theirs.0.last().is_some_and(|it| it == content), "{theirs:?}");
    ensure!(theirs.1 == [content], "{theirs:?}");
    let export = export(alice)?;
    ensure!(export.contains(content), "{export}");
    Ok(())
}

#[test]
fn a_client_reads_its_own_writes_while_the_replica_stands_still() -> Result<()> {
    let mut world = Replicated::launch()?;
    let mut alice = Client::connected(&world.deployment.endpoints, "Alice")?;
    let mut bob = Client::connected(&world.deployment.endpoints, "Bob")?;
    everybody_finds(&mut alice, &mut bob, "first")?;
    world.answers_again(&mut alice, &bob)?;
    export(&alice)?;
    ensure!(world.reads(AT_AUTH)?[0] > 0, "no export was read in the replica");
    world.replay("pause")?;
    let before = world.reads(AT_CHAT)?;
    // Who has not done anything since is still answered by it.
    ensure!(history(&mut bob, &alice)? == ["first"]);
    ensure!(world.reads(AT_CHAT)?[0] > before[0]);
    for number in 0..5 {
        everybody_finds(&mut alice, &mut bob, &format!("paused{number}"))?;
    }
    let id = ask(&mut alice, json!({"to": bob.id, "content": "wrong"}), "w")?["id"].clone();
    ensure!(
        ask(&mut alice, json!({"type": "edit", "id": id, "content": "right"}), "e")?["type"]
            == "edit"
    );
    ensure!(history(&mut alice, &bob)?.last().is_some_and(|it| it == "right"));
    let after = world.reads(AT_CHAT)?;
    ensure!(after[1] >= before[1] + 20 && after[2] == before[2], "{before:?} {after:?}");
    ensure!(world.reads(AT_AUTH)?[1] > 0, "exports were not read in the primary");
    until("a line about it", PATIENCE, || {
        Ok((world.lines("or more, the database") == 1).then_some(()))
    })?;
    world.replay("resume")?;
    until("a line about its end", PATIENCE, || {
        Ok((world.lines("has caught up") == 1).then_some(()))
    })?;
    world.answers_again(&mut alice, &bob)?;
    ensure!(history(&mut alice, &bob)?.len() == 7);
    ensure!(world.lines("or more, the database") == 1, "it was said more than once");
    Ok(())
}

#[test]
fn a_replica_that_goes_away_is_not_missed_and_is_used_when_it_is_back() -> Result<()> {
    let mut world = Replicated::launch()?;
    let mut alice = Client::connected(&world.deployment.endpoints, "Alice")?;
    let mut bob = Client::connected(&world.deployment.endpoints, "Bob")?;
    everybody_finds(&mut alice, &mut bob, "before")?;
    world.answers_again(&mut alice, &bob)?;
    world.standby.stop_immediately()?;
    for number in 0..5 {
        everybody_finds(&mut alice, &mut bob, &format!("away{number}"))?;
    }
    ensure!(world.reads(AT_CHAT)?[2] >= 20, "{:?}", world.reads(AT_CHAT)?);
    ensure!(world.lines("is away") == 1, "{}", world.deployment.servers[AT_CHAT].log());
    world.standby.start()?;
    world.answers_again(&mut alice, &bob)?;
    // One that is there and does not answer costs one request a second.
    let frozen = world.standby.freeze()?;
    everybody_finds(&mut alice, &mut bob, "frozen")?;
    ensure!(world.lines("is away") == 2);
    drop(frozen);
    world.answers_again(&mut alice, &bob)?;
    everybody_finds(&mut alice, &mut bob, "after")
}

#[test]
fn a_database_that_is_no_copy_answers_nobody() -> Result<()> {
    let (cluster, other) = (Cluster::shared()?, Cluster::make()?);
    other.start()?;
    for stranger in [cluster.database()?, other.database()?] {
        let flag = format!("--database-replica={stranger}");
        let kind = Arrangement::Postgres(cluster.database()?);
        let mut deployment = Deployment::launch(&kind, &[METRICS, &flag])?;
        for server in &mut deployment.servers {
            server.wait_for_line("no streaming replica of the database")?;
        }
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        everybody_finds(&mut alice, &mut bob, "here")?;
    }
    Ok(())
}

#[test]
fn a_replica_that_has_what_a_failover_has_lost_answers_nobody() -> Result<()> {
    let primary = Cluster::make()?;
    primary.start()?;
    primary.create("chat")?;
    let heir = primary.make_standby()?;
    heir.start()?;
    let replica = primary.make_standby()?;
    replica.start()?;
    let both = format!("{},{}", primary.listens_on(), heir.listens_on());
    let url = format!("postgres://postgres@{both}/chat?target_session_attrs=read-write");
    let flag = format!("--database-replica={}", replica.url("chat"));
    let deployment = Deployment::launch(&Arrangement::Postgres(url), &[METRICS, &flag])?;
    let (standby, url) = (replica, String::new());
    let mut world = Replicated { standby, url, deployment, primary };
    let mut alice = Client::connected(&world.deployment.endpoints, "Alice")?;
    let bob = Client::connected(&world.deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "kept")?;
    until("the message on the other standby", PATIENCE, || {
        Ok(heir.sql(&heir.url("chat"), "select 1 / count(*) from message").ok())
    })?;
    // What comes now is on the primary and on the replica only.
    heir.stop_immediately()?;
    alice.send_message(&bob, "lost")?;
    until("the replica to show what is lost later", PATIENCE, || {
        let before = world.reads(AT_CHAT)?;
        let shown = history(&mut alice, &bob)?.last().is_some_and(|it| it == "lost");
        Ok((shown && world.reads(AT_CHAT)?[0] > before[0]).then_some(()))
    })?;

    world.primary.stop_immediately()?;
    heir.start()?;
    heir.sql(&heir.url("chat"), "select pg_promote()")?;
    until("the promoted standby", FAILOVER, || Ok(alice.connect_since(0).ok().map(drop)))?;
    until("what is lost not to be shown any more", 3 * PATIENCE, || {
        Ok(history(&mut alice, &bob)?.last().is_some_and(|it| it == "kept").then_some(()))
    })?;
    until("a line about the timelines", PATIENCE, || {
        Ok((world.lines("it is on timeline 1, the database on timeline 2") == 1).then_some(()))
    })?;
    let before = world.reads(AT_CHAT)?;
    for _ in 0..20 {
        ensure!(history(&mut alice, &bob)?.last().is_some_and(|it| it == "kept"));
        ensure!(alice.search("lost")?.is_empty());
    }
    let after = world.reads(AT_CHAT)?;
    ensure!(after[0] == before[0] && after[2] >= before[2] + 40, "{before:?} {after:?}");
    until("exports to come from the promoted standby", PATIENCE, || {
        let export = export(&alice)?;
        Ok((export.contains("kept") && !export.contains("lost")).then_some(()))
    })
}

#[test]
fn the_primary_is_what_is_written_to_whatever_the_replica_does() -> Result<()> {
    let world = Replicated::launch()?;
    let mut alice = Client::connected(&world.deployment.endpoints, "Alice")?;
    let mut bob = Client::connected(&world.deployment.endpoints, "Bob")?;
    world.replay("pause")?;
    // Logs come from the primary: all of this is there at once on a new connection.
    for number in 0..10 {
        alice.send_message(&bob, &format!("m{number}"))?;
    }
    bob.connect_since(0)?;
    for number in 0..10 {
        bob.receive_message(&format!("m{number}"))?;
    }
    world.primary.sql(&world.primary.url("postgres"), "select 1")
}
