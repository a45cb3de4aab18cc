//! Returning freed memory to the system, which glibc's allocator keeps by default. That of musl, which static programs have, gives it
//! back by itself, and maps large blocks one by one.

/// The allocator maps blocks of at least this many bytes one by one, and unmaps them when they are freed.
#[cfg(target_env = "gnu")]
const LARGE_BLOCK_BYTES: libc::c_int = 128 * 1024;

/// Returns freed memory of all threads to the system. glibc keeps most of it for later allocations, which wastes memory after
/// rare work that has used much.
///
/// It looks through all free memory and blocks all allocations meanwhile, so call it rarely.
pub fn trim_heap() {
    // SAFETY: it has no conditions; whether there was something to give back does not matter.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// From now on the allocator returns blocks of 128 KiB and more to the system as soon as they are freed. Call it once, at the start.
///
/// This is also glibc's initial behaviour, but glibc raises the bound to the size of each freed block, up to 32 MiB. From then
/// on it keeps blocks below the new bound for later allocations.
pub fn give_back_large_blocks() {
    // SAFETY: it changes a number of the allocator's, under its own lock. Were it refused, all would be as before.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
    };
}
