//! What the allocator keeps of what has been freed.

/// Blocks of at least this many bytes are the system's own, and given back when they are freed.
const LARGE_BLOCK_BYTES: libc::c_int = 128 * 1024;

/// Gives memory that was freed, by whatever thread, back to the system. glibc keeps most of it by itself, for threads like
/// those that freed it; after work that took much and will not soon come again that is too much to keep.
///
/// It looks at all free memory with allocation stopped: for rare moments.
pub fn trim_heap() {
    // SAFETY: it has no conditions; whether there was something to give back does not matter.
    unsafe { libc::malloc_trim(0) };
}

/// Has large blocks, 128 KiB and more, given back to the system as soon as they are freed, for the rest of the process.
///
/// glibc begins so, but raises that bound to the size of what is freed, up to 32 MiB, and from then on keeps such blocks for
/// the thread that freed them and those that share its memory. To be called once, at the start.
pub fn give_back_large_blocks() {
    // SAFETY: it changes a number of the allocator's, under its own lock. Were it refused, all would be as before.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES) };
}
