//! The loads that need no accounts, on the project's own server and on relays that a user can install.

use std::process::Command;

use anyhow::{Context, Result};

use crate::args::{Args, Part};
use crate::client::Dialect;
use crate::load::{Load, Target};
use crate::run::Bench;
use crate::server::{Server, chat_command, find, free_address};

/// Measures every server once in each round.
pub(crate) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let all: Vec<(Part, String, Load)> =
        loads(bench.args.smoke).into_iter().filter(|(part, ..)| bench.wants(*part)).collect();
    if all.is_empty() {
        return Ok(());
    }
    let peers = peers(bench)?;
    for (part, name, load) in all {
        let is_fresh = matches!(part, Part::Idle | Part::Storm);
        let mut running = Vec::new();
        for peer in &peers {
            running.push(if is_fresh { None } else { Some(peer.start(bench.args)?) });
        }
        for _ in 0..bench.rounds() {
            for (peer, running) in peers.iter().zip(&running) {
                // A small relay cannot make the sender's group; the project's guests have none.
                let load = match load {
                    Load::Fanout { receivers, window, .. } if peer.is_ours() => {
                        Load::Fanout { receivers, window, group: false }
                    }
                    load => load,
                };
                let fresh = if is_fresh { Some(peer.start(bench.args)?) } else { None };
                let server = running.as_ref().or(fresh.as_ref()).context("a server")?;
                let pids = vec![server.pid()];
                let target =
                    Target { address: server.address, dialect: peer.dialect.clone(), pids };
                bench.run(&name, peer.name, load, &target)?;
            }
        }
    }
    Ok(())
}

fn loads(is_smoke: bool) -> Vec<(Part, String, Load)> {
    let (few, many, receivers, storm) =
        if is_smoke { (4, 8, 8, 16) } else { (50, 2000, 1000, 3000) };
    let idle = if is_smoke { vec![16] } else { vec![5000, 19_000] };
    let (per_second, pairs) = if is_smoke { (200.0, 4) } else { (5000.0, 500) };
    let group = Load::Fanout { receivers, group: true, window: 1 };
    let mut all = vec![
        (Part::Single, format!("{few} pairs, 1 in flight"), Load::Relay { pairs: few, window: 1 }),
        (
            Part::Single,
            format!("{many} pairs, 1 in flight"),
            Load::Relay { pairs: many, window: 1 },
        ),
        (Part::Burst, format!("{few} pairs, 32 in flight"), Load::Relay { pairs: few, window: 32 }),
        (
            Part::Rate,
            format!("{per_second} messages a second over {} connections", 2 * pairs),
            Load::Rate { pairs, per_second },
        ),
        (Part::Fanout, format!("one to {receivers}, not stored"), group),
        (
            Part::Storm,
            format!("{storm} come back at once"),
            Load::Storm { connections: storm, at_once: 1000.min(storm) },
        ),
    ];
    all.extend(idle.into_iter().map(|connections| {
        (Part::Idle, format!("{connections} idle connections"), Load::Idle { connections })
    }));
    all
}

/// A server that can be compared with.
struct Peer {
    name: &'static str,
    dialect: Dialect,
    command: fn(&Args, std::net::SocketAddr, &std::path::Path) -> Result<Command>,
}

impl Peer {
    fn is_ours(&self) -> bool {
        matches!(self.dialect, Dialect::Guest)
    }

    fn start(&self, args: &Args) -> Result<Server> {
        let address = free_address()?;
        std::fs::create_dir_all(&args.out)?;
        let mut command = (self.command)(args, address, &args.out)?;
        let log = args.out.join(format!("{}.log", self.name.replace(' ', "-")));
        Server::start(&mut command, address, &log)
    }
}

/// Who is here, the project's own server last.
fn peers(bench: &mut Bench<'_>) -> Result<Vec<Peer>> {
    let mut all = Vec::new();
    let mut missing = Vec::new();
    if find("node").is_some() && bench.args.node.join("node_modules/ws").is_dir() {
        let command = |args: &Args, address: std::net::SocketAddr, _: &_| {
            let mut command = Command::new("node");
            command.arg(args.node.join("relay.js")).arg(address.port().to_string());
            Ok(command)
        };
        all.push(Peer { name: "node ws", dialect: Dialect::Relay, command });
    } else {
        missing.push("node ws (npm install in bench/peers/node)");
    }
    if bench.args.programs.join("bench-tokio-relay").is_file() {
        let command = |args: &Args, address: std::net::SocketAddr, _: &_| {
            let mut command = Command::new(args.programs.join("bench-tokio-relay"));
            command.arg(address.to_string());
            Ok(command)
        };
        all.push(Peer { name: "tokio", dialect: Dialect::Relay, command });
    } else {
        missing.push("tokio (cargo build --release -p bench-tokio-relay)");
    }
    if find("nats-server").is_some() {
        all.push(Peer { name: "nats-server", dialect: Dialect::Nats, command: nats });
    } else {
        missing.push("nats-server");
    }
    if find("mosquitto").is_some() {
        all.push(Peer { name: "mosquitto QoS 0", dialect: Dialect::Mqtt, command: mosquitto });
    } else {
        missing.push("mosquitto");
    }
    if !missing.is_empty() {
        bench.report.notes.push(format!("Not installed, so left out: {}.", missing.join(", ")));
    }
    let command = |args: &Args, address: std::net::SocketAddr, _: &_| chat_command(args, address);
    all.push(Peer { name: "messenger", dialect: Dialect::Guest, command });
    Ok(all)
}

fn nats(_: &Args, address: std::net::SocketAddr, dir: &std::path::Path) -> Result<Command> {
    let config = dir.join("nats.conf");
    let plain = free_address()?;
    let text = format!(
        "listen: {plain}\nmax_connections: 64K\nwebsocket {{ listen: \"{address}\", no_tls: true }}\n"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new(find("nats-server").context("nats-server")?);
    command.arg("-c").arg(config);
    Ok(command)
}

fn mosquitto(_: &Args, address: std::net::SocketAddr, dir: &std::path::Path) -> Result<Command> {
    let config = dir.join("mosquitto.conf");
    // 2.0 ends at once when its only listener is one for WebSockets.
    let text = format!(
        "listener {} 127.0.0.1\nlistener {}\nbind_interface lo\nprotocol websockets\nallow_anonymous true\n\
         persistence false\nmax_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_type error\n",
        free_address()?.port(),
        address.port()
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new(find("mosquitto").context("mosquitto")?);
    command.arg("-c").arg(config);
    Ok(command)
}
