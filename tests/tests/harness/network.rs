//! A network for the servers of a test. Where that is permitted, each is in a network namespace of its own, on a bridge
//! that leads to the test, and its interface can be down.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use acceptance::Host;
use anyhow::{Context, Result, ensure};

use super::not_tested;

/// Bits of the number of a host in its network.
const HOST_BITS: u32 = 12;
/// Where networks of namespaces are looked for: 10.0.0.0/8.
const PRIVATE: u32 = 10 << 24;
/// Where the addresses are without namespaces: 127.0.0.0/8, of which each system has every address.
const LOOPBACK: u32 = 127 << 24;
/// Networks of that size in one of the two.
const NETWORKS: u32 = 1 << (24 - HOST_BITS);
/// So many of them are tried.
const TRIES: u32 = 64;
/// A program of a new namespace must have reached the test within so many seconds.
const REACHED_WITHIN_S: &str = "5";

/// Removes everything when its standard input ends, which it does when the test does, however it does.
const KEEPER: &str = r#"
    trap '' INT TERM HUP
    read -r _
    for path in /run/netns/"$1"-* /run/netns/"$1"; do
        [ -e "$path" ] || continue
        for pid in $(ip netns pids "${path##*/}"); do kill -KILL "$pid"; done
        ip netns delete "${path##*/}"
    done
"#;

/// Addresses for servers, each once.
pub struct Network {
    /// The number of the network's first address.
    first: u32,
    hosts: AtomicU32,
    switch: Option<Arc<Switch>>,
}

/// The namespace that the bridge is in, where no rules of the machine for packets apply.
struct Switch {
    name: String,
    keeper: Child,
}

/// What connects a server to the network.
pub struct Interface {
    /// Where the server runs.
    pub host: Host,
    number: u32,
    switch: Option<Arc<Switch>>,
}

impl Network {
    /// One of namespaces. If that is not permitted, it says so, and all addresses are loopback addresses.
    pub fn new() -> Result<Self> {
        let refused = match Self::of_namespaces() {
            Ok(network) => return Ok(network),
            Err(error) => error,
        };
        not_tested(&format!("interfaces that are down need network namespaces: {refused:#}"));
        Ok(Self::with(LOOPBACK | (1 + id() % (NETWORKS - 1)) << HOST_BITS, None))
    }

    fn with(first: u32, switch: Option<Switch>) -> Self {
        // The first host is the test.
        Self { first, hosts: AtomicU32::new(1), switch: switch.map(Arc::new) }
    }

    fn of_namespaces() -> Result<Self> {
        let switch = Switch::new()?;
        let name = &switch.name;
        ip(&format!("-n {name} link add bridge type bridge"))?;
        ip(&format!("-n {name} link set bridge up"))?;
        ip(&format!("link add {name} type veth peer name test netns {name}"))?;
        ip(&format!("-n {name} link set test master bridge up"))?;
        ip(&format!("link set {name} up"))?;
        let number = (0..TRIES).map(|number| (id() + number) % NETWORKS);
        let mut firsts = number.map(|number| PRIVATE | number << HOST_BITS);
        let first = firsts.find_map(|first| match switch.take_network(first) {
            Ok(is_free) => is_free.then_some(Ok(first)),
            Err(error) => Some(Err(error)),
        });
        let network = Self::with(first.context("no free network in 10.0.0.0/8")??, Some(switch));
        network.try_out()?;
        Ok(network)
    }

    /// A new host reaches the test.
    fn try_out(&self) -> Result<()> {
        let listener = TcpListener::bind((self.address(), 0))?;
        let address = listener.local_addr()?;
        let interface = self.interface()?;
        let mut command = interface.host.command(Path::new("timeout"), None);
        let connect = format!(": </dev/tcp/{}/{}", address.ip(), address.port());
        let tried = command.args([REACHED_WITHIN_S, "bash", "-c", &connect]).output()?;
        let errors = String::from_utf8_lossy(&tried.stderr);
        ensure!(tried.status.success(), "they do not reach the test: {errors}");
        Ok(())
    }

