//! The only place where threads begin: each has a name and a stack of stated size.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread. Linux shows the first 15 bytes of `name`; `stack_bytes` is reserved, and paid for
/// only as it is touched.
///
/// # Errors
/// The system has no thread to give; `f` has then been dropped without being called.
pub fn spawn(
    name: &str,
    stack_bytes: usize,
    f: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(f)
}

/// Starts a connection's thread. There are thousands and nobody waits for them, so they are had cheaper: see the crate
/// `thread`.
///
/// # Errors
/// As for [`spawn`].
pub fn spawn_detached(
    name: &str,
    stack_bytes: usize,
    f: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    ::thread::spawn(name, stack_bytes, f)
}

/// Gives back what the calling thread's stack has grown to and does not use now.
pub fn trim_stack() {
    ::thread::trim_stack();
}

/// Gives back what has been freed, by whatever thread, and is kept for later.
pub fn trim_heap() {
    ::thread::trim_heap();
}

/// Has large blocks given back as soon as they are freed: to be called once, at the start.
pub fn give_back_large_blocks() {
    ::thread::give_back_large_blocks();
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_carries_its_name() {
        let thread = super::spawn("door-test", 64 * 1024, || {
            assert_eq!(std::thread::current().name(), Some("door-test"));
        });
        thread.unwrap().join().unwrap();
    }
}
