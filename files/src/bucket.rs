//! A file store in a bucket of an S3 store. Each object of the file store is an object of the bucket.
//!
//! An object is sent in one request once it is complete, and is in memory until then. The objects are small, and
//! [`BUCKET_MEMORY_BYTES_MAX`] bounds the memory of all of them together.

mod writing;

use std::error::Error as _;
use std::future::Future;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStoreExt, RetryConfig};

use crate::error::{Cause, Failure};
use crate::limit::{
    BLOCK_BYTES, BUCKET_DEADLINE, BUCKET_MEMORY_BYTES_MAX, BUCKET_PROBE_DEADLINE,
    BUCKET_RETRY_WITHIN, OBJECT_HELD_MAX, PROBE_BYTES, WRITE_WAIT_MAX, WRITES_AT_ONCE_MAX,
};
use writing::{HeldBytes, Writing};

/// The object with which every program probes the bucket.
const PROBE: &str = "health-probe-object";
/// Characters of a store's error message that are repeated.
const SAID_CHARS_MAX: usize = 300;

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    name: Arc<str>,
    store: Arc<AmazonS3>,
    prefix: Path,
    writing: Arc<Writing>,
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
        let (name, store, prefix) = (name.into(), Arc::new(store), Path::from(prefix));
        let writing = Writing::new(BUCKET_MEMORY_BYTES_MAX, WRITES_AT_ONCE_MAX);
        Ok(Self { name, store, prefix, writing })
    }

    pub(crate) fn create(&self, name: &str) -> NewBucketObject {
        let (bucket, name) = (self.clone(), name.to_owned());
        let (bytes, begun) = (HeldBytes::new(&self.writing), Instant::now());
        NewBucketObject { bucket, name, bytes, begun }
    }

    pub(crate) fn read(&self, name: &str, offset: u64, length: u64) -> io::Result<BucketReader> {
        let block = io::Cursor::default();
        let end = offset.saturating_add(length);
        let (bucket, name) = (self.clone(), name.to_owned());
        let mut reader = BucketReader { bucket, name, at: offset, end, block };
        // A missing object is reported at once.
        reader.fetch()?;
        Ok(reader)
    }

    pub(crate) fn size(&self, name: &str) -> io::Result<u64> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        let head = async move { store.head(&path).await.map(|found| found.size) };
        self.wait(name, BUCKET_DEADLINE, head)
    }

    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        let deleted = self.wait(name, BUCKET_DEADLINE, async move { store.delete(&path).await });
        match deleted {
            Err(error) if Cause::of(&error) == Cause::Lost => Ok(()),
            done => done,
        }
    }

    /// Writes an object.
    pub(crate) fn write_probe(&self) -> io::Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path(PROBE));
        let put = async move { store.put(&path, vec![b'p'; PROBE_BYTES].into()).await.map(drop) };
        self.wait(PROBE, BUCKET_PROBE_DEADLINE, put)
    }

    pub(crate) fn read_probe(&self) -> io::Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path(PROBE));
        let get = async move { store.get_range(&path, 0..PROBE_BYTES as u64).await.map(drop) };
        match self.wait(PROBE, BUCKET_PROBE_DEADLINE, get) {
            // Another program has deleted the probe object.
            Err(error) if Cause::of(&error) == Cause::Lost => Ok(()),
            done => done,
        }
    }

    pub(crate) fn delete_probe(&self) -> io::Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path(PROBE));
        let delete = async move { store.delete(&path).await };
        match self.wait(PROBE, BUCKET_PROBE_DEADLINE, delete) {
            Err(error) if Cause::of(&error) == Cause::Lost => Ok(()),
            done => done,
        }
    }

    /// Waits for a request about this object.
    fn wait<T: Send + 'static>(
        &self,
        name: &str,
        deadline: Duration,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let (cause, said) = match async_thread::wait(request, deadline) {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => explained(&error),
            Err(async_thread::Failure::Late) => {
                (Cause::Late, format!("no answer within {} s", deadline.as_secs()))
            }
            Err(async_thread::Failure::NotStarted(error)) => return Err(error),
            Err(async_thread::Failure::Panicked) => {
                (Cause::Unreachable, "the client of the store panicked".to_owned())
            }
        };
        Err(Failure::error(cause, format!("{} in bucket {}: {said}", self.path(name), self.name)))
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

#[derive(Debug)]
pub(crate) struct NewBucketObject {
    bucket: Bucket,
    name: String,
    bytes: HeldBytes,
    begun: Instant,
}

impl NewBucketObject {
    /// Whether the object has been in memory for the longest time that is allowed.
    pub(crate) fn is_due(&self) -> bool {
        self.begun.elapsed() >= OBJECT_HELD_MAX
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        let _request = self.bucket.writing.request(WRITE_WAIT_MAX)?;
        let (store, path) = (Arc::clone(&self.bucket.store), self.bucket.path(&self.name));
        let (bytes, counted) = self.bytes.take();
        let put = async move {
            let written = store.put(&path, bytes.into()).await.map(drop);
            drop(counted);
            written
        };
        let written = self.bucket.wait(&self.name, BUCKET_DEADLINE, put);
        // When an object is written, "not found" means that the bucket does not exist.
        written.map_err(|error| match Cause::of(&error) {
            Cause::Lost => Failure::error(Cause::NoBucket, self.bucket.name.to_string()),
            _ => error,
        })
    }
}

impl Write for NewBucketObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an object block by block, as far as the caller reads.
pub(crate) struct BucketReader {
    bucket: Bucket,
    name: String,
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
        let (store, path) = (Arc::clone(&self.bucket.store), self.bucket.path(&self.name));
        let get = async move { store.get_range(&path, range).await };
        let block = self.bucket.wait(&self.name, BUCKET_DEADLINE, get)?;
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

/// The cause of an error of the client library, and the part of its text that is repeated. A store's response to a
/// wrong signature contains parts of the request, so only its code is repeated.
fn explained(error: &object_store::Error) -> (Cause, String) {
    let text = with_sources(error);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map(|(code, _)| code);
    let cause = match (error, code) {
        (_, Some("NoSuchBucket")) => Cause::NoBucket,
        (object_store::Error::NotFound { .. }, _) => Cause::Lost,
        (
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. },
            _,
        ) => Cause::Denied,
        _ => Cause::Unreachable,
    };
    let said = match code {
        Some(code) => format!("the store says {code}"),
        None => text,
    };
    (cause, said.chars().filter(|it| !it.is_control()).take(SAID_CHARS_MAX).collect())
}

/// The innermost error says what has happened.
fn with_sources(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
