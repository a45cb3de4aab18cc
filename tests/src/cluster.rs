//! A real PostgreSQL of the tests' own, as durable as it comes.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddrV4, TcpListener};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::Host;
use crate::wait::until;
use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Runs the server until its own standard input ends, which it does when the tests do, however they do.
const KEEPER: &str = r#"
    dir=$1; forget=$2; shift 2
    "$@" >>"$dir/log" 2>&1 & pid=$!
    trap '' INT TERM HUP
    read -r _
    kill -QUIT "$pid"; kill -CONT "$pid"; wait "$pid"
    if [ "$forget" = yes ]; then rm -rf "$dir"; fi
"#;

/// Whoever is in the same network may do everything, as on loopback addresses.
const OWN_NETWORK: &[u8] = b"host all all samenet trust\nhost replication all samenet trust\n";

/// A cluster of databases.
pub struct Cluster {
    dir: PathBuf,
    /// Removes the directory, unless the keeper does.
    _temp: Option<TempDir>,
    bin: PathBuf,
    host: Host,
    port: u16,
    /// Whom to run it as: PostgreSQL refuses root.
    user: Option<(u32, u32)>,
    keeper: Mutex<Option<Child>>,
}

impl Cluster {
    /// The one that all tests share; it ends with them.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
        let made = SHARED.get_or_init(|| {
            let make = || {
                let mut cluster = Self::make()?;
                cluster._temp.take().map(TempDir::keep);
                cluster.start()?;
                Ok(cluster)
            };
            make().map_err(|error: anyhow::Error| format!("{error:#}"))
        });
        made.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// One for a single test, not started yet.
    pub fn make() -> Result<Self> {
        Self::make_in(&std::env::temp_dir())
    }

    /// The same, in a directory of its own in this one.
    pub fn make_in(parent: &Path) -> Result<Self> {
        Self::make_on(&Host::default(), parent)
    }

    /// The same, on this host.
    pub fn make_on(host: &Host, parent: &Path) -> Result<Self> {
        let cluster = Self::empty_on(host, parent)?;
        let data = cluster.data();
        let args =
            ["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync", "-k", "-D"];
        cluster.run(cluster.tool("initdb").args(args).arg(&data))?;
        let mut access = fs::OpenOptions::new().append(true).open(data.join("pg_hba.conf"))?;
        access.write_all(OWN_NETWORK)?;
        Ok(cluster)
    }

    /// A streaming standby of this one, which runs; not started yet.
    pub fn make_standby(&self) -> Result<Self> {
        self.make_standby_on(&self.host, &std::env::temp_dir())
    }

