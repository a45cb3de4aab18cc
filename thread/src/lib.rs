//! Threads that cost little while they sleep, for connections: there are thousands, and most do nothing.
//!
//! They are POSIX threads without what [`std::thread`] adds to each: a signal stack (two of the process's memory maps,
//! four system calls) and a handle to join. [`trim_stack`] gives back the pages of stack that a thread no longer uses,
//! [`trim_heap`] memory that nobody does, and after [`give_back_large_blocks`] large blocks go by themselves.
//!
//! This is the house's only unsafe code (docs/decisions/0008-threads-without-signal-stacks.md). For glibc on Linux.
#![expect(
    unsafe_code,
    reason = "pthread_create, madvise, malloc_trim and mallopt are foreign functions"
)]

mod heap;
mod spawn;
mod stack;

pub use heap::{give_back_large_blocks, trim_heap};
pub use spawn::spawn;
pub use stack::trim_stack;
