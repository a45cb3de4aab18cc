//! The file store, which keeps the bytes of files: in a directory, or in a bucket of an S3 store. It knows no account, no message and
//! no database.
//!
//! The store contains objects. An object has a name that the caller chooses, is written as a whole, and does not change until it is
//! deleted. Only the database knows which objects exist: a server never lists them.
//!
//! [`FileStore`] is the store. `url.rs` has its addresses, `args.rs` its settings, `error.rs` the causes of its errors, and `limit.rs`
//! every bound.

pub mod args;
mod bucket;
mod directory;
mod error;
mod health;
pub mod limit;
mod start;
mod url;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bucket::{Bucket, NewBucketObject};
use directory::{Directory, NewFile};
pub use directory::{ListedObject, Room};
pub use error::Cause;
pub use health::Unhealthy;
use health::{Health, Work};
use limit::{BUCKET_DEADLINE, BUCKET_PROBE_INTERVAL, DIRECTORY_STUCK, PROBE_INTERVAL, PROBE_LOOK};
pub use start::StartError;
pub use url::{FilesUrl, FilesUrlError};

/// A file store. Clones are the same store.
///
/// The errors of its methods have a [`Cause`]; their text names the object and what an operator can do.
#[derive(Clone, Debug)]
pub struct FileStore {
    url: Arc<FilesUrl>,
    kind: Kind,
    health: Arc<Health>,
}

#[derive(Clone, Debug)]
enum Kind {
    Directory(Directory),
    Bucket(Bucket),
}

impl FileStore {
    /// The store at `url`. Nothing is read or written yet.
    ///
    /// # Errors
    /// An error in the `AWS_…` variables of a bucket, as a sentence.
    pub fn new(url: &FilesUrl) -> Result<Self, String> {
        let kind = match url {
            FilesUrl::Directory(path) => Kind::Directory(Directory::new(path.clone(), false)),
            FilesUrl::Bucket { name, prefix } => Kind::Bucket(Bucket::new(name, prefix)?),
        };
        Ok(Self::of(url.clone(), kind))
    }

    /// A directory in the data directory. The data directory is created with it.
    fn in_data_directory(path: PathBuf) -> Self {
        let kind = Kind::Directory(Directory::new(path.clone(), true));
        Self::of(FilesUrl::Directory(path), kind)
    }

    fn of(url: FilesUrl, kind: Kind) -> Self {
        let stuck_after = match &kind {
            Kind::Directory(_) => DIRECTORY_STUCK,
            // Its requests end by themselves.
            Kind::Bucket(_) => 2 * BUCKET_DEADLINE,
        };
        Self { url: Arc::new(url), kind, health: Arc::new(Health::new(stuck_after)) }
    }

    /// Begins to write an object. Names have 16 to 64 letters, digits, `-` and `_`. [`NewObject::finish`] replaces an object with the
    /// same name.
    ///
    /// # Errors
    /// The store cannot be written to.
    pub fn create(&self, name: &str) -> io::Result<NewObject> {
        check(name)?;
        let kind = self.health.during(Work::Storing, || match &self.kind {
            Kind::Directory(directory) => directory.create(name).map(NewKind::File),
            Kind::Bucket(bucket) => Ok(NewKind::InBucket(bucket.create(name))),
        })?;
        Ok(NewObject { kind, health: Arc::clone(&self.health) })
    }

    /// Reads `length` bytes of an object, beginning at `offset`; fewer if the object is shorter.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such object; otherwise the error of the store.
    pub fn read(&self, name: &str, offset: u64, length: u64) -> io::Result<Box<dyn Read + Send>> {
        check(name)?;
        let from = self.health.during(Work::Reading, || -> io::Result<Box<dyn Read + Send>> {
            match &self.kind {
                Kind::Directory(directory) => Ok(Box::new(directory.read(name, offset, length)?)),
                Kind::Bucket(bucket) => Ok(Box::new(bucket.read(name, offset, length)?)),
            }
        })?;
        self.health.has_done(Work::Reading);
        Ok(Box::new(ObjectReader { from, health: Arc::clone(&self.health) }))
    }

    /// The length of an object, in bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such object; otherwise the error of the store.
    pub fn size(&self, name: &str) -> io::Result<u64> {
        check(name)?;
        self.health.during(Work::Reading, || match &self.kind {
            Kind::Directory(directory) => directory.size(name),
            Kind::Bucket(bucket) => bucket.size(name),
        })
    }

