//! Wakes the threads of connections that are being closed when their sockets have input.
//!
//! A thread that has ended its own input to be woken cannot sleep in `recv` any more, but an edge-triggered epoll still
//! reports new input. It is an epoll of its own inside the drainer's, so that a slow socket may be in both.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use rustix::event::{Timespec, epoll};

use super::{Drainer, EVENTS_MAX};

/// Watched inputs.
pub(super) struct Inputs {
    epoll: OwnedFd,
    waiting: Mutex<HashMap<u64, Thread>>,
}

impl Inputs {
    /// Inputs whose events show in the epoll `outer` under `key`.
    pub(super) fn new(outer: &OwnedFd, key: u64) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(outer, &epoll, epoll::EventData::new_u64(key), epoll::EventFlags::IN)?;
        Ok(Self { epoll, waiting: Mutex::default() })
    }

    /// Unparks the calling thread when there is input.
    pub(super) fn add(&self, key: u64, stream: &TcpStream) -> io::Result<()> {
        self.lock().insert(key, thread::current());
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        let added = epoll::add(&self.epoll, stream, epoll::EventData::new_u64(key), flags);
        if added.is_err() {
            self.lock().remove(&key);
        }
        Ok(added?)
    }

    /// Unparks the threads whose sockets have input.
    pub(super) fn wake(&self) {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let spare = rustix::buffer::spare_capacity(&mut events);
        // Further events are reported by the next call, and so is an error.
        let _ = epoll::wait(&self.epoll, spare, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let waiting = self.lock();
        for thread in events.iter().filter_map(|event| waiting.get(&event.data.u64())) {
            thread.unpark();
        }
    }

    fn remove(&self, key: u64, stream: &TcpStream) {
        self.lock().remove(&key);
        let _ = epoll::delete(&self.epoll, stream);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Thread>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watched input; dropping it ends the watch.
pub(crate) struct InputWatch {
    drainer: Drainer,
    key: u64,
    stream: Arc<TcpStream>,
}

impl InputWatch {
    pub(super) fn new(drainer: Drainer, key: u64, stream: Arc<TcpStream>) -> Self {
        Self { drainer, key, stream }
    }
}

impl Drop for InputWatch {
    fn drop(&mut self) {
        self.drainer.0.inputs.remove(self.key, &self.stream);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::*;
    use crate::test_support;

    #[test]
    fn a_thread_whose_own_input_is_ended_is_woken_by_every_byte_that_comes() {
        let drainer = Drainer::start().unwrap();
        let (outbox, mut theirs) = test_support::outbox();
        let stream = Arc::clone(outbox.stream());
        stream.shutdown(Shutdown::Read).unwrap();
        let (tell, told) = sync_channel(0);
        let deadline = Duration::from_secs(20);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _watch = drainer.watch_input(&stream).unwrap();
                // The thread is woken at once for the end of its own input, and then for new bytes.
                for _ in 0..4 {
                    thread::park_timeout(deadline);
                    tell.send(()).unwrap();
                }
            });
            for _ in 0..4 {
                told.recv_timeout(deadline / 2).unwrap();
                theirs.write_all(b"x").unwrap();
            }
        });
    }
}
