//! Two people in two terminals, with the `wscat` that everybody has.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use acceptance::until;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Arrangement, Deployment, root};

#[test]
fn two_terminals_talk() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Guests, &[])?;
    let url = deployment.endpoints.chat().replace("127.0.0.1", "localhost");
    let mut first = Terminal::open(&url)?;
    let welcome = first.wait_for_json()?;
    ensure!(welcome["type"] == "welcome" && welcome["id"] == 1, "{welcome}");
    let mut second = Terminal::open(&url)?;
    ensure!(second.wait_for_json()?["id"] == 2);

    first.write("ping")?;
    let pong = first.wait_for_line()?;
    ensure!(pong == "pong", "{pong}");

    second.write(r#"{"from":2,"to":1,"content":"hello"}"#)?;
    let message = first.wait_for_json()?;
    ensure!(message["content"] == "hello", "{message}");
    ensure!(message["from"] == 2 && message["to"] == 1, "{message}");
    Ok(())
}

/// One `wscat`; it is killed when dropped.
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Arc<Mutex<Vec<String>>>,
    read: usize,
}

impl Terminal {
    fn open(url: &str) -> Result<Self> {
        let script = root().join("node_modules/wscat/bin/wscat");
        ensure!(script.is_file(), "wscat is missing: `npm ci` first, or ./check");
        let mut child = Command::new("node")
            .arg(script)
            .args(["-c", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting node")?;
        let keyboard = child.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let screen = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&screen);
        thread::Builder::new().spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        })?;
        Ok(Self { child, keyboard, screen, read: 0 })
    }

    fn write(&mut self, line: &str) -> Result<()> {
        writeln!(self.keyboard, "{line}").context("typing")
    }

    fn wait_for_line(&mut self) -> Result<String> {
        let line = until("wscat to show a line", Duration::from_secs(30), || {
            let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(screen.get(self.read).cloned())
        })?;
        self.read += 1;
        // Its prompt stands before what it shows.
        Ok(line.trim_start_matches("> ").to_owned())
    }

    fn wait_for_json(&mut self) -> Result<Value> {
        let line = self.wait_for_line()?;
        serde_json::from_str(&line).with_context(|| line)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
