//! A bucket of an S3 store, one object for each.
//!
//! An object is sent whole once it is complete, so it is in memory until then: the caller's objects are small, and
//! [`OBJECTS_AT_ONCE_MAX`] bounds how many are written at the same time.

use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStoreExt, RetryConfig};

use crate::limit::{BLOCK_BYTES, BUCKET_DEADLINE, BUCKET_RETRY_WITHIN, OBJECTS_AT_ONCE_MAX};

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    store: Arc<AmazonS3>,
    prefix: Path,
    /// Objects that are being written.
    writing: Arc<AtomicUsize>,
}

impl Bucket {
    /// The bucket with this name. Endpoint, region and keys come from the usual `AWS_…` variables.
    pub(crate) fn new(name: &str, prefix: &str) -> Result<Self, String> {
        // Another library of the process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = |name: &str| std::env::var(name).unwrap_or_default();
        let is_http = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"]
            .iter()
            .any(|name| endpoint(name).starts_with("http://"));
        let retry = RetryConfig { retry_timeout: BUCKET_RETRY_WITHIN, ..RetryConfig::default() };
        let builder = AmazonS3Builder::from_env().with_bucket_name(name).with_retry(retry);
        let builder = if is_http { builder.with_allow_http(true) } else { builder };
        let store = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { store: Arc::new(store), prefix: Path::from(prefix), writing: Arc::default() })
    }

    pub(crate) fn create(&self, name: &str) -> io::Result<NewBucketObject> {
        let place = Place::take(&self.writing)?;
        Ok(NewBucketObject {
            bucket: self.clone(),
            path: self.path(name),
            bytes: Vec::new(),
            _place: place,
        })
    }

    pub(crate) fn read(&self, name: &str, offset: u64, length: u64) -> io::Result<BucketReader> {
        let block = io::Cursor::default();
        let end = offset.saturating_add(length);
        let mut reader =
            BucketReader { bucket: self.clone(), path: self.path(name), at: offset, end, block };
        // An object that is not there is told at once.
        reader.fetch()?;
        Ok(reader)
    }

    pub(crate) fn size(&self, name: &str) -> io::Result<u64> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        wait(async move { store.head(&path).await.map(|found| found.size) })
    }

    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        match wait(async move { store.delete(&path).await }) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

/// One of the objects that are written at the same time.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(writing: &Arc<AtomicUsize>) -> io::Result<Self> {
        let place = Self(Arc::clone(writing));
        if writing.fetch_add(1, Ordering::Relaxed) >= OBJECTS_AT_ONCE_MAX {
            return Err(io::Error::new(
                ErrorKind::ResourceBusy,
                "too many objects are being written",
            ));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) struct NewBucketObject {
    bucket: Bucket,
    path: Path,
    bytes: Vec<u8>,
    _place: Place,
}

impl NewBucketObject {
    pub(crate) fn finish(self) -> io::Result<()> {
        let (store, path, bytes) = (Arc::clone(&self.bucket.store), self.path.clone(), self.bytes);
        wait(async move { store.put(&path, bytes.into()).await.map(drop) })
    }
}

impl Write for NewBucketObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an object block by block, as far as somebody takes it.
pub(crate) struct BucketReader {
    bucket: Bucket,
    path: Path,
    at: u64,
    end: u64,
    block: io::Cursor<Vec<u8>>,
}

impl BucketReader {
    fn fetch(&mut self) -> io::Result<()> {
        let range = self.at..self.end.min(self.at.saturating_add(BLOCK_BYTES));
        if range.is_empty() {
            return Ok(());
        }
        let (store, path) = (Arc::clone(&self.bucket.store), self.path.clone());
        let block = wait(async move { store.get_range(&path, range).await })?;
        self.at += block.len() as u64;
        self.block = io::Cursor::new(block.into());
        Ok(())
    }
}

impl Read for BucketReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.block.read(out)?;
        if count > 0 || out.is_empty() || self.at >= self.end {
            return Ok(count);
        }
        self.fetch()?;
        self.block.read(out)
    }
}

/// Waits for a request to the store.
fn wait<T: Send + 'static>(
    request: impl Future<Output = object_store::Result<T>> + Send + 'static,
) -> io::Result<T> {
    match async_thread::wait(request, BUCKET_DEADLINE) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(object_store::Error::NotFound { .. })) => Err(ErrorKind::NotFound.into()),
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(async_thread::Failure::Late) => Err(ErrorKind::TimedOut.into()),
        Err(async_thread::Failure::NotStarted(error)) => Err(error),
        Err(async_thread::Failure::Panicked) => {
            Err(io::Error::other("the client of the store panicked"))
        }
    }
}

const _: () = assert!(BUCKET_RETRY_WITHIN.as_secs() < BUCKET_DEADLINE.as_secs());
