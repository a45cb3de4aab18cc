//! A proxy between a server and PostgreSQL that withholds one commit, or drops all traffic.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// It stands there until the tests end.
pub struct Proxy(Arc<Shared>);

#[derive(Default)]
struct Shared {
    armed: AtomicBool,
    /// Whether nothing gets through.
    is_dead: AtomicBool,
    /// The commit that was cut off, and the connection it was meant for.
    held: Mutex<Option<(Vec<u8>, TcpStream)>>,
}

impl Proxy {
    /// One before the database of this URL, and the URL that leads there through it.
    pub fn in_front_of(url: &str) -> Result<(Self, String)> {
        let (start, rest) = url.split_once("@127.0.0.1:").context("not a local database")?;
        let (port, name) = rest.split_once('/').context("a URL without a database")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("{start}@{}/{name}", listener.local_addr()?);
        let (shared, port) = (Arc::<Shared>::default(), port.parse()?);
        let proxy = Self(Arc::clone(&shared));
        spawn(move || {
            for server in listener.incoming() {
                let _ = server.map_err(Into::into).and_then(|it| relay(it, port, &shared));
            }
        })?;
        Ok((proxy, url))
    }

    /// The next commit of a connection that has written events before breaks that connection and does not reach the database, until it is [carried out](Self::deliver_held_commit).
    pub fn cut_next_commit(&self) {
        self.0.armed.store(true, Ordering::SeqCst);
    }

    /// From now on nothing gets through, and nobody is told; or it does again.
    pub fn drop_traffic(&self, does: bool) {
        self.0.is_dead.store(does, Ordering::SeqCst);
    }

    /// The database gets the commit that was cut off.
    pub fn deliver_held_commit(&self) -> Result<()> {
        let (commit, mut database) = self.0.take().context("no commit was cut off")?;
        database.write_all(&commit)?;
        database.shutdown(Shutdown::Write)?;
        Ok(())
    }
}

impl Shared {
    fn take(&self) -> Option<(Vec<u8>, TcpStream)> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether `bytes` were the commit to be cut off.
    fn cuts(
        &self,
        writes_events: bool,
        bytes: &[u8],
        server: &TcpStream,
        database: &TcpStream,
    ) -> Result<bool> {
        let is_commit = bytes.to_ascii_lowercase().windows(7).any(|seven| seven == b"commit\0");
        if !writes_events || !is_commit || !self.armed.swap(false, Ordering::SeqCst) {
            return Ok(false);
        }
        let held = Some((bytes.to_owned(), database.try_clone()?));
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        server.shutdown(Shutdown::Both)?;
        Ok(true)
    }
}

/// Carries everything both ways on threads of its own.
fn relay(mut server: TcpStream, port: u16, shared: &Arc<Shared>) -> Result<()> {
    let mut database = TcpStream::connect(("127.0.0.1", port))?;
    server.set_nodelay(true)?;
    database.set_nodelay(true)?;
    let (mut answers, mut back) = (database.try_clone()?, server.try_clone()?);
    let theirs = Arc::clone(shared);
    spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = answers.read(&mut chunk) {
            let is_dead = theirs.is_dead.load(Ordering::SeqCst);
            if !is_dead && back.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    })?;
    let shared = Arc::clone(shared);
    spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        // Others commit as well, without being asked: probes, the clock, the node's beat.
        let mut writes_events = false;
        while let Ok(count @ 1..) = server.read(&mut chunk) {
            if shared.is_dead.load(Ordering::SeqCst) {
                continue;
            }
            let text = b"insert into event";
            writes_events |= chunk[..count].windows(text.len()).any(|window| window == text);
            match shared.cuts(writes_events, &chunk[..count], &server, &database) {
                Ok(false) if database.write_all(&chunk[..count]).is_ok() => {}
                Ok(true) => return, // Its answer, if one comes, goes nowhere.
                _ => break,
            }
        }
        let _ = database.shutdown(Shutdown::Both);
    })
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new().name("proxy".to_owned()).spawn(run)?;
    Ok(())
}
