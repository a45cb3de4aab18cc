//! Checks the resources of the machine: disk, descriptors, threads.

use std::path::Path;

use sql::{DatabaseUrl, Diagnostic, Severity};

use super::Settings;
use crate::limit::{
    CONNECTIONS_WARNING, FREE_BYTES_PROBLEM, FREE_BYTES_WARNING, WAL_BYTES_WARNING,
};

pub(super) const MIB: u64 = 1024 * 1024;

pub(super) fn look(url: &DatabaseUrl, settings: &Settings<'_>) -> Vec<Diagnostic> {
    let mut advice: Vec<_> = url.path().map(disk).into_iter().flatten().collect();
    for (server, connections) in &settings.connections {
        let text = format!("{server} can have {connections} connections at one time");
        if *connections < CONNECTIONS_WARNING {
            let text = format!(
                "{text}: raise the limits of open files (ulimit -n, LimitNOFILE) and threads (TasksMax)"
            );
            advice.push(Diagnostic::new(Severity::Warning, "limits", text));
        } else {
            advice.push(Diagnostic::new(Severity::Fine, "limits", text));
        }
    }
    advice
}

fn disk(path: &Path) -> Vec<Diagnostic> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut advice = Vec::new();
    if let Ok(system) = rustix::fs::statvfs(directory) {
        let free = system.f_bavail * system.f_frsize;
        let text = format!("{} MiB are free for {}", free / MIB, path.display());
        let level = match free {
            0..FREE_BYTES_PROBLEM => Severity::Problem,
            FREE_BYTES_PROBLEM..FREE_BYTES_WARNING => Severity::Warning,
            _ => Severity::Fine,
        };
        let more = if level == Severity::Fine {
            ""
        } else {
            ": nothing can be stored once the disk is full"
        };
        advice.push(Diagnostic::new(level, "disk", text + more));
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let bytes = size(Path::new(&log));
    if bytes > WAL_BYTES_WARNING {
        let text = format!(
            "SQLite's write-ahead log has {} MiB: somebody has been reading an old state for long (fuser names who has it open)",
            bytes / MIB
        );
        advice.push(Diagnostic::new(Severity::Warning, "journal", text));
    }
    advice
}
