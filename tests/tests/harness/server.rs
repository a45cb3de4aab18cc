//! One running program.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use acceptance::{Host, PATIENCE, until};
use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::program;

/// How long a program may take to come up or to go.
const START_WITHIN: Duration = Duration::from_secs(40);
/// The contract's ten seconds to drain, and some to notice.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// A program, and how to start it.
#[derive(Clone)]
pub struct Launch {
    name: String,
    line: Vec<String>,
    env: Vec<(String, String)>,
    has_closed_stdout: bool,
}

impl Launch {
    /// One of our programs, with a home of its own.
    pub fn new(name: &str, home: &Path) -> Result<Self> {
        Ok(Self::at(&program(name)?, home))
    }

    /// A program that is somewhere else, such as an older version of one of ours.
    pub fn at(path: &Path, home: &Path) -> Self {
        let env = ["HOME", "XDG_DATA_HOME", "STATE_DIRECTORY", "TMPDIR"]
            .map(|key| (key.to_owned(), home.display().to_string()));
        Self {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            line: vec![path.display().to_string()],
            env: env.into(),
            has_closed_stdout: false,
        }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<str>>(mut self, args: &[S]) -> Self {
        self.line.extend(args.iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Gives a flag this value, in place of another one.
    pub fn with_flag(mut self, flag: &str, value: &str) -> Self {
        self.line.retain(|word| word.split('=').next() != Some(flag));
        self.line.push(format!("{flag}={value}"));
        self
    }

    /// Sets a variable.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.retain(|(other, _)| other != key);
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Starts it by way of another command.
    pub fn wrapped_in<S: AsRef<str>>(mut self, wrapper: &[S]) -> Self {
        self.line.splice(0..0, wrapper.iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Starts it on this host, where it listens on a free port.
    pub fn on(self, host: &Host) -> Self {
        self.with_flag("--listen", &format!("{}:0", host.address())).wrapped_in(&host.wrapper())
    }

    /// Nobody reads its standard output, and its end is closed.
    pub fn with_closed_stdout(mut self) -> Self {
        self.has_closed_stdout = true;
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.line[0]);
        command.args(&self.line[1..]).stdin(Stdio::null());
        // What whoever runs the tests has set is not what is tested.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Starts it.
    pub fn start(&self) -> Result<Server> {
        let mut command = self.command();
        command.stdout(Stdio::piped());
        if self.has_closed_stdout {
            let (reader, writer) = std::io::pipe()?;
            drop(reader);
            command.stdout(writer);
        }
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {:?}", self.line))?;
        let log = Arc::<Mutex<String>>::default();
        let stderr = child.stderr.take().context("no stderr")?;
        let said = Arc::<Mutex<String>>::default();
        let mut readers = vec![keep(stderr, &log)?];
        if let Some(stdout) = child.stdout.take() {
            readers.push(keep(stdout, &said)?);
        }
        Ok(Server { name: self.name.clone(), child, log, said, readers })
    }

    /// Runs it to its end, which must come by itself.
    pub fn run(&self) -> Result<Output> {
        let mut child = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let ended = until("the program to end", START_WITHIN, || Ok(child.try_wait()?));
        if ended.is_err() {
            child.kill()?;
        }
        let output = child.wait_with_output()?;
        ended.with_context(|| {
            format!("{:?} went on: {}", self.line, String::from_utf8_lossy(&output.stderr))
        })?;
        Ok(output)
    }
}

/// A started program; it is killed when dropped.
pub struct Server {
    name: String,
    child: Child,
    log: Arc<Mutex<String>>,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Server {
    /// The address that the line `… WHO listening on ADDRESS` names.
    pub fn address(&mut self, who: &str) -> Result<String> {
        let line = self.wait_for_line(&format!("{who} listening on "))?;
        let (_, rest) = line.rsplit_once(" listening on ").context("no address")?;
        let is_address = |c: char| c.is_ascii_hexdigit() || ".:[]".contains(c);
        let end = rest.find(|c| !is_address(c)).unwrap_or(rest.len());
        Ok(rest[..end].to_owned())
    }

    /// The first line of the log that contains this.
    pub fn wait_for_line(&mut self, text: &str) -> Result<String> {
        let (log, child, name) = (Arc::clone(&self.log), &mut self.child, &self.name);
        until(&format!("{name} to log {text:?}"), START_WITHIN, || {
            let ended = child.try_wait()?;
            let found = lock(&log).lines().find(|line| line.contains(text)).map(str::to_owned);
            match (found, ended) {
                (None, Some(status)) => bail!("{name} ended: {status}"),
                (found, _) => Ok(found),
            }
        })
    }

    /// Everything it has logged so far, which is its standard error.
    pub fn log(&self) -> String {
        lock(&self.log).clone()
    }

    /// Everything it has said on its standard output so far.
    pub fn stdout(&self) -> String {
        lock(&self.said).clone()
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        Pid::from_child(&self.child).as_raw_nonzero().get()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("sending a signal")
    }

    /// Waits for its end; everything it wrote is in the log then.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        let status = until("the program to end", STOP_WITHIN, || Ok(child.try_wait()?))
            .with_context(|| self.name.clone())?;
        for reader in self.readers.drain(..) {
            reader.join().map_err(|_| anyhow!("reading the log failed"))?;
        }
        Ok(status)
    }

    /// What it has in memory, in KiB.
    pub fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse()?)
    }

    /// The processor time that it has used.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in brackets may contain spaces. proc(5): user time is field 14, system time 15.
        let (_, rest) = stat.rsplit_once(')').context("no name")?;
        let ticks: Vec<u64> = rest.split(' ').skip(12).take(2).flat_map(str::parse).collect();
        let [user, system] = ticks[..] else { bail!("no times: {stat}") };
        // In hundredths of a second, on every Linux.
        Ok(Duration::from_millis(10 * (user + system)))
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.ended().map(drop)
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = lock(&self.log);
        let lines: Vec<_> = log.lines().collect();
        eprintln!("--- {} logged {} lines, the last of them:", self.name, lines.len());
        for line in &lines[lines.len().saturating_sub(40)..] {
            eprintln!("{line}");
        }
    }
}

/// Keeps what a program writes; also the part of a line that it may have left behind.
fn keep(stream: impl Read + Send + 'static, log: &Arc<Mutex<String>>) -> Result<JoinHandle<()>> {
    let log = Arc::clone(log);
    let reader = thread::Builder::new().name("log".to_owned()).spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
            lock(&log).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    reader.context("a thread for the log")
}

fn lock(log: &Mutex<String>) -> std::sync::MutexGuard<'_, String> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

const _: () = assert!(STOP_WITHIN.as_secs() > PATIENCE.as_secs());
