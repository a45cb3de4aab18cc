//! The check of a file store when a server starts.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};

use os_thread::SERVICE_STACK_BYTES;

use crate::error::Cause;
use crate::limit::START_DEADLINE;
use crate::{FileStore, FilesUrl};

/// The error of a file store that needs an operator.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep files in {url}: {error}")]
pub struct StartError {
    url: FilesUrl,
    error: io::Error,
}

impl FileStore {
    /// Writes, reads and deletes an object. An error that may pass by itself is logged, and left to the probes.
    ///
    /// # Errors
    /// A cause that needs an operator ([`Cause::is_permanent`]).
    pub fn check_at_start(&self) -> Result<(), StartError> {
        let (told, outcome) = sync_channel(1);
        let store = self.clone();
        let started = os_thread::spawn("files-check", SERVICE_STACK_BYTES, move || {
            // The receiver may have given up waiting.
            let _ = told.send(store.probe());
        });
        let waiting = "messages do not wait for it, and files are refused until it works";
        let checked = started.and_then(|_| match outcome.recv_timeout(START_DEADLINE) {
            Ok(checked) => checked,
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the check panicked")),
        });
        match checked {
            Ok(()) => Ok(()),
            Err(error) if Cause::of(&error).is_permanent() => {
                Err(StartError { url: (*self.url).clone(), error })
            }
            Err(error) => {
                let (cause, url) = (Cause::of(&error).text(), &self.url);
                tracing::warn!(cause, %error, "{url} does not work: {waiting}");
                Ok(())
            }
        }
    }
}
