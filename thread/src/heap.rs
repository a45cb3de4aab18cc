//! Giving back what has been freed.

/// Gives memory that was freed, by whatever thread, back to the system. glibc keeps most of it by itself, for threads like
/// those that freed it; after work that took much and will not soon come again that is too much to keep.
///
/// It looks at all free memory with allocation stopped: for rare moments.
pub fn trim_heap() {
    // SAFETY: it has no conditions; whether there was something to give back does not matter.
    unsafe { libc::malloc_trim(0) };
}
