//! Deletes expired files at intervals; see `sql/src/collect.rs`.

use std::io;
use std::time::{Duration, Instant};

use files::{Cause, FileStore};
use sql::Store;
use telemetry::LogLimiter;

use crate::limit::{COLLECT_INTERVAL, COLLECT_PATIENCE, COLLECT_WARN_INTERVAL};

/// Runs until `stops_within`, which waits for the given time, returns true. Without a file store, objects are left to
/// other nodes.
pub(crate) fn run(
    store: &Store,
    files: Option<&FileStore>,
    stops_within: impl Fn(Duration) -> bool,
) {
    let warned = LogLimiter::new(COLLECT_WARN_INTERVAL);
    while !stops_within(COLLECT_INTERVAL) {
        // A failure of one of the two does not prevent the other.
        if let Err(error) = store.collect_files(store.now())
            && warned.is_due("files", Instant::now())
        {
            tracing::warn!(%error, "expired files cannot be deleted; it is tried again");
        }
        if let Some(files) = files
            && let Err(error) = collect_objects(store, files)
            && warned.is_due("objects", Instant::now())
        {
            let cause = Cause::of(&error).text();
            tracing::warn!(cause, %error, "unneeded objects of the file store cannot be deleted; it is tried again");
        }
    }
}

/// Deletes objects that are no piece of a file. After a failure that took long, the file store counts as away, and the other objects
/// are left for the next time. After a failure that came at once, the other objects are still deleted.
pub(crate) fn collect_objects(store: &Store, files: &FileStore) -> io::Result<()> {
    loop {
        let names = store.unneeded_blobs(store.now()).map_err(io::Error::other)?;
        if names.is_empty() {
            return Ok(());
        }
        let (mut deleted, mut failed) = (Vec::new(), Ok(()));
        for name in names {
            let began = Instant::now();
            match files.delete(&name) {
                Ok(()) => deleted.push(name),
                Err(error) => {
                    failed = Err(error);
                    if began.elapsed() >= COLLECT_PATIENCE {
                        break;
                    }
                }
            }
        }
        store.forget_blobs(&deleted).map_err(io::Error::other)?;
        failed?;
    }
}
