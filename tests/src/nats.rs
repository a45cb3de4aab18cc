//! A real NATS server of the tests' own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::Host;
use crate::wait::{PATIENCE, until};

/// A server on a port that stays the same when it is restarted; it is killed when dropped.
pub struct Nats {
    host: Host,
    port: u16,
    args: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl Nats {
    /// Starts it with further arguments.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(args: &[&str]) -> Result<Self> {
        Self::start_on(&Host::default(), args)
    }

    /// The same, on this host.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_on(host: &Host, args: &[&str]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let nats = Self { host: host.clone(), port, args, child: Mutex::new(None) };
        nats.restart()?;
        Ok(nats)
    }

    /// `ADDRESS:PORT`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host.address(), self.port)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Starts it again after [`Nats::kill`].
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&self) -> Result<()> {
        let (address, port) = (self.host.address().to_string(), self.port.to_string());
        let child = self
            .host
            .command(program(), None)
            .args(["-a", &address, "-p", &port])
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting nats-server; ./check tools installs it")?;
        *self.child() = Some(child);
        until("nats-server", PATIENCE, || Ok(TcpStream::connect(self.address()).ok().map(drop)))
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&self) -> Result<()> {
        let mut child = self.child().take().context("not started")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// It stands still, or goes on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child();
        let id = child.as_ref().context("not started")?.id();
        let pid = Pid::from_raw(i32::try_from(id)?).context("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Debian puts it where only root looks.
fn program() -> &'static Path {
    let debian = Path::new("/usr/sbin/nats-server");
    if debian.is_file() { debian } else { Path::new("nats-server") }
}
