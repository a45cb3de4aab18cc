//! A file store in a directory: one plain file for each object, in folders named by the first two characters of the object's name.
//!
//! An object is written under its name with the suffix [`PARTIAL`]. It gets its own name once it is complete and on the disk.

mod listing;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Cause, Failure};
use crate::limit::{PROBE_BYTES, RESERVED_BYTES, RESERVED_PART};
pub use listing::ListedObject;

/// The suffix of an object that is being written. No name of an object has a dot.
const PARTIAL: &str = ".partial";
/// The object with which every program probes the directory. Several may do so at the same time, and a killed one
/// leaves no more than this.
const PROBE: &str = "health-probe-object";

#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Whether missing parent directories are created as well. If an operator has named the directory they are not, since a missing
    /// parent is more likely a mistake.
    has_parents_made: bool,
}

/// The room on the disk of a directory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// The bytes that this program's user may still write.
    pub free: u64,
    /// The part of these bytes that the store leaves free for other programs.
    pub reserved: u64,
}

impl Room {
    fn of(free: u64, total: u64) -> Self {
        Self { free, reserved: RESERVED_BYTES.min(total / RESERVED_PART) }
    }

    fn has(self, bytes: u64) -> bool {
        self.free.saturating_sub(bytes) >= self.reserved
    }
}

impl Directory {
    pub(crate) fn new(path: PathBuf, has_parents_made: bool) -> Self {
        Self { path, has_parents_made }
    }

    pub(crate) fn create(&self, name: &str) -> io::Result<NewFile> {
        self.check_room(0)?;
        let partial = self.partial(name);
        let file = self.open_new(name, &partial)?;
        Ok(NewFile { file, partial, path: self.path(name), folder: self.folder(name) })
    }

