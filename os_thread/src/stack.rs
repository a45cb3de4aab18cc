//! Returning unused stack of a thread to the system.

use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Bytes below the frame of [`trim_stack`] that are kept: more than the red zone and the frame of `madvise` need.
const KEPT_BYTES: usize = 512;

/// Returns the unused pages of the calling thread's stack to the system: those well below the caller's frame. The system
/// provides zeroed pages again when they are touched. Call it in a thread that has worked and is about to sleep.
///
/// Does nothing in the main thread.
pub fn trim_stack() {
    if let Some(lowest) = lowest() {
        give_back(lowest, page_bytes());
    }
}

#[inline(never)] // Its frame is small, and no frame of a callee but `madvise` lies below it.
fn give_back(lowest: usize, page: usize) {
    let marker = MaybeUninit::<u8>::uninit();
    let here = (&raw const marker).addr();
    let end = here.saturating_sub(KEPT_BYTES) / page * page;
    if lowest.is_multiple_of(page) && lowest < end {
        let begin = std::ptr::without_provenance_mut::<c_void>(lowest);
        // SAFETY: the range is whole pages of this thread's own stack, from its lowest byte up to KEPT_BYTES below a byte of
        // this function's frame. Stacks grow down here, so whatever lives (this frame, its callers', the red zone, the
        // frame of `madvise` itself) lies above it; nothing refers to bytes of frames that have returned. An error changes
        // nothing.
        unsafe { libc::madvise(begin, end - lowest, libc::MADV_DONTNEED) };
    }
}

/// The lowest address of this thread's stack, above its guard.
fn lowest() -> Option<usize> {
    // SAFETY: they have no conditions. The main thread's number is the process's; its stack is the system's to manage.
    if unsafe { libc::gettid() == libc::getpid() } {
        return None;
    }
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: a live thread's handle, and a place that may be written.
    let code = unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: initialised by the call above; both results may be written.
    let code =
        unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size) };
    // SAFETY: initialised above, and not used after this.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    (code == 0 && !lowest.is_null()).then(|| lowest.addr())
}

fn page_bytes() -> usize {
    // SAFETY: it has no conditions.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(64 * 1024)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::mpsc::sync_channel;

    use super::*;

    /// Touches some 128 KiB of stack.
    #[inline(never)]
    fn dig(depth: usize) -> u8 {
        let mut frame = black_box([depth as u8; 4096]);
        frame[depth % 4096] = if depth == 0 { 0 } else { dig(depth - 1) };
        black_box(&frame)[depth % 4096]
    }

    /// Resident bytes of the map that holds this thread's stack.
    fn resident() -> usize {
        let marker = 0_u8;
        let here = (&raw const marker).addr();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            if let Some((range, _)) = line.split_once(' ').filter(|(range, _)| range.contains('-'))
            {
                let (low, high) = range.split_once('-').unwrap();
                let parse = |text| usize::from_str_radix(text, 16).unwrap();
                inside = (parse(low)..parse(high)).contains(&here);
            } else if inside && let Some(text) = line.strip_prefix("Rss:") {
                return text.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024;
            }
        }
        panic!("no map holds this stack");
    }

    #[test]
    fn what_was_touched_goes_and_what_lives_stays() {
        let (told, hears) = sync_channel(1);
        crate::spawn("trims", 512 * 1024, move || {
            let alive = black_box([7_u8; 8192]);
            dig(30);
            let touched = resident();
            trim_stack();
            let trimmed = resident();
            let deeper = dig(30);
            let is_intact = black_box(&alive).iter().all(|byte| *byte == 7) && deeper == 0;
            told.send((touched, trimmed, is_intact)).unwrap();
        })
        .unwrap();
        let (touched, trimmed, is_intact) = hears.recv().unwrap();
        assert!(is_intact);
        assert!(touched > 120 * 1024, "{touched}");
        assert!(trimmed < touched - 80 * 1024, "{touched} to {trimmed}");
    }

    #[test]
    fn the_main_threads_stack_is_left_alone() {
        // Tests do not run on it; that it is told apart is what can be seen from here.
        let (told, hears) = sync_channel(1);
        crate::spawn("any", 64 * 1024, move || told.send(lowest().is_some()).unwrap()).unwrap();
        assert!(hears.recv().unwrap());
        trim_stack();
    }
}
