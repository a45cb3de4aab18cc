//! A mail server of others (aiosmtpd), which a virtual environment below the target directory has.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};

use acceptance::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::root;

/// A running mail server; it ends when it is dropped.
pub struct MailServer {
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
    /// Its port on this machine.
    pub port: u64,
}

impl MailServer {
    /// Starts one, with these words after the name of its script.
    pub fn start(words: &[&str]) -> Result<Self> {
        let mut child = Command::new(python()?)
            .arg(root().join("tests/third-party/smtp_server.py"))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let said = Arc::<Mutex<Vec<Value>>>::default();
        let heard = Arc::clone(&said);
        let reader = thread::Builder::new().name("mails".to_owned()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                heard.lock().expect("nobody panics with it").push(value);
            }
        })?;
        let mut server = Self { child, said, reader: Some(reader), port: 0 };
        let began = server.wait("the mail server", |one| one["port"].is_u64())?;
        server.port = began["port"].as_u64().context("no port")?;
        Ok(server)
    }

    /// The URL by which `auth` knows it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?from=Messenger%20%3Cnoreply@chat.example%3E", self.port)
    }

    /// All that it has said.
    pub fn said(&self) -> Vec<Value> {
        self.said.lock().expect("nobody panics with it").clone()
    }

    /// The mails to this address.
    pub fn mails_to(&self, email: &str) -> Vec<Value> {
        self.said().into_iter().filter(|one| one["to"] == serde_json::json!([email])).collect()
    }

    /// Waits for something that it says.
    pub fn wait(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        until(what, PATIENCE, || Ok(self.said().into_iter().find(|one| fits(one))))
    }

    /// The code of the newest mail to this address with a link of this kind, once there are `count` of them.
    pub fn code(&self, email: &str, kind: &str, count: usize) -> Result<String> {
        let before = format!("/#{kind}=");
        let codes = || -> Vec<String> {
            let texts = self.mails_to(email).into_iter();
            let texts = texts.filter_map(|mail| mail["text"].as_str().map(str::to_owned));
            let lines: Vec<_> = texts
                .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
                .collect();
            lines.iter().filter_map(|line| Some(line.split_once(&before)?.1.to_owned())).collect()
        };
        until(&format!("mail {count} to {email} with {before}"), PATIENCE, || {
            let codes = codes();
            ensure!(codes.len() <= count, "{} mails to {email} with {before}", codes.len());
            Ok(codes.get(count - 1).cloned())
        })
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// The Python that has aiosmtpd; it is installed once.
fn python() -> Result<PathBuf> {
    static PYTHON: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let made = PYTHON.get_or_init(|| install().map_err(|error| format!("{error:#}")));
    made.clone().map_err(anyhow::Error::msg)
}

fn install() -> Result<PathBuf> {
    let wanted = fs::read_to_string(root().join("tests/third-party/smtp.txt"))?;
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("no target directory")?;
    let (place, python) = (target.join("tools/smtp"), target.join("tools/smtp/bin/python"));
    fs::create_dir_all(target.join("tools"))?;
    // Tests of several programs may begin at once.
    let lock = fs::File::create(target.join("tools/smtp.lock"))?;
    lock.lock()?;
    let mark = place.join("requirements.txt");
    if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&place);
    let run = |program: &str, words: &[&str]| -> Result<()> {
        let output = Command::new(program).args(words).output().context("no Python")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{program} {words:?}: {said}");
        Ok(())
    };
    run("python3", &["-m", "venv", &place.display().to_string()])?;
    let words: Vec<&str> = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        .into_iter()
        .chain(wanted.split_whitespace())
        .collect();
    run(&python.display().to_string(), &words)?;
    fs::write(mark, wanted)?;
    Ok(python)
}
