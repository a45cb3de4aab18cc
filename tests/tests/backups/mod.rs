//! `backup`, `restore`, `verify` and `doctor`, as an operator runs them.

mod clients;
mod commands;
mod files;
mod health;
mod killed;
mod owner;
mod times;
mod while_running;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result, ensure};

use crate::harness::{Arrangement, Cluster, Deployment, Launch};

/// Servers, and their database as the commands name it.
struct Case {
    deployment: Deployment,
    url: String,
}

impl Case {
    fn on_sqlite() -> Result<Self> {
        let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
        let url = format!("sqlite:{}", deployment.database_file().display());
        Ok(Self { deployment, url })
    }

    fn on_postgresql() -> Result<Self> {
        let url = Cluster::shared()?.database()?;
        Ok(Self { deployment: Deployment::launch(&Arrangement::Postgres(url.clone()), &[])?, url })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.deployment.dir().join(name)
    }

    fn launch(&self, words: &[&str]) -> Result<Launch> {
        let launch = Launch::new("messenger", self.deployment.dir())?.args(words);
        Ok(launch.args(&["--database", &self.url]))
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        self.launch(words)?.run()
    }

    /// Runs a command that must do its work, and gives what it says.
    fn done(&self, words: &[&str]) -> Result<String> {
        let output = self.run(words)?;
        ensure!(output.status.success(), "{words:?}: {}", told(&output));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs one that must refuse, with these words.
    fn refused(&self, words: &[&str], why: &str) -> Result<()> {
        refused(&self.run(words)?, why)
    }

    fn backup(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        self.done(&["backup", &path.display().to_string()])?;
        Ok(path)
    }

    /// Runs statements in the database.
    fn sql(&self, text: &str) -> Result<()> {
        match self.url.strip_prefix("sqlite:") {
            Some(path) => Ok(rusqlite::Connection::open(path)?.execute_batch(text)?),
            None => Cluster::shared()?.sql(&self.url, text),
        }
    }

    /// Whether there is nothing in the place of the database.
    fn is_lost(&self) -> Result<bool> {
        if self.url.starts_with("sqlite:") {
            return Ok(!self.deployment.database_file().exists());
        }
        let sql = "select count(*) from pg_tables where schemaname = 'public'";
        let mut client = ::postgres::Client::connect(&self.url, ::postgres::NoTls)?;
        Ok(client.query_one(sql, &[])?.get::<_, i64>(0) == 0)
    }

    /// Stops the servers, and loses the database.
    fn lose(&mut self) -> Result<()> {
        self.deployment.stop()?;
        if self.url.starts_with("sqlite:") {
            for end in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(self.path(&format!("messenger.db{end}")));
            }
            return Ok(());
        }
        let sql = "drop schema public cascade; create schema public";
        Cluster::shared()?.sql(&self.url, sql)
    }
}

fn refused(output: &Output, why: &str) -> Result<()> {
    let told = told(output);
    ensure!(output.status.code() == Some(1) && told.contains(why), "{}: {told}", output.status);
    Ok(())
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The numbers of the messages in a backup.
fn messages(backup: &std::path::Path) -> Result<Vec<i64>> {
    let manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(backup.join("manifest.json"))?)?;
    let tables = manifest["tables"].as_array().context("no tables")?;
    let table = tables.iter().find(|it| it["name"] == "message").context("no messages")?;
    let columns = table["columns"].as_array().context("no columns")?;
    let id = columns.iter().position(|it| it[0] == "id").context("no id")?;
    let text = fs::read_to_string(backup.join("message.jsonl"))?;
    let row = |line: &str| -> Result<i64> {
        serde_json::from_str::<serde_json::Value>(line)?[id].as_i64().context("no number")
    };
    text.lines().map(row).collect()
}
