//! A link between two programs that a test can cut, slow down, or let through in one direction only.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// How much is passed on at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Traffic {
    /// It lets everything through.
    Open,
    /// Nothing gets through, and nobody is told. What was on its way arrives later.
    Cut,
    /// Each piece takes so long.
    Slow(Duration),
    /// What the client sends arrives; the answers do not.
    NoAnswers,
    /// What the server sends arrives; the requests do not.
    NoRequests,
}

/// A listener that passes on everything to another address. It stands there until the tests end.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
    port: u16,
}

struct Shared {
    traffic: Mutex<Traffic>,
    changed: Condvar,
    target: Mutex<u16>,
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

impl Link {
    /// One to this port of this machine.
    pub fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (traffic, changed) = (Mutex::new(Traffic::Open), Condvar::new());
        let shared = Arc::new(Shared { traffic, changed, target: Mutex::new(target) });
        let kept = Arc::clone(&shared);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&kept);
                let _ = spawn(move || drop(relay(client, &shared)));
            }
        })?;
        Ok(Self { shared, port })
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to another port.
    pub fn lead_to(&self, target: u16) {
        *lock(&self.shared.target) = target;
    }

    /// Changes what it does, also to connections that are there.
    pub fn set(&self, traffic: Traffic) {
        *lock(&self.shared.traffic) = traffic;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// Waits until something may pass in this direction.
    fn pass(&self, direction: Direction) {
        let is_stopped = |traffic: &mut Traffic| {
            matches!(
                (*traffic, direction),
                (Traffic::Cut, _)
                    | (Traffic::NoAnswers, Direction::ToClient)
                    | (Traffic::NoRequests, Direction::ToServer)
            )
        };
        let waited = self.changed.wait_while(lock(&self.traffic), is_stopped);
        let traffic = *waited.unwrap_or_else(PoisonError::into_inner);
        if let Traffic::Slow(time) = traffic {
            thread::sleep(time);
        }
    }

    fn copy(&self, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            self.pass(direction);
            if to.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        // That a connection has ended does not get through a link that is cut, either.
        self.pass(direction);
        let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
    }
}

/// Carries everything both ways, until both ends are closed.
fn relay(client: TcpStream, shared: &Arc<Shared>) -> Result<()> {
    shared.pass(Direction::ToServer);
    let target = *lock(&shared.target);
    let server = TcpStream::connect(("127.0.0.1", target))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (answers, back, there) = (server.try_clone()?, client.try_clone()?, Arc::clone(shared));
    spawn(move || there.copy(Direction::ToClient, answers, back))?;
    shared.copy(Direction::ToServer, client, server);
    Ok(())
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new().name("link".to_owned()).spawn(run)?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
