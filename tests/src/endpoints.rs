//! The URLs of the servers.

use std::process;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::http::Call;

/// The URLs of a chat server, or of several that are one, and of their auth server.
///
/// Clones share the URLs: when the servers restart on other ports, all clones see the new ones.
#[derive(Clone)]
pub struct Endpoints {
    urls: Arc<RwLock<Urls>>,
}

#[derive(Clone)]
struct Urls {
    chat: Vec<String>,
    /// How often one of them was asked for.
    asked: Arc<AtomicUsize>,
    auth: Option<String>,
}

impl Urls {
    fn new(chat: &[String], auth: Option<&str>) -> Self {
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        let chat = chat.iter().map(|url| bare(url)).collect();
        Self { chat, asked: Arc::default(), auth: auth.map(bare) }
    }
}

impl Endpoints {
    /// A chat server, and the auth server of its accounts; without one its clients are guests.
    pub fn new(chat: &str, auth: Option<&str>) -> Self {
        Self { urls: Arc::new(RwLock::new(Urls::new(&[chat.to_owned()], auth))) }
    }

    /// The servers listen on other addresses from now on.
    pub fn moved(&self, chat: &str, auth: Option<&str>) {
        self.moved_to_all(&[chat.to_owned()], auth);
    }

    /// The same for several chat servers that are one: each new connection goes to the next.
    pub fn moved_to_all(&self, chat: &[String], auth: Option<&str>) {
        *lock(self.urls.write()) = Urls::new(chat, auth);
    }

    /// The URL of the chat server, `ws://…`; if there are several, of the next one.
    pub fn chat(&self) -> String {
        let urls = lock(self.urls.read());
        let asked = urls.asked.fetch_add(1, Ordering::Relaxed);
        urls.chat[asked % urls.chat.len()].clone()
    }

    /// The chat server's URL for a browser's plain requests, `http://…`.
    pub fn chat_page(&self) -> String {
        self.chat().replacen("ws", "http", 1)
    }

    /// The auth server's URL, `http://…`.
    ///
    /// # Errors
    /// Without an auth server.
    pub fn auth(&self) -> Result<String> {
        lock(self.urls.read()).auth.clone().context("this endpoints has no auth server")
    }

    /// Whether clients have accounts; else they are guests.
    pub fn has_accounts(&self) -> bool {
        lock(self.urls.read()).auth.is_some()
    }

    /// The chat server's `host:port`.
    pub fn chat_address(&self) -> String {
        address(&self.chat())
    }

    /// The auth server's `host:port`.
    ///
    /// # Errors
    /// Without an auth server.
    pub fn auth_address(&self) -> Result<String> {
        Ok(address(&self.auth()?))
    }

    /// A request to the auth server.
    ///
    /// # Errors
    /// Without an auth server.
    pub fn ask(&self, method: &str, path: &str) -> Result<Call> {
        Ok(Call::new(method, &format!("{}{path}", self.auth()?)))
    }

    /// A plain HTTP request to the chat server.
    pub fn ask_chat(&self, method: &str, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.chat_page()))
    }
}

/// A word that no other run, thread or call gets.
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
