//! One thread that waits, with epoll, for sockets that did not accept all bytes to become writable, and for input of
//! connections that are being closed.
//!
//! It watches few sockets at a time. A slow one is added when its buffers are full, and removed when everything that
//! waited has been sent or, if it is being closed, when its grace period is over.

mod input;

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::limit::{CLOSE_GRACE, DRAINER_SWEEP, STALL_MAX};
use crate::metrics;

pub(crate) use input::InputWatch;
use input::Inputs;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 64;
/// The key of [`Inputs`] among the watched sockets.
const INPUTS_KEY: u64 = 0;

/// A socket that did not accept all bytes, with the frames that wait for it.
pub(crate) trait SlowSocket: Send + Sync {
    fn stream(&self) -> &TcpStream;

    /// Whether its connection is being closed.
    fn is_ending(&self) -> bool;

    /// Sends the waiting frames, because the socket is writable again.
    fn resume(self: Arc<Self>);

    /// Closes the connection, because the client reads nothing.
    fn too_slow(self: Arc<Self>);

    /// Ends the socket, and drops the frames that wait.
    fn abort(&self);
}

/// A handle on the thread; clones are the same.
#[derive(Clone)]
pub(crate) struct Drainer(Arc<Inner>);

struct Inner {
    epoll: OwnedFd,
    watched: Mutex<HashMap<u64, Watched>>,
    /// Signalled when no socket is watched any more.
    emptied: Condvar,
    next: AtomicU64,
    inputs: Inputs,
}

struct Watched {
    socket: Arc<dyn SlowSocket>,
    /// The time by which the client must have read something. If the connection is being closed, it must have read everything.
    until: Instant,
    /// Whether it was being closed when `until` was set.
    is_last: bool,
}

impl Drainer {
    pub(crate) fn start() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let inputs = Inputs::new(&epoll, INPUTS_KEY)?;
        let drainer = Self(Arc::new(Inner {
            epoll,
            watched: Mutex::default(),
            emptied: Condvar::new(),
            next: AtomicU64::new(INPUTS_KEY + 1),
            inputs,
        }));
        let inner = Arc::clone(&drainer.0);
        os_thread::spawn("chat-drainer", os_thread::SERVICE_STACK_BYTES, move || inner.run())?;
        Ok(drainer)
    }

    /// Sends the waiting frames of `socket` whenever it is writable. `is_last`: the connection is being closed, and the client
    /// has [`CLOSE_GRACE`]. Otherwise the connection is closed as too slow if the client reads nothing for
    /// [`STALL_MAX`].
    pub(crate) fn watch(&self, socket: &Arc<dyn SlowSocket>, is_last: bool) {
        let key = self.0.next.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + if is_last { CLOSE_GRACE } else { STALL_MAX };
        self.0.lock().insert(key, Watched { socket: Arc::clone(socket), until, is_last });
        metrics::STALLED_READERS.inc();
        let flags = epoll::EventFlags::OUT | epoll::EventFlags::ONESHOT;
        let data = epoll::EventData::new_u64(key);
        if let Err(error) = epoll::add(&self.0.epoll, socket.stream(), data, flags) {
            tracing::warn!(%error, "cannot wait for a slow reader");
            self.0.release(key);
            socket.abort();
        }
    }

    /// Unparks the calling thread whenever `stream` has more input or its peer closes it, as long as the watch lives.
    ///
    /// # Errors
    /// The system does not watch the socket.
    pub(crate) fn watch_input(&self, stream: &Arc<TcpStream>) -> io::Result<InputWatch> {
        let key = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.inputs.add(key, stream)?;
        Ok(InputWatch::new(self.clone(), key, Arc::clone(stream)))
    }

    /// Waits until nothing is left to send, but no longer than `time`.
    pub(crate) fn wait_until_drained(&self, time: Duration) {
        let is_busy = |watched: &mut HashMap<_, _>| !watched.is_empty();
        drop(self.0.emptied.wait_timeout_while(self.0.lock(), time, is_busy));
    }
}

impl Inner {
    fn run(&self) {
        let timeout = Timespec {
            tv_sec: DRAINER_SWEEP.as_secs().cast_signed(),
            tv_nsec: DRAINER_SWEEP.subsec_nanos().into(),
        };
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut swept = Instant::now();
        loop {
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            if let Err(error) = epoll::wait(&self.epoll, spare, Some(&timeout))
                && error != rustix::io::Errno::INTR
            {
                tracing::error!(%error, "the drainer cannot wait for sockets");
                return;
            }
            for event in &events {
                match event.data.u64() {
                    INPUTS_KEY => self.inputs.wake(),
                    key => self.resume(key),
                }
            }
            if swept.elapsed() >= DRAINER_SWEEP {
                swept = Instant::now();
                self.sweep(swept);
            }
        }
    }

    fn resume(&self, key: u64) {
        // The registration ends first: if the socket is full again, `resume` makes a new one.
        if let Some(socket) = self.release(key) {
            socket.resume();
        }
    }

    fn sweep(&self, now: Instant) {
        let (mut over, mut slow) = (Vec::new(), Vec::new());
        for (key, watched) in self.lock().iter_mut() {
            if watched.until <= now && watched.is_last {
                over.push(*key);
            } else if watched.until <= now || (!watched.is_last && watched.socket.is_ending()) {
                (watched.is_last, watched.until) = (true, now + CLOSE_GRACE);
                slow.push(Arc::clone(&watched.socket));
            }
        }
        slow.into_iter().for_each(SlowSocket::too_slow);
        for socket in over.into_iter().filter_map(|key| self.release(key)) {
            socket.abort();
        }
    }

    fn release(&self, key: u64) -> Option<Arc<dyn SlowSocket>> {
        let mut all = self.lock();
        let watched = all.remove(&key)?;
        if all.is_empty() {
            self.emptied.notify_all();
        }
        drop(all);
        metrics::STALLED_READERS.dec();
        let _ = epoll::delete(&self.epoll, watched.socket.stream());
        Some(watched.socket)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
