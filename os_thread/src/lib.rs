//! Threads with names, their memory, and locks that survive a panic.
//!
//! [`spawn`] starts a thread that can be joined. [`spawn_detached`] starts the thread of a connection: there are
//! thousands, and most sleep. They are POSIX threads without two things that [`std::thread`] adds to each: a signal stack (two
//! of the process's memory maps, four system calls) and a handle to join. [`trim_stack`] returns the pages of stack that a
//! thread no longer uses, [`trim_heap`] memory that was freed, and after [`give_back_large_blocks`] the allocator
//! returns large blocks by itself.
//!
//! This is the only unsafe code of the workspace (docs/decisions/0008-threads-without-signal-stacks.md). For Linux,
//! with glibc, or with musl in static programs.
#![expect(
    unsafe_code,
    reason = "pthread_create, madvise, malloc_trim and mallopt are foreign functions"
)]

mod detached;
mod heap;
mod lock;
mod spawn;
mod stack;

pub use detached::spawn_detached;
pub use heap::{give_back_large_blocks, trim_heap};
pub use lock::lock;
pub use spawn::{SERVICE_STACK_BYTES, spawn};
pub use stack::trim_stack;
