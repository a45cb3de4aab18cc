//! Locks, condition variables, atomics and threads of the structures that several threads share: the hub, outboxes, the
//! queue of the committer, the inbox of the dispatcher, the queue of gaps, presence.
//!
//! They are those of `std`. With the feature `shuttle`, which only tests use, they are those of the crate `shuttle`,
//! which runs one thread at a time and chooses by a seed which one goes on (`interleavings/`).

use std::io;

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::{
    sync::{
        Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64},
        mpsc::{Receiver, sync_channel},
    },
    thread::{Thread, current},
};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64},
        mpsc::{Receiver, sync_channel},
    },
    thread::{Thread, current},
};

/// Starts a thread for as long as the server runs.
///
/// # Errors
/// The system has no thread for it.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    #[cfg(feature = "shuttle")]
    let spawned = shuttle::thread::Builder::new().name(name.to_owned()).spawn(run);
    #[cfg(not(feature = "shuttle"))]
    let spawned = os_thread::spawn(name, os_thread::SERVICE_STACK_BYTES, run);
    spawned.map(drop)
}
