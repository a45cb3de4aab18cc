//! The programs of one arrangement, on a database of their own.

use std::path::{Path, PathBuf};

use acceptance::{Endpoints, Nats};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{Cluster, Launch, Server};

/// Which programs run, and on which database.
#[derive(Clone, Debug)]
pub enum Arrangement {
    /// `chat` alone.
    Guests,
    /// `messenger` on an SQLite file.
    Messenger,
    /// `chat` and `auth` on one SQLite file.
    Pair,
    /// `chat` and `auth` on this PostgreSQL database.
    Postgres(String),
    /// So many `chat` and one `auth` on this PostgreSQL database, the former connected by NATS or not.
    Nodes(usize, String, bool),
}

impl Arrangement {
    /// `chat` and `auth` on a new database of the cluster that all tests share.
    pub fn postgres() -> Result<Self> {
        Ok(Self::Postgres(Cluster::shared()?.database()?))
    }

    /// So many `chat` and one `auth` on a new database of that cluster.
    pub fn nodes(count: usize, has_nats: bool) -> Result<Self> {
        Ok(Self::Nodes(count, Cluster::shared()?.database()?, has_nats))
    }
}

/// Running programs.
pub struct Deployment {
    launches: Vec<(&'static [&'static str], Launch)>,
    /// The programs, `chat` (or `messenger`) first.
    pub servers: Vec<Server>,
    /// Their URLs.
    pub endpoints: Endpoints,
    /// What connects the chat servers, if anything does.
    pub nats: Option<Nats>,
    dir: TempDir,
}

/// Flags that only one of the two servers has; `messenger` has them all.
const CHAT_ONLY: [&str; 3] = ["--message-rate", "--log-events", "--nats"];
const AUTH_ONLY: [&str; 4] = ["--signup", "--smtp", "--file", "--push-allow"];

impl Deployment {
    /// Starts the programs on free ports with flags like `--message-rate=5`, without rate limits unless they are set, and
    /// for people who all know each other unless `--contact` says otherwise.
    pub fn launch(kind: &Arrangement, flags: &[&str]) -> Result<Self> {
        Self::launch_with(kind, flags, |launch| launch)
    }

