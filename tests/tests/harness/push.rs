//! A push service and a browser of others (http_ece, cryptography).

use std::time::{Duration, Instant};

use acceptance::{Client, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::python::PythonServer;

/// A running push service; it ends when it is dropped.
pub struct PushService {
    server: PythonServer,
    origin: String,
    keys: Value,
}

impl PushService {
    /// Starts one that speaks HTTP, or with `words` TLS.
    pub fn start(words: &[&str]) -> Result<Self> {
        let (server, keys) = PythonServer::start("push", words)?;
        let port = keys["port"].as_u64().context("no port")?;
        let scheme = if words.is_empty() { "http" } else { "https" };
        Ok(Self { server, origin: format!("{scheme}://127.0.0.1:{port}"), keys })
    }

    /// Its origin, for `--push-allow`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The body of a request that subscribes at `path`, which begins with the status of its answers.
    pub fn subscription(&self, path: &str) -> Value {
        let endpoint = format!("{}{path}", self.origin);
        json!({"endpoint": endpoint, "p256dh": self.keys["p256dh"], "auth": self.keys["auth"]})
    }

    /// Subscribes the session of a client at `path`.
    pub fn subscribe(&self, client: &Client, path: &str) -> Result<()> {
        let body = self.subscription(path);
        client.ask("POST", "/push")?.json(&body).send()?.expect(204).map(drop)
    }

    /// What was sent to `path`.
    pub fn sent(&self, path: &str) -> Vec<Value> {
        self.server.said().into_iter().filter(|one| one["path"] == path).collect()
    }

    /// Waits for push number `count` to `path`, and returns it: it must be encrypted and signed as the standards say.
    pub fn wait(&self, path: &str, count: usize) -> Result<Value> {
        let push = until(&format!("push {count} to {path}"), PATIENCE * 2, || {
            Ok(self.sent(path).get(count - 1).cloned())
        })?;
        ensure!(push["wrong"].is_null(), "{push}");
        ensure!(push["claims"]["aud"] == self.origin, "{push}");
        Ok(push)
    }

    /// There are so many pushes to `path`, and no other comes within this time.
    pub fn stays(&self, path: &str, count: usize, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let sent = self.sent(path);
            ensure!(sent.len() == count, "{} pushes to {path}, not {count}", sent.len());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
