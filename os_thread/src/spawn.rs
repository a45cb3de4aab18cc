//! Threads that can be joined, with a name and a stack of stated size.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Bytes of stack of a thread that exists once in the process.
pub const SERVICE_STACK_BYTES: usize = 1024 * 1024;

/// Starts a thread. Linux shows the first 15 bytes of `name`; `stack_bytes` is reserved, and uses memory
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

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_carries_its_name() {
        let thread = super::spawn("named-test", 64 * 1024, || {
            assert_eq!(std::thread::current().name(), Some("named-test"));
        });
        thread.unwrap().join().unwrap();
    }
}
