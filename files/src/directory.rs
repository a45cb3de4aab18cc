//! A directory of plain files, one for each object, in folders by the first two characters of their names.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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
        let path = self.path(name);
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make_folder(name)?;
                open()?
            }
            opened => opened?,
        };
        Ok(NewFile { file, folder: self.folder(name) })
    }

    pub(crate) fn read(&self, name: &str, offset: u64, length: u64) -> io::Result<io::Take<File>> {
        let mut file = File::open(self.path(name))?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file.take(length))
    }

    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        }
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
}

#[derive(Debug)]
pub(crate) struct NewFile {
    file: File,
    folder: PathBuf,
}

impl NewFile {
    /// Its bytes first, then its name.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        sync(Some(&self.folder))
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
    fn an_object_is_written_once_read_in_parts_and_deleted_twice() {
        let base = tempfile::tempdir().unwrap();
        let directory = Directory::new(base.path().join("files"), false);
        assert_eq!(directory.read(NAME, 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
        let mut object = directory.create(NAME).unwrap();
        object.write_all(b"hello world").unwrap();
        object.finish().unwrap();
        assert_eq!(directory.create(NAME).unwrap_err().kind(), ErrorKind::AlreadyExists);
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
    fn a_directory_that_was_mistyped_is_not_made() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("not/there");
        let named = Directory::new(path.clone(), false);
        assert_eq!(named.create(NAME).unwrap_err().kind(), ErrorKind::NotFound);
        Directory::new(path, true).create(NAME).unwrap();
    }
}
