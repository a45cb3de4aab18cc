//! Servers as processes: started, waited for, ended.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::args::Args;

/// How long a server may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to end after SIGTERM.
const END_PATIENCE: Duration = Duration::from_secs(12);

/// How long a peer that answers no HTTP is listened to.
const ANSWER_PATIENCE: Duration = Duration::from_millis(200);

/// Whether it listens, and its health is not that it cannot do its job yet. Peers have no health, and may answer anything.
fn serves(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let _ = stream.set_read_timeout(Some(ANSWER_PATIENCE));
    let _ =
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = [0; 12];
    !(stream.read_exact(&mut answer).is_ok() && answer.ends_with(b" 503"))
}

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a program and waits until it listens on `address` and does not answer that it is still starting. What it says goes to `log`.
    pub(crate) fn start(command: &mut Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        let program = PathBuf::from(command.get_program());
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut server = Self { child, address };
        let until = Instant::now() + START_PATIENCE;
        while !serves(address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{} has ended: {status}", program.display());
            }
            if Instant::now() > until {
                bail!("{} does not listen on {address}", program.display());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + END_PATIENCE;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of this machine that nobody listens on just now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Where a program is, if it is installed.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let beside = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(beside).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// `chat` with every limit that the load would meet raised, and none switched off.
pub(crate) fn chat_command(args: &Args, address: SocketAddr) -> Result<Command> {
    let metrics = free_address()?;
    let mut command = Command::new(args.programs.join("chat"));
    command.arg("--listen").arg(address.to_string());
    command.arg("--metrics-listen").arg(metrics.to_string());
    command.args(["--message-rate", "1000000", "--contact", "open", "--log-filter", "warn"]);
    Ok(command)
}
