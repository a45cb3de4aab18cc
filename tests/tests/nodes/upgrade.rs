//! A rolling upgrade: an older `chat` goes on beside the new one, which has brought the schema up to date.
//!
//! `./check upgrade` builds the `chat` of the last schema and runs this. With another one:
//!
//!     OLD_CHAT=/path/to/an/older/chat cargo test -p acceptance --test main nodes::upgrade -- --ignored

use std::path::Path;

use acceptance::{Client, Cluster, Endpoints};
use anyhow::{Context, Result, ensure};

use super::{WITHIN, latencies};
use crate::harness::{Arrangement, Deployment, Launch};

#[test]
#[ignore = "needs an older chat in OLD_CHAT"]
fn an_older_node_goes_on_beside_new_ones() -> Result<()> {
    let old = std::env::var_os("OLD_CHAT").context("OLD_CHAT")?;
    let (home, url) = (tempfile::tempdir()?, Cluster::shared()?.database()?);
    let flags = ["--listen=127.0.0.1:0", "--contact=open", &format!("--database={url}")];
    let mut old = Launch::at(Path::new(&old), home.path()).args(&flags).start()?;
    let old_address = old.address("chat")?;
    acceptance::until("its tables", acceptance::PATIENCE, || {
        let health =
            acceptance::Call::new("GET", &format!("http://{old_address}/healthz")).send()?;
        Ok((health.status == 200).then_some(()))
    })?;
    let mut deployment = Deployment::launch(&Arrangement::Nodes(2, url, false), &[])?;
    let auth = deployment.endpoints.auth()?;
    let there = Endpoints::new(&format!("ws://{old_address}"), Some(&auth));
    let mut alice = Client::connected(&there, "Alice")?;
    let mut bob = Client::connected(&deployment.node(0)?, "Bob")?;
    let mut carol = Client::connected(&deployment.node(1)?, "Carol")?;

    // What the old one stores is found by comparing all logs, and what new ones store by their notices.
    let (_, longest) = latencies(&mut alice, &mut bob, 10)?;
    ensure!(longest <= 2 * WITHIN, "from the old node one took {longest:?}");
    let (_, longest) = latencies(&mut bob, &mut carol, 10)?;
    ensure!(longest <= WITHIN, "between new nodes one took {longest:?}");
    // A client of the old one hears of it with the next event there.
    bob.send_message(&alice, "to the old node")?;
    let sent = alice.send_message(&carol, "from the old node")?;
    ensure!(sent["type"] == "sent", "the old node stores: {sent}");
    alice.receive_message("to the old node")?;
    carol.receive_message("from the old node")?;
    // It ends in order, and its client goes on at a new node.
    old.signal(rustix::process::Signal::TERM)?;
    ensure!(old.ended()?.success(), "{}", old.log());
    there.moved(&deployment.node(1)?.chat(), Some(&auth));
    alice.connect()?;
    latencies(&mut alice, &mut bob, 5)?;
    for person in [&alice, &bob, &carol] {
        person.device("reader")?.connect_since(0)?;
    }
    Ok(())
}
