//! Threads that nobody joins.

use std::ffi::{CString, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of a thread's name that Linux keeps.
const NAME_BYTES_MAX: usize = 15;

/// The argument of a new thread.
struct Start {
    name: CString,
    work: Box<dyn FnOnce() + Send>,
}

/// Starts a thread that nobody waits for. Linux shows the first 15 bytes of `name`; `stack_bytes` is reserved, and paid
/// for only as it is touched. A panic ends `work` and the thread, and nothing else.
///
/// # Errors
/// The system has no thread to give, or `stack_bytes` is less than it accepts (16 KiB); `work` has then been dropped
/// without being called.
pub fn spawn_detached(
    name: &str,
    stack_bytes: usize,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let name: Vec<u8> = name.bytes().filter(|byte| *byte != 0).take(NAME_BYTES_MAX).collect();
    let name = CString::new(name)?;
    let attributes = Attributes::new(stack_bytes)?;
    let start = Box::into_raw(Box::new(Start { name, work: Box::new(work) }));
    let mut id = MaybeUninit::uninit();
    // SAFETY: `attributes` is initialised and outlives the call; `id` may be written. `start` is what `run` expects: a
    // box that nobody else has, of `Send` contents without borrows.
    let code = unsafe {
        libc::pthread_create(id.as_mut_ptr(), &raw const attributes.0, run, start.cast::<c_void>())
    };
    if code == 0 {
        return Ok(());
    }
    // SAFETY: no thread was made, so the box is still this function's alone.
    drop(unsafe { Box::from_raw(start) });
    Err(io::Error::from_raw_os_error(code))
}

extern "C" fn run(start: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn_detached` made it of a box and gave it away to this call.
    let Start { name, work } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    // SAFETY: a live thread's handle and a text that ends in NUL; at worst there is no name.
    unsafe { libc::pthread_setname_np(libc::pthread_self(), name.as_ptr()) };
    drop(name);
    // It must not unwind into C. The panic hook has reported it already.
    let _ = catch_unwind(AssertUnwindSafe(work));
    std::ptr::null_mut()
}

struct Attributes(libc::pthread_attr_t);

impl Attributes {
    /// Attributes of a detached thread with a stack of this size.
    fn new(stack_bytes: usize) -> io::Result<Self> {
        let mut fresh = MaybeUninit::uninit();
        // SAFETY: it may be written; what it writes is a whole `pthread_attr_t`.
        done(unsafe { libc::pthread_attr_init(fresh.as_mut_ptr()) })?;
        // SAFETY: initialised by the call above, which succeeded.
        let mut attributes = Self(unsafe { fresh.assume_init() });
        // SAFETY: initialised attributes, as for the next call.
        done(unsafe { libc::pthread_attr_setstacksize(&raw mut attributes.0, stack_bytes) })?;
        let detached = libc::PTHREAD_CREATE_DETACHED;
        // SAFETY: as above.
        done(unsafe { libc::pthread_attr_setdetachstate(&raw mut attributes.0, detached) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used after this.
        unsafe { libc::pthread_attr_destroy(&raw mut self.0) };
    }
}

fn done(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use super::*;

    const STACK_BYTES: usize = 64 * 1024;

    #[test]
    fn it_runs_under_its_name_as_far_as_linux_keeps_it() {
        let (told, hears) = sync_channel(1);
        spawn_detached("a-name-of-24-characters\0", STACK_BYTES, move || {
            told.send(std::fs::read_to_string("/proc/thread-self/comm").unwrap()).unwrap();
        })
        .unwrap();
        assert_eq!(hears.recv().unwrap(), "a-name-of-24-ch\n");
    }

    #[test]
    fn a_panic_ends_the_thread_and_drops_what_it_held() {
        let held = Arc::new(());
        let theirs = Arc::clone(&held);
        let (told, hears) = sync_channel::<()>(1);
        spawn_detached("panics", STACK_BYTES, move || {
            let _held = (theirs, told);
            panic!("on purpose");
        })
        .unwrap();
        assert!(hears.recv().is_err(), "its end was dropped, not used");
        // The panic's own clean-up may go on for a moment after the channel is gone.
        while Arc::strong_count(&held) > 1 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_cannot_be_had_leaves_nothing_behind() {
        let held = Arc::new(());
        let theirs = Arc::clone(&held);
        let refused = spawn_detached("too small", 1, move || drop(theirs));
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn it_takes_two_memory_maps() {
        const THREADS: usize = 100;
        let maps = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let (ready, all_ready) = sync_channel(THREADS);
        let (_end, ended) = sync_channel::<()>(0);
        let ended = Arc::new(std::sync::Mutex::new(ended));
        let before = maps();
        for _ in 0..THREADS {
            let (ready, ended) = (ready.clone(), Arc::clone(&ended));
            spawn_detached("mapped", STACK_BYTES, move || {
                ready.send(()).unwrap();
                let _ = ended.lock().unwrap().recv();
            })
            .unwrap();
        }
        (0..THREADS).for_each(|_| all_ready.recv().unwrap());
        // Some room for the heaps that threads share and for what other tests do.
        let each = (maps() - before) as f64 / THREADS as f64;
        assert!(each < 2.8, "{each} maps a thread");
    }
}
