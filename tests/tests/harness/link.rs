//! A link between two programs that a test can cut, slow down, or let through in one direction only.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
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
    address: SocketAddr,
}

struct Shared {
    traffic: Mutex<Traffic>,
    changed: Condvar,
    target: Mutex<SocketAddrV4>,
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

impl Link {
    /// One that listens on this address of the test and leads there.
    pub fn new(own: Ipv4Addr, target: SocketAddrV4) -> Result<Self> {
        let listener = TcpListener::bind((own, 0))?;
        let address = listener.local_addr()?;
        let (traffic, changed) = (Mutex::new(Traffic::Open), Condvar::new());
        let shared = Arc::new(Shared { traffic, changed, target: Mutex::new(target) });
        let kept = Arc::clone(&shared);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&kept);
                let _ = spawn(move || drop(relay(client, &shared)));
            }
        })?;
        Ok(Self { shared, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections lead to another server.
    pub fn lead_to(&self, target: SocketAddrV4) {
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

    /// A client is not told that the server cannot be reached.
    fn connect(&self) -> Result<TcpStream> {
        loop {
            let target = *lock(&self.target);
            match TcpStream::connect(target) {
                Err(error) if error.kind() == ErrorKind::HostUnreachable => {}
                connected => return Ok(connected?),
            }
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
    let server = shared.connect()?;
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
