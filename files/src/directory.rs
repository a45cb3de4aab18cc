//! A directory of plain files, one for each object, in folders by the first two characters of their names.
//!
//! An object is written under its name with [`PARTIAL`] and gets its name once it is whole and on the disk.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What follows the name of an object that is being written. No name of an object has a dot.
const PARTIAL: &str = ".partial";

#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Whether the directories above it are made as well. Where it was named, one that is missing is more likely a mistake.
    has_parents_made: bool,
}

impl Directory {
    pub(crate) fn new(path: PathBuf, has_parents_made: bool) -> Self {
        Self { path, has_parents_made }
    }

    pub(crate) fn create(&self, name: &str) -> io::Result<NewFile> {
        let partial = self.partial(name);
        // What a process that was killed has left is overwritten.
        let open = || {
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)
        };
        let file = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make_folder(name)?;
                open()?
            }
            opened => opened?,
        };
        Ok(NewFile { file, partial, path: self.path(name), folder: self.folder(name) })
    }

    pub(crate) fn size(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(name))?.len())
    }

    pub(crate) fn read(&self, name: &str, offset: u64, length: u64) -> io::Result<io::Take<File>> {
        let mut file = File::open(self.path(name))?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file.take(length))
    }

    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        for path in [self.path(name), self.partial(name)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// Makes the store's directory and the folder, for their owner only.
    fn make_folder(&self, name: &str) -> io::Result<()> {
        if let Some(parent) = self.path.parent().filter(|_| self.has_parents_made) {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        for directory in [&*self.path, &self.folder(name)] {
            match DirBuilder::new().mode(0o700).create(directory) {
                Ok(()) => sync(directory.parent().filter(|it| !it.as_os_str().is_empty()))?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.path.join(&name[..2])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder(name).join(name)
    }

    fn partial(&self, name: &str) -> PathBuf {
        self.folder(name).join(format!("{name}{PARTIAL}"))
    }
}

#[derive(Debug)]
pub(crate) struct NewFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    folder: PathBuf,
}

impl NewFile {
    /// Its bytes first, then its name. What had the name before is replaced.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        sync(Some(&self.folder))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Of a whole one nothing has this name any more.
        let _ = fs::remove_file(&self.partial);
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the names in a directory to its disk.
fn sync(directory: Option<&Path>) -> io::Result<()> {
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NAME: &str = "AbCdEfGhIjKlMnOpQr";

    #[test]
    fn an_object_is_written_read_in_parts_and_deleted_twice() {
        let base = tempfile::tempdir().unwrap();
        let directory = Directory::new(base.path().join("files"), false);
        assert_eq!(directory.read(NAME, 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
        let mut object = directory.create(NAME).unwrap();
        object.write_all(b"hello world").unwrap();
        object.finish().unwrap();
        assert_eq!(directory.size(NAME).unwrap(), 11);
        for (offset, length, expected) in [(0, 99, "hello world"), (6, 3, "wor"), (99, 1, "")] {
            let mut text = String::new();
            directory.read(NAME, offset, length).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
        for path in [base.path().join("files"), base.path().join("files/Ab")] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
        let file = base.path().join("files/Ab").join(NAME);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        for _ in 0..2 {
            directory.delete(NAME).unwrap();
        }
    }

    #[test]
    fn an_object_has_its_name_only_once_it_is_whole() {
        let base = tempfile::tempdir().unwrap();
        let directory = Directory::new(base.path().join("files"), false);
        let folder = base.path().join("files/Ab");
        let names = || fs::read_dir(&folder).unwrap().count();
        let write = |bytes: &[u8]| {
            let mut object = directory.create(NAME).unwrap();
            object.write_all(bytes).unwrap();
            object
        };
        let read = || fs::read_to_string(folder.join(NAME));
        let killed = write(b"as if it were killed");
        assert_eq!(directory.size(NAME).unwrap_err().kind(), ErrorKind::NotFound);
        std::mem::forget(killed);
        assert_eq!(names(), 1);
        write(b"whole").finish().unwrap();
        assert_eq!((read().unwrap().as_str(), names()), ("whole", 1));
        drop(write(b"half of ano"));
        assert_eq!((read().unwrap().as_str(), names()), ("whole", 1));
        write(b"another").finish().unwrap();
        assert_eq!((read().unwrap().as_str(), names()), ("another", 1));
        std::mem::forget(write(b"killed again"));
        directory.delete(NAME).unwrap();
        assert_eq!(names(), 0);
    }

    #[test]
    fn a_directory_that_was_mistyped_is_not_made() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("not/there");
        let named = Directory::new(path.clone(), false);
        assert_eq!(named.create(NAME).unwrap_err().kind(), ErrorKind::NotFound);
        Directory::new(path, true).create(NAME).unwrap();
    }
}
