//! Giving back what has been freed.

/// Gives memory that was freed, by whatever thread, back to the system. glibc keeps most of it by itself, for threads like
/// those that freed it; after work that took much and will not soon come again that is too much to keep.
///
/// It looks at all free memory with allocation stopped: for rare moments.
pub fn trim_heap() {
    // SAFETY: it has no conditions; whether there was something to give back does not matter.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    /// Resident KiB of the process.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_is_freed_under_what_is_kept_is_given_back() {
        const BLOCKS: usize = 2000;
        // Too small to have maps of their own, and the last one keeps the heap from shrinking.
        let mut blocks: Vec<Vec<u8>> = (0..BLOCKS).map(|_| vec![1; 64 * 1024]).collect();
        let last = black_box(blocks.pop());
        let full = resident();
        drop(black_box(blocks));
        super::trim_heap();
        assert!(full - resident() > BLOCKS * 32, "{full} KiB, and then {}", resident());
        drop(last);
    }
}
