//! Several nodes that write to one PostgreSQL at the same time, each with clients of its own.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use acceptance::Cluster;
use anyhow::{Result, anyhow};

use crate::account;
use crate::client::Dialect;
use crate::load::{Figures, Load, Target};
use crate::run::Bench;
use crate::server::{Server, chat_command, free_address};

/// How many nodes are measured beside each other.
const NODES: [usize; 3] = [1, 2, 4];
const IN_FLIGHT: usize = 32;

/// The same clients on one node, on two and on four. A node ends before the next measurement, because others would write
/// notices for it.
pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let pairs = if bench.args.smoke { 4 } else { 200 };
    let dir = tempfile::tempdir()?;
    let cluster = Cluster::make()?;
    cluster.start()?;
    let url = cluster.database()?;
    let store = account::open(&url)?;
    let (_, tokens) = account::create(&store, 2 * pairs, "none")?;
    drop(store);
    let name = format!("{pairs} pairs on several nodes, {IN_FLIGHT} in flight");
    for _ in 0..bench.rounds() {
        for count in NODES {
            let of_each = tokens.len() / count;
            let nodes = tokens.chunks(of_each).enumerate().map(|(at, tokens)| {
                start(bench, &url, tokens, &dir.path().join(format!("node{at}.log")))
            });
            let mut nodes = nodes.collect::<Result<Vec<_>>>()?;
            // Its processes are those of all nodes.
            nodes[0].0.pids.push(cluster.pid()?);
            let targets: Vec<_> = nodes.iter().map(|(target, _)| target.clone()).collect();
            let load = Load::Relay { pairs: pairs / count, window: IN_FLIGHT };
            let seconds = bench.seconds();
            bench.repeat(&name, &format!("{count} nodes"), || {
                let before = Volume::of(&url)?;
                let mut figures = run(load, &targets, seconds)?;
                figures.extend(Volume::of(&url)?.since(&before));
                Ok(figures)
            })?;
        }
    }
    Ok(())
}

fn start(bench: &Bench<'_>, url: &str, tokens: &[String], log: &Path) -> Result<(Target, Server)> {
    let address = free_address()?;
    let mut command = chat_command(bench.args, address)?;
    command.arg("--database").arg(url);
    let server = Server::start(&mut command, address, log)?;
    let tokens = Arc::new(tokens.to_vec());
    let dialect = Dialect::Account { tokens, group: 0, receipts: true };
    Ok((Target { address, dialect, pids: vec![server.pid()] }, server))
}

/// How much the database has stored and written.
struct Volume {
    messages: i64,
    stored: i64,
    logged: i64,
}

impl Volume {
    fn of(url: &str) -> Result<Self> {
        let mut client = postgres::Client::connect(url, postgres::NoTls)?;
        let row = client.query_one(
            "select (select count(*) from message), pg_database_size(current_database()), \
             pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint",
            &[],
        )?;
        Ok(Self { messages: row.get(0), stored: row.get(1), logged: row.get(2) })
    }

    /// Bytes for each message since then.
    fn since(&self, before: &Self) -> Figures {
        let messages = (self.messages - before.messages).max(1) as f64;
        let each = |now: i64, before: i64| (now - before) as f64 / messages;
        Figures::from([
            ("stored_bytes_per_message", each(self.stored, before.stored)),
            ("logged_bytes_per_message", each(self.logged, before.logged)),
        ])
    }
}

/// The load on all targets at once.
fn run(load: Load, targets: &[Target], seconds: f64) -> Result<Figures> {
    let seen = thread::scope(|scope| {
        let running: Vec<_> =
            targets.iter().map(|target| scope.spawn(move || load.run(target, seconds))).collect();
        let ended = running.into_iter().map(|it| it.join());
        ended
            .map(|it| it.map_err(|_| anyhow!("a load generator panicked")).and_then(|it| it))
            .collect::<Result<Vec<_>>>()
    })?;
    Ok(together(&seen))
}

/// Messages add up, CPU time is shared by all messages, of the other figures the highest counts.
fn together(seen: &[Figures]) -> Figures {
    let figure = |one: &Figures, name: &str| one.get(name).copied().unwrap_or(0.0);
    let messages: f64 = seen.iter().map(|one| figure(one, "messages_per_second")).sum();
    let mut all = Figures::new();
    for (name, value) in seen.iter().flatten() {
        let so_far = all.entry(*name).or_insert(0.0);
        *so_far = value.max(*so_far);
    }
    all.insert("messages_per_second", messages);
    for name in ["cpu_per_million", "storing_cpu_per_million"] {
        let cost = |one: &Figures| figure(one, name) * figure(one, "messages_per_second");
        all.insert(name, seen.iter().map(cost).sum::<f64>() / messages);
    }
    all.remove("if_storing_were_free_per_second");
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_add_up_and_cpu_time_is_that_of_all() {
        let one = |messages, cpu, p99| {
            Figures::from([
                ("messages_per_second", messages),
                ("cpu_per_million", cpu),
                ("p99_us", p99),
            ])
        };
        let all = together(&[one(3000.0, 100.0, 7.0), one(1000.0, 20.0, 9.0)]);
        assert_eq!(all["messages_per_second"], 4000.0);
        assert_eq!(all["cpu_per_million"], 80.0);
        assert_eq!(all["p99_us"], 9.0);
    }
}