    /// The same, on this host, and in a directory of its own in this one.
    pub fn make_standby_on(&self, host: &Host, parent: &Path) -> Result<Self> {
        let standby = Self::empty_on(host, parent)?;
        let args = ["-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-D"];
        // From there, and over the network: the standby asks where its copy came from.
        let mut copy = standby.command(&self.program("pg_basebackup"));
        let copy = copy.args(self.address()).args(args).arg(standby.data()).output()?;
        ensure!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stderr));
        Ok(standby)
    }

    fn empty_on(host: &Host, parent: &Path) -> Result<Self> {
        let bin = postgres_programs()?;
        let temp = tempfile::Builder::new().prefix("messenger-postgres-").tempdir_in(parent)?;
        let dir = temp.path().to_owned();
        let user = unprivileged()?;
        if let Some((uid, gid)) = user {
            chown(&dir, Some(uid), Some(gid))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let keeper = Mutex::new(None);
        Ok(Self { dir, _temp: Some(temp), bin, host: host.clone(), port, user, keeper })
    }

    /// Starts the server and waits until it answers.
    pub fn start(&self) -> Result<()> {
        self.start_with(&[])
    }

    /// The same, with other settings, such as `fsync=off`.
    pub fn start_with(&self, others: &[&str]) -> Result<()> {
        let forget = if self._temp.is_none() { "yes" } else { "no" };
        let mut keeper = self.command(Path::new("/bin/sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(&self.dir).arg(forget);
        keeper.arg(self.bin.join("postgres")).arg("-D").arg(self.data());
        keeper.arg("-k").arg(&self.dir).args(self.address());
        for setting in [
            "fsync=on",
            "synchronous_commit=on",
            "max_connections=300",
            "max_prepared_transactions=4",
        ]
        .iter()
        .chain(others)
        {
            keeper.args(["-c", setting]);
        }
        let child = keeper.stdin(Stdio::piped()).spawn().context("starting PostgreSQL")?;
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let ready = until("PostgreSQL", Duration::from_secs(60), || {
            let answer = self.tool("pg_isready").args(self.server()).output()?;
            Ok(answer.status.success().then_some(()))
        });
        ready.with_context(|| fs::read_to_string(self.dir.join("log")).unwrap_or_default())
    }

    /// Stops the server in the middle of everything, as a power cut does.
    pub fn stop_immediately(&self) -> Result<()> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut keeper = keeper.context("not started")?;
        drop(keeper.stdin.take());
        keeper.wait()?;
        Ok(())
    }

    /// The server's first process, of which all others are children.
    pub fn pid(&self) -> Result<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid"))?;
        Ok(file.lines().next().context("an empty postmaster.pid")?.parse()?)
    }

    /// Freezes the server with everything it has begun: its connections stay, and nothing is answered.
    pub fn freeze(&self) -> Result<Frozen> {
        let main = i32::try_from(self.pid()?)?;
        let mut frozen = Frozen(Vec::new());
        // Itself first: it must not start more.
        frozen.stop(main)?;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Ok(pid) = name.to_string_lossy().parse() else { continue };
            // The state and the parent come after the name in brackets.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split(' ').nth(2));
            if parent.is_some_and(|parent| parent == main.to_string()) {
                frozen.stop(pid)?;
            }
        }
        Ok(frozen)
    }

    /// The URL of a new database.
    pub fn database(&self) -> Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.create(&name)?;
        Ok(self.url(&name))
    }

    /// Makes a database of this name.
    pub fn create(&self, name: &str) -> Result<()> {
        self.run(self.tool("createdb").args(self.server()).args(["-U", "postgres", name]))
    }

    /// Where it listens.
    pub fn listens_on(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.host.address(), self.port)
    }

    /// The URL of the database of this name.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://postgres@{}/{name}", self.listens_on())
    }

    /// Runs statements in the database of this URL.
    pub fn sql(&self, url: &str, text: &str) -> Result<()> {
        self.run(self.tool("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text]))
    }

    /// From now on a commit waits for the standby of this name; with an empty name, for none. `url`: any database of it.
    pub fn wait_for_standby(&self, url: &str, name: &str) -> Result<()> {
        self.sql(url, &format!("alter system set synchronous_standby_names = '{name}'"))?;
        self.sql(url, "select pg_reload_conf()")
    }

    /// Where its files are.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Its address and port, for itself and for those who connect to it.
    fn address(&self) -> [String; 4] {
        let (host, port) = (self.host.address().to_string(), self.port.to_string());
        ["-h".to_owned(), host, "-p".to_owned(), port]
    }

    /// The same by its socket in the file system.
    fn server(&self) -> [String; 4] {
        let host = self.dir.display().to_string();
        ["-h".to_owned(), host, "-p".to_owned(), self.port.to_string()]
    }

    fn program(&self, name: &str) -> PathBuf {
        let own = self.bin.join(name);
        // What comes without the clients is asked by those of the machine.
        let other = || installed_bin().ok().map(|bin| bin.join(name));
        if own.is_file() { own } else { other().unwrap_or(own) }
    }

    fn tool(&self, name: &str) -> Command {
        self.tool_at(&self.program(name))
    }

    /// A command where the tests run.
    pub(crate) fn tool_at(&self, path: &Path) -> Command {
        self.prepare(Host::default().command(path, self.user))
    }

    /// A command on its host.
    fn command(&self, path: &Path) -> Command {
        self.prepare(self.host.command(path, self.user))
    }

    fn prepare(&self, mut command: Command) -> Command {
        command.current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let output = command.output().with_context(|| format!("{command:?}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?}: {errors}");
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.stop_immediately();
    }
}

/// Processes that stand still until this is dropped.
pub struct Frozen(Vec<Pid>);

impl Frozen {
    fn stop(&mut self, pid: i32) -> Result<()> {
        let pid = Pid::from_raw(pid).context("no process")?;
        kill_process(pid, Signal::STOP)?;
        self.0.push(pid);
        Ok(())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ = kill_process(*pid, Signal::CONT);
        }
    }
}

/// PostgreSQL's programs: where `ACCEPTANCE_POSTGRES` says, else the machine's.
///
/// # Errors
/// When there are none.
pub fn postgres_programs() -> Result<PathBuf> {
    match std::env::var_os("ACCEPTANCE_POSTGRES") {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => installed_bin(),
    }
}

/// Beside `initdb` on the path, else where Debian keeps them; the newest there.
fn installed_bin() -> Result<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    for dir in std::env::split_paths(&on_path) {
        if let Ok(initdb) = dir.join("initdb").canonicalize()
            && let Some(dir) = initdb.parent()
            && dir.join("postgres").is_file()
        {
            return Ok(dir.to_owned());
        }
    }
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir("/usr/lib/postgresql").into_iter().flatten() {
        let entry = entry?;
        let bin = entry.path().join("bin");
        let version = entry.file_name().to_string_lossy().parse();
        if let (Ok(version), true) = (version, bin.join("initdb").is_file()) {
            found.push((version, bin));
        }
    }
    let newest = found.into_iter().max().map(|(_, bin)| bin);
    newest.context("no PostgreSQL server (initdb) found; ./check installs it")
}

/// Somebody else to be, if this is root.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = |name| users.lines().find(move |line| line.starts_with(&format!("{name}:")));
    let line =
        line("postgres").or_else(|| line("nobody")).context("neither postgres nor nobody")?;
    let fields: Vec<_> = line.split(':').collect();
    Ok(Some((fields[2].parse()?, fields[3].parse()?)))
}
