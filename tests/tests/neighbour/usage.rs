//! What a server uses of the machine.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The most that any of these processes has had resident, in MiB, until `stop`.
pub fn peak_mib(pids: &[i32], stop: &AtomicBool) -> Result<u64> {
    let mut peak = 0;
    while !stop.load(Ordering::Relaxed) {
        for pid in pids {
            peak = peak.max(resident_mib(*pid)?);
        }
        thread::park_timeout(LOOK_EVERY);
    }
    Ok(peak)
}

fn resident_mib(pid: i32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).context("no VmRSS")?;
    Ok(kib.parse::<u64>()? / 1024)
}