    /// The address of the test.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.first + 1)
    }

    /// Whether interfaces can be down.
    pub fn has_interfaces(&self) -> bool {
        self.switch.is_some()
    }

    /// The interface of a new host.
    pub fn interface(&self) -> Result<Interface> {
        let number = self.hosts.fetch_add(1, Ordering::Relaxed) + 1;
        ensure!(number + 1 < 1 << HOST_BITS, "no more addresses");
        let address = Ipv4Addr::from(self.first + number);
        let switch = self.switch.clone();
        let name = switch.as_ref().map(|switch| switch.host(number));
        let interface = Interface { host: Host::new(address, name.clone()), number, switch };
        if let (Some(switch), Some(name)) = (&interface.switch, name) {
            let bridge = &switch.name;
            let port = port(number);
            ip(&format!("netns add {name}"))?;
            ip(&format!("link add eth0 netns {name} type veth peer name {port} netns {bridge}"))?;
            ip(&format!("-n {bridge} link set {port} master bridge up"))?;
            ip(&format!("-n {name} address add {address}/{} dev eth0", 32 - HOST_BITS))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("-n {name} link set eth0 up"))?;
        }
        Ok(interface)
    }
}

impl Interface {
    /// Nothing gets through in either direction, and nobody is told, as when the cable is pulled.
    pub fn down(&self) -> Result<()> {
        self.set("down")
    }

    /// It works again.
    pub fn up(&self) -> Result<()> {
        self.set("up")
    }

    fn set(&self, state: &str) -> Result<()> {
        let switch = self.switch.as_ref().context("it is not in a namespace")?;
        ip(&format!("-n {} link set {} {state}", switch.name, port(self.number))).map(drop)
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        if let Some(switch) = &self.switch {
            let _ = ip(&format!("netns delete {}", switch.host(self.number)));
        }
    }
}

impl Switch {
    fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            // The name of an interface has 15 characters at most.
            let name = format!("test{:x}-{count:x}", id());
            // Another process had the same number and was killed, together with its keeper.
            if !namespace(&name).exists() {
                break name;
            }
        };
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper", &name]).stdin(Stdio::piped());
        let keeper = keeper.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let switch = Self { name, keeper };
        ip(&format!("netns add {}", switch.name))?;
        Ok(switch)
    }

    /// The test gets the first address of this network, if nobody has a part of it.
    fn take_network(&self, first: u32) -> Result<bool> {
        let network = format!("{}/{}", Ipv4Addr::from(first), 32 - HOST_BITS);
        let inside = ip(&format!("-4 route show table all root {network}"))?;
        let around = ip(&format!("-4 route show table all match {network}"))?;
        if !inside.is_empty() || around.lines().any(|route| !route.starts_with("default ")) {
            return Ok(false);
        }
        let (name, address) = (&self.name, Ipv4Addr::from(first + 1));
        // Of two tests at once only one can add the route.
        if ip(&format!("-4 route add {network} dev {name}")).is_err() {
            return Ok(false);
        }
        ip(&format!("address add {address}/{} dev {name} noprefixroute", 32 - HOST_BITS))?;
        ip(&format!("-4 route replace {network} dev {name} src {address}"))?;
        Ok(true)
    }

    /// The namespace of a host.
    fn host(&self, number: u32) -> String {
        format!("{}-{number:x}", self.name)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The bridge's end of the cable to a host.
fn port(number: u32) -> String {
    format!("host{number:x}")
}

fn namespace(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

/// What `ip` says.
fn ip(line: &str) -> Result<String> {
    let output = Command::new("ip").args(line.split(' ')).output().context("running ip")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {line}: {}", errors.trim());
    Ok(String::from_utf8(output.stdout)?)
}
