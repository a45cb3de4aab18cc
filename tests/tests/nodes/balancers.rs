//! The balancers of docs/OPERATING.md, with its configurations, before two nodes.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use acceptance::{Client, Endpoints, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Arrangement, Deployment};
use crate::operating::{blocks, page};

/// A running balancer; it is stopped when dropped.
struct Balancer {
    child: Child,
    address: String,
    dir: tempfile::TempDir,
}

impl Balancer {
    /// With the last configuration of this kind on the page, for these nodes.
    fn start(kind: &str, nodes: &[String; 2]) -> Result<Self> {
        let page = page()?;
        let found = blocks(&page).into_iter().rfind(|(one, _)| *one == kind);
        let (_, text) = found.with_context(|| format!("no configuration of {kind}"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut text =
            text.replace("10.0.0.11:8080", &nodes[0]).replace("10.0.0.12:8080", &nodes[1]);
        text = text.replace("listen 80;", &format!("listen {address};"));
        text = text.replace("bind :80", &format!("bind {address}"));
        ensure!(text.contains(&address) && nodes.iter().all(|node| text.contains(node)), "{text}");
        let dir = tempfile::tempdir()?;
        let mut command = Command::new(kind);
        if kind == "nginx" {
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {name};\n"))
                .concat();
            text = format!(
                "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{temporary}access_log off;\n{text}}}\n"
            );
            command.arg("-p").arg(dir.path()).args(["-e", "stderr", "-c", "balancer"]);
            if rustix::process::geteuid().is_root() {
                const NOBODY: u32 = 65_534;
                chown(dir.path(), Some(NOBODY), Some(NOBODY))?;
                command.uid(NOBODY).gid(NOBODY);
            }
        } else {
            command.args(["-db", "-f"]).arg(dir.path().join("balancer"));
        }
        fs::write(dir.path().join("balancer"), &text)?;
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin")).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(fs::File::create(dir.path().join("errors"))?);
        let child = command.spawn().with_context(|| format!("{kind} is missing: ./check tools"))?;
        let mut balancer = Self { child, address, dir };
        until(kind, PATIENCE, || {
            let ended = balancer.child.try_wait()?;
            ensure!(ended.is_none(), "{text}\n{}", balancer.errors());
            Ok(TcpStream::connect(&balancer.address).ok())
        })?;
        Ok(balancer)
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.dir.path().join("errors")).unwrap_or_default()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

#[test]
fn nodes_behind_nginx_are_one_server() -> Result<()> {
    are_one_server("nginx")
}

#[test]
fn nodes_behind_haproxy_are_one_server() -> Result<()> {
    are_one_server("haproxy")
}

fn are_one_server(kind: &str) -> Result<()> {
    let flags = ["--trusted-proxy=127.0.0.1"];
    let mut deployment = Deployment::launch(&Arrangement::nodes(2, false)?, &flags)?;
    let mut address = |node: usize| deployment.servers[node].address("chat");
    let nodes = [address(0)?, address(1)?];
    let balancer = Balancer::start(kind, &nodes)?;
    let auth = deployment.endpoints.auth()?;
    let place = Endpoints::new(&format!("ws://{}", balancer.address), Some(&auth));

    // People are spread over both nodes, and talk.
    let welcomed = |deployment: &Deployment, node: usize| {
        deployment.servers[node].log().matches(" welcomed ").count()
    };
    // The balancer may have to see first that they are healthy.
    let mut people = Vec::new();
    until("people on both nodes", PATIENCE, || {
        if let Ok(person) = Client::connected(&place, "Somebody") {
            people.push(person);
        }
        Ok((0..2).all(|node| welcomed(&deployment, node) >= 2).then_some(()))
    })?;
    let [mut alice, mut bob] = [people.remove(0), people.remove(0)];
    alice.send_message(&bob, "hello")?;
    bob.receive_message("hello")?;
    for node in 0..2 {
        let log = deployment.servers[node].log();
        ensure!(!log.contains("X-Forwarded-For"), "the balancer does not name its clients: {log}");
    }

    // One is stopped in order: its clients are told, come back to the other one, and have missed nothing.
    let stopped = &mut deployment.servers[0];
    stopped.signal(Signal::TERM)?;
    ensure!(stopped.ended()?.success(), "it drains");
    for person in [&mut alice, &mut bob] {
        person.take_socket()?.close();
        until("the other node", PATIENCE, || Ok(person.connect().ok()))?;
    }
    alice.send_message(&bob, "still there?")?;
    bob.receive_message("still there?")?;

    // It comes back at its place, and the other one dies.
    deployment.restart_at(0, &format!("--listen={}", nodes[0]))?;
    until("new people on the first node", PATIENCE, || {
        if let Ok(person) = Client::connected(&place, "Somebody") {
            people.push(person);
        }
        Ok((welcomed(&deployment, 0) >= 1).then_some(()))
    })?;
    deployment.kill(1)?;
    for person in [&mut alice, &mut bob] {
        drop(person.take_socket());
        until("the first node", PATIENCE, || Ok(person.connect().ok()))?;
    }
    bob.send_message(&alice, "and now?")?;
    alice.receive_message("and now?")?;
    Ok(())
}
