//! Deletes files that nobody needs, again and again; see `sql/src/collect.rs`.

use std::io;
use std::time::{Duration, Instant};

use files::{Cause, FileStore};
use sql::Store;
use telemetry::LogLimiter;

use crate::limit::{COLLECT_INTERVAL, COLLECT_PATIENCE, COLLECT_WARN_INTERVAL};

/// Until `stops_within`, which waits that long, tells to stop. Without a file store, what lies in one is left to other nodes.
pub(crate) fn run(
    store: &Store,
    files: Option<&FileStore>,
    stops_within: impl Fn(Duration) -> bool,
) {
    let warned = LogLimiter::new(COLLECT_WARN_INTERVAL);
    while !stops_within(COLLECT_INTERVAL) {
        // Neither keeps the other from being done.
        if let Err(error) = store.collect_files(store.now())
            && warned.is_due("files", Instant::now())
        {
            tracing::warn!(%error, "files that nobody needs are not deleted; it is tried again");
        }
        if let Some(files) = files
            && let Err(error) = collect_objects(store, files)
            && warned.is_due("objects", Instant::now())
        {
            let cause = Cause::of(&error).text();
            tracing::warn!(cause, %error, "objects of the file store that nobody needs are not deleted; it is tried again");
        }
    }
}

/// Deletes what is no piece of a file. A failure that has taken long means that the store is away, and that each further object
/// would take as long: they are left for the next time. An object that is refused at once keeps no other from being deleted.
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
