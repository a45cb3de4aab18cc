//! The file store: where the bytes of files lie. It knows no account, no message and no database.
//!
//! It has objects. An object has a name that the caller chooses, is written as a whole, and does not change until it is deleted. Which
//! objects there are is in the database alone: nothing here lists them.

pub mod args;
mod bucket;
mod directory;
pub mod limit;
mod url;

use std::io::{self, Read, Write};
use std::path::PathBuf;

use bucket::{Bucket, NewBucketObject};
use directory::{Directory, NewFile};
pub use url::{FilesUrl, FilesUrlError};

/// A file store. Clones are the same store.
#[derive(Clone, Debug)]
pub struct FileStore(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Directory(Directory),
    Bucket(Bucket),
}

impl FileStore {
    /// The store at `url`. It is touched only when something is written.
    ///
    /// # Errors
    /// What is wrong with the `AWS_…` variables of a bucket, as a sentence.
    pub fn new(url: &FilesUrl) -> Result<Self, String> {
        Ok(Self(match url {
            FilesUrl::Directory(path) => Kind::Directory(Directory::new(path.clone(), false)),
            FilesUrl::Bucket { name, prefix } => Kind::Bucket(Bucket::new(name, prefix)?),
        }))
    }

    /// A directory in the data directory, which is made with it.
    fn in_data_directory(path: PathBuf) -> Self {
        Self(Kind::Directory(Directory::new(path, true)))
    }

    /// Begins to write an object. Names have 16 to 64 letters, digits, `-` and `_`. Once it is finished it replaces one that is
    /// there already.
    ///
    /// # Errors
    /// The store cannot be written to.
    pub fn create(&self, name: &str) -> io::Result<NewObject> {
        check(name)?;
        match &self.0 {
            Kind::Directory(directory) => Ok(NewObject(NewKind::File(directory.create(name)?))),
            Kind::Bucket(bucket) => Ok(NewObject(NewKind::InBucket(bucket.create(name)?))),
        }
    }

    /// `length` bytes of an object, from its byte at `offset` on. An object that is shorter ends earlier.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such object; otherwise what the store says.
    pub fn read(&self, name: &str, offset: u64, length: u64) -> io::Result<Box<dyn Read + Send>> {
        check(name)?;
        match &self.0 {
            Kind::Directory(directory) => Ok(Box::new(directory.read(name, offset, length)?)),
            Kind::Bucket(bucket) => Ok(Box::new(bucket.read(name, offset, length)?)),
        }
    }

    /// The length of an object, in bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such object; otherwise what the store says.
    pub fn size(&self, name: &str) -> io::Result<u64> {
        check(name)?;
        match &self.0 {
            Kind::Directory(directory) => directory.size(name),
            Kind::Bucket(bucket) => bucket.size(name),
        }
    }

    /// Deletes an object. One that is not there is deleted already.
    ///
    /// # Errors
    /// What the store says.
    pub fn delete(&self, name: &str) -> io::Result<()> {
        check(name)?;
        match &self.0 {
            Kind::Directory(directory) => directory.delete(name),
            Kind::Bucket(bucket) => bucket.delete(name),
        }
    }
}

/// An object that is being written. Nobody sees it before [`NewObject::finish`]; dropped before, it never was.
#[derive(Debug)]
pub struct NewObject(NewKind);

#[derive(Debug)]
enum NewKind {
    File(NewFile),
    InBucket(NewBucketObject),
}

impl NewObject {
    /// Makes the object visible, so that it outlives a loss of power.
    ///
    /// # Errors
    /// What the store says; the object may be there, as a whole.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            NewKind::File(file) => file.finish(),
            NewKind::InBucket(object) => object.finish(),
        }
    }
}

impl Write for NewObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            NewKind::File(file) => file.write(bytes),
            NewKind::InBucket(object) => object.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            NewKind::File(file) => file.flush(),
            NewKind::InBucket(object) => object.flush(),
        }
    }
}

/// Names become parts of paths and keys.
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
