//! Servers of others that are written in Python. A virtual environment below the target directory has what they need.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use acceptance::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::root;

/// A running server, which says what happens in lines of JSON; it ends when it is dropped.
pub struct PythonServer {
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl PythonServer {
    /// Starts `tests/third-party/NAME_server.py` with these words, and the packages of `NAME.txt` beside it. Returns its first line
    /// too.
    pub fn start(name: &str, words: &[&str]) -> Result<(Self, Value)> {
        let mut child = Command::new(python(name)?)
            .arg(root().join(format!("tests/third-party/{name}_server.py")))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let said = Arc::<Mutex<Vec<Value>>>::default();
        let heard = Arc::clone(&said);
        let reader = thread::Builder::new().name(name.to_owned()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                heard.lock().expect("nobody panics with it").push(value);
            }
        })?;
        let server = Self { child, said, reader: Some(reader) };
        let began = server.wait(name, |one| one["port"].is_u64())?;
        Ok((server, began))
    }

    /// All that it has said.
    pub fn said(&self) -> Vec<Value> {
        self.said.lock().expect("nobody panics with it").clone()
    }

    /// Waits for something that it says.
    pub fn wait(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        until(what, PATIENCE, || Ok(self.said().into_iter().find(|one| fits(one))))
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// The Python that has the packages of a server; they are installed once.
fn python(name: &str) -> Result<PathBuf> {
    static INSTALLED: Mutex<Option<HashMap<String, std::result::Result<PathBuf, String>>>> =
        Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let all = installed.get_or_insert_default();
    let made = all
        .entry(name.to_owned())
        .or_insert_with(|| install(name).map_err(|error| format!("{error:#}")));
    made.clone().map_err(anyhow::Error::msg)
}

fn install(name: &str) -> Result<PathBuf> {
    let wanted = fs::read_to_string(root().join(format!("tests/third-party/{name}.txt")))?;
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("no target directory")?;
    let place = target.join("tools").join(name);
    let python = place.join("bin/python");
    fs::create_dir_all(target.join("tools"))?;
    // Tests of several programs may begin at once.
    let lock = fs::File::create(target.join(format!("tools/{name}.lock")))?;
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