    /// The objects in the directory of the store; `None` for a bucket, which is never listed.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn list(&self) -> io::Result<Option<Vec<ListedObject>>> {
        match &self.kind {
            Kind::Directory(directory) => directory.list().map(Some),
            Kind::Bucket(_) => Ok(None),
        }
    }

    /// Deletes an object. It is no error if the object does not exist.
    ///
    /// # Errors
    /// The error of the store.
    pub fn delete(&self, name: &str) -> io::Result<()> {
        check(name)?;
        // Success is not recorded, since deleting also works on a full disk.
        self.health.during(Work::Storing, || match &self.kind {
            Kind::Directory(directory) => directory.delete(name),
            Kind::Bucket(bucket) => bucket.delete(name),
        })
    }

    /// Checks that a directory's disk has room for this number of bytes. A bucket has no such bound.
    ///
    /// # Errors
    /// [`Cause::Full`] if less room would be left than is reserved.
    pub fn check_room(&self, bytes: u64) -> io::Result<()> {
        match &self.kind {
            Kind::Directory(directory) => {
                self.health.during(Work::Storing, || directory.check_room(bytes))
            }
            Kind::Bucket(_) => Ok(()),
        }
    }

    /// The room on a directory's disk; `None` for a bucket.
    ///
    /// # Errors
    /// The error of the system.
    pub fn room(&self) -> io::Result<Option<Room>> {
        match &self.kind {
            Kind::Directory(directory) => directory.room(),
            Kind::Bucket(_) => Ok(None),
        }
    }

    /// Whether the store works, by the results of the latest requests and probes. Never waits.
    ///
    /// # Errors
    /// The part that does not work.
    pub fn health(&self) -> Result<(), Unhealthy> {
        self.health.check()
    }

    /// Writes, reads and deletes one small object.
    ///
    /// # Errors
    /// The error of the store.
    pub fn probe(&self) -> io::Result<()> {
        self.health.during(Work::Storing, || match &self.kind {
            Kind::Directory(directory) => directory.write_probe(),
            Kind::Bucket(bucket) => bucket.write_probe(),
        })?;
        self.health.during(Work::Reading, || match &self.kind {
            Kind::Directory(directory) => directory.read_probe(),
            Kind::Bucket(bucket) => bucket.read_probe(),
        })?;
        self.health.has_done(Work::Reading);
        self.health.during(Work::Storing, || match &self.kind {
            Kind::Directory(directory) => directory.delete_probe(),
            Kind::Bucket(bucket) => bucket.delete_probe(),
        })?;
        self.health.has_done(Work::Storing);
        Ok(())
    }

    /// Probes the store while nobody uses it, and after a failure until it works, until `wait` returns that it must
    /// stop. One thread of a process does so.
    pub fn run_health_probes(&self, wait: impl Fn(Duration) -> bool) {
        let interval = match &self.kind {
            Kind::Directory(_) => PROBE_INTERVAL,
            Kind::Bucket(_) => BUCKET_PROBE_INTERVAL,
        };
        while !wait(PROBE_LOOK) {
            let is_due = |work| self.health.is_due(work, interval, PROBE_INTERVAL);
            if is_due(Work::Storing) || is_due(Work::Reading) {
                // The probe records its result itself.
                let _ = self.probe();
            }
        }
    }
}

/// An object that is being written. It is not visible before [`NewObject::finish`]. If it is dropped before, nothing remains of it.
#[derive(Debug)]
pub struct NewObject {
    kind: NewKind,
    health: Arc<Health>,
}

#[derive(Debug)]
enum NewKind {
    File(NewFile),
    InBucket(NewBucketObject),
}

impl NewObject {
    /// Whether the object should be finished now with the bytes that it has, because it occupies memory that others need. For a bucket
    /// this is so after [`OBJECT_HELD_MAX`](limit::OBJECT_HELD_MAX), for a directory never.
    pub fn is_due(&self) -> bool {
        match &self.kind {
            NewKind::File(_) => false,
            NewKind::InBucket(object) => object.is_due(),
        }
    }

    /// Flushes the object to the disk and makes it visible. After that it survives a loss of power.
    ///
    /// # Errors
    /// The error of the store. The complete object may exist nevertheless.
    pub fn finish(self) -> io::Result<()> {
        let Self { kind, health } = self;
        health.during(Work::Storing, || match kind {
            NewKind::File(file) => file.finish(),
            NewKind::InBucket(object) => object.finish(),
        })?;
        health.has_done(Work::Storing);
        Ok(())
    }
}

impl Write for NewObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { kind, health } = self;
        health.during(Work::Storing, || match kind {
            NewKind::File(file) => file.write(bytes),
            NewKind::InBucket(object) => object.write(bytes),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.kind {
            NewKind::File(file) => file.flush(),
            NewKind::InBucket(object) => object.flush(),
        }
    }
}

/// A part of an object.
struct ObjectReader {
    from: Box<dyn Read + Send>,
    health: Arc<Health>,
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Self { from, health } = self;
        health.during(Work::Reading, || from.read(out))
    }
}

/// Checks the name of an object, which becomes a part of a path or a key.
fn check(name: &str) -> io::Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match (limit::NAME_BYTES_MIN..=limit::NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(is_plain)
    {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no object's name")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_no_other_place() {
        for wrong in
            ["", "short", "../../../../etc/passwd", "a/b/c/d/e/f/g/h/i/j", "..............."]
        {
            assert_eq!(check(wrong).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{wrong}");
        }
        assert!(check(&"a".repeat(limit::NAME_BYTES_MAX)).is_ok());
        assert!(check(&"a".repeat(limit::NAME_BYTES_MAX + 1)).is_err());
    }
}
