//! What the process keeps of freed memory. A process of its own: others' memory would be counted too.

// clippy.toml allows it in tests, but does not see that helpers here are part of them.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier};

/// Resident KiB of the process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn no_thread_keeps_large_blocks() {
    const THREADS: usize = 8;
    os_thread::give_back_large_blocks();
    let before = resident();
    let (done, all_done) = sync_channel(THREADS);
    let all = Arc::new(Barrier::new(THREADS + 1));
    for _ in 0..THREADS {
        let (done, all) = (done.clone(), Arc::clone(&all));
        os_thread::spawn_detached("large", 64 * 1024, move || {
            // The first teaches glibc, left to itself, that such blocks are to be kept.
            for _ in 0..3 {
                drop(std::hint::black_box(vec![1_u8; 8 << 20]));
            }
            done.send(()).unwrap();
            all.wait();
        })
        .unwrap();
    }
    (0..THREADS).for_each(|_| all_done.recv().unwrap());
    let kept = resident().saturating_sub(before);
    all.wait();
    assert!(kept < 16 * 1024, "{kept} KiB of 64 MiB");
}