    /// The same, each program changed by `change` before it starts.
    pub fn launch_with(
        kind: &Arrangement,
        flags: &[&str],
        change: impl Fn(Launch) -> Launch,
    ) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("messenger-test-").tempdir()?;
        let mut deployment = Self {
            launches: Vec::new(),
            servers: Vec::new(),
            endpoints: Endpoints::new("", None),
            nats: None,
            dir,
        };
        let listen = "--listen=127.0.0.1:0".to_owned();
        let sqlite = format!("sqlite:{}", deployment.database_file().display());
        match kind {
            Arrangement::Guests => {
                deployment.add(&["chat"], &flags_of("chat", flags, &[listen]))?
            }
            Arrangement::Messenger => {
                let own = ["--chat-listen=127.0.0.1:0", "--auth-listen=127.0.0.1:0"];
                let mut own = own.map(str::to_owned).to_vec();
                own.push(format!("--database={sqlite}"));
                deployment.add(&["chat", "auth"], &flags_of("messenger", flags, &own))?;
            }
            Arrangement::Pair | Arrangement::Postgres(_) => {
                let url = if let Arrangement::Postgres(url) = kind { url } else { &sqlite };
                let own = [listen, format!("--database={url}")];
                deployment.add(&["chat"], &flags_of("chat", flags, &own))?;
                deployment.add(&["auth"], &flags_of("auth", flags, &own))?;
            }
            Arrangement::Nodes(count, url, has_nats) => {
                let own = vec![listen, format!("--database={url}")];
                let mut of_chat = own.clone();
                if *has_nats {
                    let nats = Nats::start(&[])?;
                    of_chat.push(format!("--nats={}", nats.url()));
                    deployment.nats = Some(nats);
                }
                for _ in 0..*count {
                    deployment.add(&["chat"], &flags_of("chat", flags, &of_chat))?;
                }
                deployment.add(&["auth"], &flags_of("auth", flags, &own))?;
            }
        }
        for (_, launch) in &mut deployment.launches {
            *launch = change(launch.clone());
        }
        deployment.start()?;
        if let Arrangement::Nodes(count, _, true) = kind {
            for server in &mut deployment.servers[..*count] {
                server.wait_for_line("connected to NATS")?;
            }
        }
        Ok(deployment)
    }

    fn add(&mut self, roles: &'static [&'static str], flags: &[String]) -> Result<()> {
        let name = if roles.len() == 2 { "messenger" } else { roles[0] };
        self.launches.push((roles, Launch::new(name, self.dir.path())?.args(flags)));
        Ok(())
    }

    /// Starts what is not running, and waits until it listens.
    pub fn start(&mut self) -> Result<()> {
        for (_, launch) in &self.launches[self.servers.len()..] {
            self.servers.push(launch.start()?);
        }
        let mut chat = Vec::new();
        let mut auth = None;
        for ((roles, _), server) in self.launches.iter().zip(&mut self.servers) {
            for &role in *roles {
                let address = server.address(role)?;
                if role == "chat" {
                    chat.push(format!("ws://{address}"));
                } else {
                    auth = Some(format!("http://{address}"));
                }
            }
        }
        ensure!(!chat.is_empty(), "no chat server");
        self.endpoints.moved_to_all(&chat, auth.as_deref());
        Ok(())
    }

    /// The chat server at this place alone, and the auth server.
    pub fn node(&mut self, at: usize) -> Result<Endpoints> {
        let chat = format!("ws://{}", self.servers[at].address("chat")?);
        Ok(Endpoints::new(&chat, Some(&self.endpoints.auth()?)))
    }

    /// Kills the program at this place.
    pub fn kill(&mut self, at: usize) -> Result<()> {
        self.servers[at].kill()
    }

    /// Starts the program at this place again, with one flag more.
    pub fn restart_at(&mut self, at: usize, flag: &str) -> Result<()> {
        self.launches[at].1 = self.launches[at].1.clone().args(&[flag]);
        self.restart(at)
    }

    /// Starts the program at this place again.
    pub fn restart(&mut self, at: usize) -> Result<()> {
        self.servers[at] = self.launches[at].1.start()?;
        self.start()
    }

    /// Kills the first program, leaves the others, and starts it again.
    pub fn kill_first_and_restart(&mut self) -> Result<()> {
        self.servers[0].kill()?;
        self.servers[0] = self.launches[0].1.start()?;
        self.start()
    }

    /// Starts the last program again, which was killed.
    pub fn restart_last(&mut self) -> Result<()> {
        self.servers.pop();
        self.start()
    }

    /// Ends every program as an operator does.
    pub fn stop(&mut self) -> Result<Vec<Server>> {
        for server in &self.servers {
            server.signal(Signal::TERM)?;
        }
        for server in &mut self.servers {
            let status = server.ended()?;
            ensure!(status.success(), "after SIGTERM: {status}");
        }
        Ok(std::mem::take(&mut self.servers))
    }

    /// Every program still runs.
    pub fn runs(&mut self) -> Result<()> {
        for server in &mut self.servers {
            ensure!(server.runs()?, "a server has died");
        }
        Ok(())
    }

    /// Whether every program is there and runs.
    pub fn is_running(&mut self) -> bool {
        self.servers.len() == self.launches.len() && self.runs().is_ok()
    }

    /// The SQLite file, where there is one.
    pub fn database_file(&self) -> PathBuf {
        self.dir.path().join("messenger.db")
    }

    /// The temporary directory of this deployment.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

fn flags_of(program: &str, flags: &[&str], own: &[String]) -> Vec<String> {
    let mut all: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    for (flag, usual) in [("--message-rate", "0"), ("--signup-rate", "0"), ("--contact", "open")] {
        if flags.iter().all(|given| !given.starts_with(flag)) {
            all.push(format!("{flag}={usual}"));
        }
    }
    let others: &[&str] = match program {
        "chat" => &AUTH_ONLY,
        "auth" => &CHAT_ONLY,
        _ => &[],
    };
    all.retain(|flag| others.iter().all(|other| !flag.starts_with(other)));
    all.extend_from_slice(own);
    all
}
