//! One thread that waits, with epoll, for the sockets that did not take all.
//!
//! Few are here at a time: a socket comes when its buffers are full and goes when all that waited has been sent, or, if it
//! is being closed, when its grace is over.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::limit::{CLOSE_GRACE, DRAINER_SWEEP, STALL_MAX};
use crate::metrics;
use crate::outbox::Outbox;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 64;

/// A handle on the thread; clones are the same.
#[derive(Clone)]
pub(crate) struct Drainer(Arc<Inner>);

struct Inner {
    epoll: OwnedFd,
    watched: Mutex<HashMap<u64, Watched>>,
    next: AtomicU64,
}

struct Watched {
    outbox: Arc<Outbox>,
    /// By when the reader must have taken something; if the connection is being closed, everything.
    until: Instant,
    /// Whether it was being closed when `until` was set.
    is_last: bool,
}

impl Drainer {
    pub(crate) fn start() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let drainer =
            Self(Arc::new(Inner { epoll, watched: Mutex::default(), next: AtomicU64::new(0) }));
        let inner = Arc::clone(&drainer.0);
        os_thread::spawn("chat-drainer", os_thread::SERVICE_STACK_BYTES, move || inner.run())?;
        Ok(drainer)
    }

    /// Sends what waits in `outbox` as its socket takes it. `is_last`: it is being closed, and has [`CLOSE_GRACE`]; else its
    /// reader is closed as too slow if it takes nothing for [`STALL_MAX`].
    pub(crate) fn watch(&self, outbox: &Arc<Outbox>, is_last: bool) {
        let key = self.0.next.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + if is_last { CLOSE_GRACE } else { STALL_MAX };
        self.0.lock().insert(key, Watched { outbox: Arc::clone(outbox), until, is_last });
        metrics::STALLED_READERS.inc();
        let flags = epoll::EventFlags::OUT | epoll::EventFlags::ONESHOT;
        let data = epoll::EventData::new_u64(key);
        if let Err(error) = epoll::add(&self.0.epoll, outbox.stream(), data, flags) {
            tracing::warn!(%error, "cannot wait for a slow reader");
            self.0.release(key);
            outbox.abort();
        }
    }

    /// Waits until nothing is left to send, but no longer than `time`.
    pub(crate) fn wait_until_drained(&self, time: Duration) {
        let deadline = Instant::now() + time;
        while !self.0.lock().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
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
                self.resume(event.data.u64());
            }
            if swept.elapsed() >= DRAINER_SWEEP {
                swept = Instant::now();
                self.sweep(swept);
            }
        }
    }

    fn resume(&self, key: u64) {
        // The registration ends first: if the socket is full again, `resume` makes a new one.
        if let Some(outbox) = self.release(key) {
            outbox.resume();
        }
    }

    fn sweep(&self, now: Instant) {
        let (mut over, mut slow) = (Vec::new(), Vec::new());
        for (key, watched) in self.lock().iter_mut() {
            if watched.until <= now && watched.is_last {
                over.push(*key);
            } else if watched.until <= now || (!watched.is_last && watched.outbox.is_ending()) {
                (watched.is_last, watched.until) = (true, now + CLOSE_GRACE);
                slow.push(Arc::clone(&watched.outbox));
            }
        }
        slow.iter().for_each(Outbox::too_slow);
        for outbox in over.into_iter().filter_map(|key| self.release(key)) {
            outbox.abort();
        }
    }

    fn release(&self, key: u64) -> Option<Arc<Outbox>> {
        let watched = self.lock().remove(&key)?;
        metrics::STALLED_READERS.dec();
        let _ = epoll::delete(&self.epoll, watched.outbox.stream());
        Some(watched.outbox)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
