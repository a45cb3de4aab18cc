//! What a node pays to hear of others, by how many accounts are connected to it. For a machine at rest:
//!
//!     CROWD=20000 cargo test -p acceptance --test main nodes::crowd -- --ignored --nocapture

use std::time::{Duration, Instant};

use acceptance::{Client, Cluster, Socket};
use anyhow::Result;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;

use super::latencies;
use crate::harness::{Arrangement, Deployment};

/// How long each state is measured.
const TIME: Duration = Duration::from_secs(10);

#[test]
#[ignore = "measures a machine at rest"]
fn figures() -> Result<()> {
    let crowd: usize = std::env::var("CROWD").map_or(Ok(2000), |text| text.parse())?;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let cluster = Cluster::shared()?;
    for has_nats in [false, true] {
        let url = cluster.database()?;
        let kind = Arrangement::Nodes(2, url.clone(), has_nats);
        let mut deployment = Deployment::launch(&kind, &["--connections-per-address=1000000"])?;
        let [first, second] = [deployment.node(0)?, deployment.node(1)?];
        let mut alice = Client::connected(&first, "Alice")?;
        let mut bob = Client::connected(&second, "Bob")?;
        cluster.sql(
            &url,
            &format!(
                "with made as (insert into account (email, email_key, name, password, created_at) \
                 select 'crowd' || n || '@x.org', 'crowd' || n || '@x.org', 'crowd-' || n, 'none', 1 \
                 from generate_series(1, {crowd}) n returning id, name), logs as (insert into log (account) select id from made) \
                 insert into session (account, token_hash, device, created_at, seen_at, expires_at) \
                 select id, sha256(convert_to(name, 'UTF8')), '', 1, 4000000000000, 4000000000000 from made"
            ),
        )?;
        let mut sockets = Vec::new();
        let url = second.chat();
        for size in [0, crowd / 10, crowd] {
            while sockets.len() < size {
                let mut socket = Socket::open(&url, &[])?;
                let token = format!("crowd-{}", sockets.len() + 1);
                socket.json(&json!({"type": "hello", "token": token}))?;
                sockets.push(socket);
            }
            // What the coming of the crowd itself costs is over.
            latencies(&mut alice, &mut bob, 10)?;
            std::thread::sleep(TIME / 2);
            let (cpu, began) = (deployment.servers[1].cpu_time()?, Instant::now());
            let (mut count, mut times) = (0, Vec::new());
            while began.elapsed() < TIME {
                times.push(latencies(&mut alice, &mut bob, 5)?.0);
                count += 5;
            }
            let used = deployment.servers[1].cpu_time()?.saturating_sub(cpu);
            times.sort_unstable();
            eprintln!(
                "NATS: {has_nats}, connected: {size}, cores: {:.4}, messages: {count}, median: {:?}",
                used.as_secs_f64() / began.elapsed().as_secs_f64(),
                times[times.len() / 2],
            );
        }
        deployment.runs()?;
    }
    Ok(())
}
