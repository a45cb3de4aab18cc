//! Two people who chat, look back, search, say hello and log in, as on any day.

use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Client, Endpoints};
use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};

use super::times::Times;

/// Between the beginnings of two rounds: far below the rate that an account has.
const ROUND: Duration = Duration::from_millis(150);
/// What counts as quiet: so many rounds in a row, each of which takes less than [`QUIET`].
const QUIET_ROUNDS: usize = 3;
const QUIET: Duration = Duration::from_millis(500);

/// Alice and Bob.
pub struct Victims {
    endpoints: Endpoints,
    alice: Client,
    bob: Client,
    count: u64,
}

impl Victims {
    /// They sign up, connect and get to know each other.
    pub fn new(endpoints: &Endpoints) -> Result<Self> {
        let mut alice = Client::connected(endpoints, "Alice")?;
        let mut bob = Client::connected(endpoints, "Bob")?;
        alice.send_message(&bob, "hello")?;
        bob.send_message(&alice, "hello")?;
        bob.receive_message("hello")?;
        alice.receive_message("hello")?;
        Ok(Self { endpoints: endpoints.clone(), alice, bob, count: 0 })
    }

    /// They go on until `end`. Whatever is refused is an error.
    pub fn go_on(&mut self, end: Instant) -> Result<Times> {
        let login = json!({"email": self.bob.email, "password": self.bob.password});
        let endpoints = self.endpoints.clone();
        thread::scope(|scope| {
            let logins = scope.spawn(|| log_in(&endpoints, &login, end));
            let mut times = Times::default();
            while Instant::now() < end {
                let begin = Instant::now();
                self.round(&mut times)?;
                thread::park_timeout(ROUND.saturating_sub(begin.elapsed()));
            }
            times.merge(logins.join().map_err(|_| anyhow!("logging in panicked"))??);
            Ok(times)
        })
    }

    /// Whether a few rounds are quick.
    pub fn is_quiet(&mut self) -> Result<bool> {
        let mut times = Times::default();
        let begin = Instant::now();
        for _ in 0..QUIET_ROUNDS {
            self.round(&mut times)?;
        }
        Ok(begin.elapsed() < QUIET * 3)
    }

    fn round(&mut self, times: &mut Times) -> Result<()> {
        self.count += 1;
        let content = format!("train number {}", self.count);
        let Self { alice, bob, .. } = self;
        times.of("message", || {
            alice.send_message(bob, &content)?;
            bob.receive_message(&content)
        })?;
        let list = times.of("list", || bob.query(json!({"type": "conversations", "limit": 20})))?;
        ensure!(list["conversations"].as_array().is_some_and(|list| !list.is_empty()), "no list");
        let page = json!({"type": "history", "with": bob.id, "limit": 20});
        let page = times.of("history", || alice.query(page))?;
        ensure!(newest(&page) == Some(&content), "not the newest message: {page}");
        let found =
            times.of("search", || alice.query(json!({"type": "search", "text": content})))?;
        ensure!(newest(&found) == Some(&content), "not found: {found}");
        let mut device = Client::new(&self.endpoints);
        device.id = alice.id;
        device.name.clone_from(&alice.name);
        device.token.clone_from(&alice.token);
        let since = page["messages"].as_array().map_or(0, Vec::len) as i64;
        times.of("hello", || device.connect_since(since))?;
        device.leave();
        times.of("me", || alice.ask("GET", "/me")?.send()?.expect(200))?;
        Ok(())
    }
}

fn newest(page: &Value) -> Option<&str> {
    page["messages"].as_array()?.last()?["content"].as_str()
}

/// Bob logs in again and again.
fn log_in(endpoints: &Endpoints, body: &Value, end: Instant) -> Result<Times> {
    let mut times = Times::default();
    while Instant::now() < end {
        let begin = Instant::now();
        times.of("login", || endpoints.ask("POST", "/login")?.json(body).send()?.expect(200))?;
        thread::park_timeout(ROUND.saturating_sub(begin.elapsed()));
    }
    Ok(times)
}