    /// Opens a file for writing, in the folder of an object. A file that a killed process has left is overwritten.
    fn open_new(&self, name: &str, path: &Path) -> io::Result<File> {
        let open =
            || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make_folder(name)?;
                open()
            }
            opened => opened,
        }
        .map_err(|error| explained("write", path, error))
    }

    pub(crate) fn size(&self, name: &str) -> io::Result<u64> {
        let path = self.path(name);
        let found = fs::metadata(&path).map_err(|error| explained("read", &path, error))?;
        Ok(found.len())
    }

    pub(crate) fn read(&self, name: &str, offset: u64, length: u64) -> io::Result<Reader> {
        let path = self.path(name);
        let opened = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            Ok(file.take(length))
        });
        match opened {
            Ok(file) => Ok(Reader { file, path }),
            Err(error) => Err(explained("read", &path, error)),
        }
    }

    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        remove(&self.path(name))?;
        remove(&self.partial(name))
    }

    /// Writes, reads and deletes an object.
    pub(crate) fn write_probe(&self) -> io::Result<()> {
        self.check_room(0)?;
        let path = self.path(PROBE);
        let mut file = self.open_new(PROBE, &path)?;
        let written = file.write_all(&[b'p'; PROBE_BYTES]).and_then(|()| file.sync_all());
        written.map_err(|error| explained("write", &path, error))
    }

    pub(crate) fn read_probe(&self) -> io::Result<()> {
        match self.read(PROBE, 0, PROBE_BYTES as u64) {
            Ok(mut reader) => io::copy(&mut reader, &mut io::sink()).map(drop),
            // Another program has deleted the probe object.
            Err(error) if Cause::of(&error) == Cause::Lost => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn delete_probe(&self) -> io::Result<()> {
        remove(&self.path(PROBE))
    }

    /// Checks that there is room for this number of bytes.
    ///
    /// # Errors
    /// Less room would be left than is reserved for others.
    pub(crate) fn check_room(&self, bytes: u64) -> io::Result<()> {
        let Some(room) = self.room()?.filter(|room| !room.has(bytes)) else { return Ok(()) };
        let (path, mib) = (self.path.display(), |bytes: u64| bytes / (1024 * 1024));
        let text = format!(
            "{} MiB are free for {path}, and {} MiB of them are left to others",
            mib(room.free),
            mib(room.reserved)
        );
        Err(Failure::error(Cause::Full, text))
    }

    /// The room on its disk; `None` if neither the directory nor its parent exists.
    pub(crate) fn room(&self) -> io::Result<Option<Room>> {
        for path in [Some(&*self.path), self.path.parent()].into_iter().flatten() {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            match rustix::fs::statvfs(path) {
                Ok(disk) => {
                    return Ok(Some(Room::of(
                        disk.f_bavail * disk.f_frsize,
                        disk.f_blocks * disk.f_frsize,
                    )));
                }
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(explained("look at", path, error.into())),
            }
        }
        Ok(None)
    }

    pub(crate) fn list(&self) -> io::Result<Vec<ListedObject>> {
        listing::list(&self.path)
    }

    /// Makes the store's directory and the folder, for their owner only.
    fn make_folder(&self, name: &str) -> io::Result<()> {
        if let Some(parent) = self.path.parent().filter(|_| self.has_parents_made) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(|error| explained("make", parent, error))?;
        }
        for directory in [&*self.path, &self.folder(name)] {
            match DirBuilder::new().mode(0o700).create(directory) {
                Ok(()) => sync(directory.parent().filter(|it| !it.as_os_str().is_empty()))?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(explained("make", directory, error)),
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
    /// Syncs the bytes first, and then gives the object its name. An object that had the name before is replaced.
    pub(crate) fn finish(self) -> io::Result<()> {
        let named = self.file.sync_all().and_then(|()| fs::rename(&self.partial, &self.path));
        named.map_err(|error| explained("write", &self.path, error))?;
        sync(Some(&self.folder))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| explained("write", &self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // A complete object no longer has this name.
        let _ = fs::remove_file(&self.partial);
    }
}

/// A part of a file.
pub(crate) struct Reader {
    file: io::Take<File>,
    path: PathBuf,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out).map_err(|error| explained("read", &self.path, error))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done.map_err(|error| explained("delete", path, error)),
    }
}

/// Writes the names in a directory to its disk.
fn sync(directory: Option<&Path>) -> io::Result<()> {
    let path = directory.unwrap_or(Path::new("."));
    let synced = File::open(path).and_then(|it| it.sync_all());
    synced.map_err(|error| explained("write", path, error))
}

/// The error of the system with its cause, the path, and the user that was refused.
fn explained(verb: &str, path: &Path, error: io::Error) -> io::Error {
    let cause = match error.kind() {
        ErrorKind::NotFound if matches!(verb, "read" | "look at") => Cause::Lost,
        ErrorKind::NotFound => Cause::NoDirectory,
        ErrorKind::PermissionDenied => Cause::Denied,
        ErrorKind::ReadOnlyFilesystem => Cause::ReadOnly,
        ErrorKind::NotADirectory => Cause::NotADirectory,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Cause::Full,
        ErrorKind::Interrupted => return error,
        _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Cause::Damaged,
        _ => Cause::Unreachable,
    };
    let (path, user) = (path.display(), rustix::process::geteuid().as_raw());
    Failure::error(cause, format!("cannot {verb} {path} as user {user}: {error}"))
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
        assert_eq!(directory.read(NAME, 0, 1).err().unwrap().kind(), ErrorKind::NotFound);
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
    fn files_leave_room_for_others() {
        const TIB: u64 = 1024 * 1024 * 1024 * 1024;
        let room = Room::of(RESERVED_BYTES + 10, TIB);
        assert!(room.has(0) && room.has(10) && !room.has(11));
        assert!(!Room::of(RESERVED_BYTES - 1, TIB).has(0));
        // A small disk.
        assert!(Room::of(1000, 20_000).has(0));
        assert!(!Room::of(999, 20_000).has(0));
        let base = tempfile::tempdir().unwrap();
        for path in ["", "files", "not/there"] {
            let directory = Directory::new(base.path().join(path), false);
            directory.check_room(0).unwrap();
            let refused = directory.check_room(u64::MAX).map_err(|error| Cause::of(&error));
            let expected = if path == "not/there" { Ok(()) } else { Err(Cause::Full) };
            assert_eq!(refused, expected, "{path}");
        }
    }

    #[test]
    fn an_error_names_the_path_and_the_user() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("files");
        fs::write(&path, "no directory").unwrap();
        let directory = Directory::new(path.clone(), false);
        let error = directory.create(NAME).unwrap_err();
        assert_eq!(Cause::of(&error), Cause::NotADirectory);
        let user = format!("as user {}", rustix::process::geteuid().as_raw());
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()) && text.contains(&user), "{text}");
        assert_eq!(Cause::of(&directory.write_probe().unwrap_err()), Cause::NotADirectory);
        fs::remove_file(&path).unwrap();
        let error = directory.read(NAME, 0, 1).err().unwrap();
        assert_eq!(Cause::of(&error), Cause::Lost);
        assert!(error.to_string().contains(NAME), "{error}");
    }

    #[test]
    fn a_probe_leaves_nothing_and_minds_no_other() {
        let base = tempfile::tempdir().unwrap();
        let directory = Directory::new(base.path().join("files"), false);
        let other = directory.clone();
        directory.write_probe().unwrap();
        other.write_probe().unwrap();
        directory.read_probe().unwrap();
        directory.delete_probe().unwrap();
        other.read_probe().unwrap();
        other.delete_probe().unwrap();
        assert!(!directory.path(PROBE).exists());
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
