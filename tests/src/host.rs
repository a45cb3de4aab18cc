//! Where a server of the tests runs.

use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// An address, and the network namespace that has it, if it is not that of the tests.
#[derive(Clone, Debug)]
pub struct Host {
    address: Ipv4Addr,
    namespace: Option<String>,
}

impl Host {
    /// An address of the machine, or of this network namespace, which `ip netns` knows by its name.
    pub fn new(address: Ipv4Addr, namespace: Option<String>) -> Self {
        Self { address, namespace }
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The words before a program that start it there. They become the program: its process is the one that was started.
    pub fn wrapper(&self) -> Vec<String> {
        let enter = |name: &String| vec!["nsenter".to_owned(), format!("--net=/run/netns/{name}")];
        self.namespace.as_ref().map(enter).unwrap_or_default()
    }

    /// Starts a program there, as this user and group if they are given.
    pub fn command(&self, program: &Path, user: Option<(u32, u32)>) -> Command {
        if let [first, others @ ..] = &self.wrapper()[..] {
            let mut command = Command::new(first);
            command.args(others);
            // Only after it has entered, for which it must be root.
            if let Some((uid, gid)) = user {
                command.args([format!("--setuid={uid}"), format!("--setgid={gid}")]);
            }
            command.arg(program);
            return command;
        }
        let mut command = Command::new(program);
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Default for Host {
    /// The loopback address that everybody uses.
    fn default() -> Self {
        Self::new(Ipv4Addr::LOCALHOST, None)
    }
}
