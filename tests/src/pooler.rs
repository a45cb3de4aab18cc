//! A real PgBouncer in front of a [`Cluster`].

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{Cluster, PATIENCE, until};

/// Ends with this.
pub struct Pooler {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Pooler {
    /// Starts one that lends at most `size` connections to the database of `url`, by `mode`: `session`, `transaction` or `statement`.
    pub fn start(cluster: &Cluster, url: &str, mode: &str, size: usize) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("messenger-pgbouncer-").tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (address, _) = url
            .rsplit_once('@')
            .and_then(|(_, rest)| rest.split_once('/'))
            .context("a URL with a host and a name")?;
        let (host, server_port) = address.split_once(':').context("a URL with a port")?;
        let config = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={server_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\n"
        );
        fs::write(&config, text)?;
        // Where Debian has it, which is not on everybody's path.
        let debian = Path::new("/usr/sbin/pgbouncer");
        let program = if debian.exists() { debian } else { Path::new("pgbouncer") };
        let child = cluster
            .tool_at(program)
            .arg("-q")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .context("starting PgBouncer; ./check installs it")?;
        let pooler = Self { child, port, _directory: directory };
        until("PgBouncer", PATIENCE, || Ok(TcpStream::connect(("127.0.0.1", port)).ok()))?;
        Ok(pooler)
    }

    /// The same database through it.
    pub fn url(&self, url: &str) -> String {
        let name = url.rsplit('/').next().unwrap_or_default();
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
