//! Where the servers are.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::http::Call;
use crate::{PATIENCE, Person, until};

/// Two URLs, and names that nobody else has.
///
/// Clones are the same world: when the servers move, everybody in it knows.
#[derive(Clone)]
pub struct World {
    place: Arc<RwLock<Place>>,
}

#[derive(Clone)]
struct Place {
    chat: String,
    auth: Option<String>,
}

impl World {
    /// A chat server, and the auth server of its accounts; without one its people are guests.
    pub fn new(chat: &str, auth: Option<&str>) -> Self {
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        let place = Place { chat: bare(chat), auth: auth.map(bare) };
        Self { place: Arc::new(RwLock::new(place)) }
    }

    /// The servers came back at other addresses; whoever connects from now on finds them there.
    pub fn moved(&self, chat: &str, auth: Option<&str>) {
        let there = Self::new(chat, auth);
        *lock(self.place.write()) = lock(there.place.read()).clone();
    }

    /// The chat server's URL, `ws://…`.
    pub fn chat(&self) -> String {
        lock(self.place.read()).chat.clone()
    }

    /// The chat server's URL for a browser's plain requests, `http://…`.
    pub fn chat_page(&self) -> String {
        self.chat().replacen("ws", "http", 1)
    }

    /// The auth server's URL, `http://…`.
    ///
    /// # Errors
    /// In a world of guests.
    pub fn auth(&self) -> Result<String> {
        lock(self.place.read()).auth.clone().context("this world has no auth server")
    }

    /// Whether people here have accounts; else they are guests.
    pub fn has_accounts(&self) -> bool {
        lock(self.place.read()).auth.is_some()
    }

    /// The chat server's `host:port`.
    pub fn chat_address(&self) -> String {
        address(&self.chat())
    }

    /// The auth server's `host:port`.
    ///
    /// # Errors
    /// In a world of guests.
    pub fn auth_address(&self) -> Result<String> {
        Ok(address(&self.auth()?))
    }

    /// A request to the auth server.
    ///
    /// # Errors
    /// In a world of guests.
    pub fn ask(&self, method: &str, path: &str) -> Result<Call> {
        Ok(Call::new(method, &format!("{}{path}", self.auth()?)))
    }

    /// A plain HTTP request to the chat server.
    pub fn ask_chat(&self, method: &str, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.chat_page()))
    }

    /// Somebody new gets an answer from every server here: two people talk, and the accounts' server is well.
    ///
    /// # Errors
    /// When that does not come to pass within a few times [`PATIENCE`].
    pub fn serves(&self) -> Result<()> {
        until("others to be served", PATIENCE * 3, || Ok(self.serves_once().ok()))
            .or_else(|_| self.serves_once())
    }

    fn serves_once(&self) -> Result<()> {
        let mut alice = Person::arrive(self, "Alice")?;
        let mut bob = Person::arrive(self, "Bob")?;
        let greeting = format!("served? {}", unique());
        alice.say(&bob, &greeting)?;
        bob.hear_message(&greeting)?;
        alice.is_answered()?;
        if self.has_accounts() {
            self.ask("GET", "/healthz")?.send()?.expect(200)?;
        }
        Ok(())
    }
}

/// A word that no other run, thread or call has.
pub(crate) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros());
    format!("{now:x}-{:x}-{:x}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn address(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    if host.contains(':') { host.to_owned() } else { format!("{host}:80") }
}

/// A panic elsewhere is reported there; what it held is still good here.
fn lock<T>(guard: std::sync::LockResult<T>) -> T {
    guard.unwrap_or_else(std::sync::PoisonError::into_inner)
}
