//! Deletes files that nobody needs, again and again; see `sql/src/collect.rs`.

use std::io;
use std::time::{Duration, Instant};

use files::FileStore;
use sql::Store;
use telemetry::LogLimiter;

use crate::limit::{COLLECT_INTERVAL, COLLECT_WARN_INTERVAL};

/// Until `stops_within`, which waits that long, tells to stop. Without a file store, what lies in one is left to other nodes.
pub(crate) fn run(
    store: &Store,
    files: Option<&FileStore>,
    stops_within: impl Fn(Duration) -> bool,
) {
    let warned = LogLimiter::new(COLLECT_WARN_INTERVAL);
    while !stops_within(COLLECT_INTERVAL) {
        if let Err(error) = collect(store, files)
            && warned.is_due("collect", Instant::now())
        {
            tracing::warn!(%error, "files that nobody needs are not deleted; it is tried again");
        }
    }
}

/// Deletes what there is to delete.
pub(crate) fn collect(store: &Store, files: Option<&FileStore>) -> io::Result<()> {
    store.collect_files(store.now()).map_err(io::Error::other)?;
    let Some(files) = files else { return Ok(()) };
    loop {
        let mut names = store.unneeded_blobs(store.now()).map_err(io::Error::other)?;
        if names.is_empty() {
            return Ok(());
        }
        let mut failed = Ok(());
        names.retain(|name| match files.delete(name) {
            Ok(()) => true,
            Err(error) => {
                failed = Err(error);
                false
            }
        });
        store.forget_blobs(&names).map_err(io::Error::other)?;
        failed?;
    }
}
