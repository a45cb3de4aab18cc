//! Two people who chat, look back, search, say hello and log in, as on any day.

use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Person, World};
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
    world: World,
    alice: Person,
    bob: Person,
    count: u64,
}

impl Victims {
    /// They sign up, connect and get to know each other.
    pub fn new(world: &World) -> Result<Self> {
        let mut alice = Person::arrive(world, "Alice")?;
        let mut bob = Person::arrive(world, "Bob")?;
        alice.say(&bob, "hello")?;
        bob.say(&alice, "hello")?;
        bob.hear_message("hello")?;
        alice.hear_message("hello")?;
        Ok(Self { world: world.clone(), alice, bob, count: 0 })
    }

    /// They go on until `end`. Whatever is refused is an error.
    pub fn go_on(&mut self, end: Instant) -> Result<Times> {
        let login = json!({"email": self.bob.email, "password": self.bob.password});
        let world = self.world.clone();
        thread::scope(|scope| {
            let logins = scope.spawn(|| log_in(&world, &login, end));
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
            alice.say(bob, &content)?;
            bob.hear_message(&content)
        })?;
        let list = times.of("list", || bob.look(json!({"type": "conversations", "limit": 20})))?;
        ensure!(list["conversations"].as_array().is_some_and(|list| !list.is_empty()), "no list");
        let page = json!({"type": "history", "with": bob.id, "limit": 20});
        let page = times.of("history", || alice.look(page))?;
        ensure!(newest(&page) == Some(&content), "not the newest message: {page}");
        let found =
            times.of("search", || alice.look(json!({"type": "search", "text": content})))?;
        ensure!(newest(&found) == Some(&content), "not found: {found}");
        let mut device = Person::stranger(&self.world);
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
fn log_in(world: &World, body: &Value, end: Instant) -> Result<Times> {
    let mut times = Times::default();
    while Instant::now() < end {
        let begin = Instant::now();
        times.of("login", || world.ask("POST", "/login")?.json(body).send()?.expect(200))?;
        thread::park_timeout(ROUND.saturating_sub(begin.elapsed()));
    }
    Ok(times)
}
