//! Creates a database file that appears only when it is complete.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{Sqlite, private};
use crate::Result;
use crate::engine::{Engine as _, Purpose};

/// No other process opens the incomplete file, and it is removed after a failure. So it needs neither a journal nor
/// syncs.
const UNSEEN: &str = "pragma journal_mode = off; pragma synchronous = off";
/// How many times the creation of the file is tried while other processes create and remove theirs.
const TRIES: usize = 8;

/// A database file that is being created. Dropping it before [`StagedFile::publish`] removes it.
pub(crate) struct StagedFile {
    /// The path of the complete file.
    path: PathBuf,
    /// The incomplete file. It is locked, so that another restore notices it.
    partial: LockedFile,
}

impl StagedFile {
    /// Creates the incomplete file, unless there is a file at `path`. Removes what an interrupted restore has left.
    pub(crate) fn take(path: &Path) -> std::result::Result<Self, String> {
        let path = private::resolved(path);
        for end in ["", "-wal", "-shm", "-journal"] {
            let there = beside(&path, end);
            if fs::symlink_metadata(&there).is_ok() {
                return Err(format!(
                    "{} is there already: name a file that is not, or move it away",
                    there.display()
                ));
            }
        }
        let partial = LockedFile::make(beside(&path, ".partial"))?;
        for end in [".partial-wal", ".partial-shm", ".partial-journal"] {
            let file = beside(&path, end);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(format!("{} cannot be removed: {error}", file.display()));
                }
                _ => {}
            }
        }
        Ok(Self { path, partial })
    }

    pub(crate) fn open(&self) -> Result<Sqlite> {
        let mut sqlite = Sqlite::open_existing(&self.partial.path, Purpose::Write)?;
        sqlite.script(UNSEEN)?;
        Ok(sqlite)
    }

    /// Moves the complete and closed file to its path, and flushes it to the disk. Fails if there is a file meanwhile.
    pub(crate) fn publish(self) -> io::Result<()> {
        self.partial.file.sync_all()?;
        rename_to_new(&self.partial.path, &self.path)?;
        File::open(private::directory(&self.path))?.sync_all()
    }
}

/// Renames a file, but never over an existing one.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system cannot do that (NFS). A hard link does not replace an existing file either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        done => done.map_err(io::Error::from),
    }
}

/// A new, locked file. It is removed when this is dropped, if it is still at its path.
struct LockedFile {
    path: PathBuf,
    file: File,
}

impl LockedFile {
    /// Creates the file. An unlocked file of this user is removed first. Any other file is an error, since other users
    /// may have put it into a shared directory.
    fn make(path: PathBuf) -> std::result::Result<Self, String> {
        let shown = path.display();
        let cannot = |error: io::Error| format!("{shown} cannot be made: {error}");
        let busy = || format!("another restore is making {shown}");
        // Two restores may remove the same leftover. Then the lock refuses one of them.
        for _ in 0..TRIES {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) if file.try_lock().is_ok() && is_at(&file, &path) => {
                    return Ok(Self { path, file });
                }
                Ok(_) => return Err(busy()),
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(cannot(error));
                }
                Err(_) => {}
            }
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            if !found.is_file() || found.uid() != rustix::process::geteuid().as_raw() {
                return Err(format!(
                    "{shown} is there, and is not what a restore of this user has left: remove it"
                ));
            }
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
            let Ok(old) = OpenOptions::new().write(true).custom_flags(flags).open(&path) else {
                continue;
            };
            if old.try_lock().is_err() {
                return Err(busy());
            }
            // The lock on the file that is at the path gives the right to remove it; on another it gives none.
            if is_at(&old, &path) {
                fs::remove_file(&path).map_err(cannot)?;
            }
        }
        Err(busy())
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        if is_at(&self.file, &self.path) {
            // A file that remains is removed by the next restore.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the file at this path is this one.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |one: &fs::Metadata, other: &fs::Metadata| {
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    };
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(one), Ok(other)) => same(&one, &other),
        _ => false,
    }
}

/// The directory of a file, which need not exist.
pub(crate) fn directory(path: &Path) -> PathBuf {
    private::directory(&private::resolved(path)).to_owned()
}

/// The path with `end` appended to the name of the file.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_leftover_is_replaced_and_never_becomes_the_database() {
        let base = tempfile::tempdir().unwrap();
        let [path, partial, other] =
            ["a.db", "a.db.partial", "other"].map(|name| base.path().join(name));
        fs::write(&partial, "left").unwrap();
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o644)).unwrap();
        // Another name of the same file, such as of a database that was moved away.
        fs::hard_link(&partial, &other).unwrap();
        let nascent = StagedFile::take(&path).unwrap();
        let again = StagedFile::take(&path).err().unwrap();
        assert!(again.contains("another restore is making"), "{again}");
        drop(nascent.open().unwrap());
        nascent.publish().unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_to_string(&other).unwrap(), "left");
        assert_eq!(names(base.path()), ["a.db", "other"]);
    }

    #[test]
    fn what_somebody_else_may_have_put_there_is_refused_and_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let [path, partial, target] =
            ["a.db", "a.db.partial", "target"].map(|name| base.path().join(name));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &partial).unwrap();
        let refused = StagedFile::take(&path).err().unwrap();
        assert!(refused.contains("a.db.partial is there") && refused.contains("remove it"));
        fs::remove_file(&partial).unwrap();
        fs::create_dir(&partial).unwrap();
        assert!(StagedFile::take(&path).err().unwrap().contains("remove it"));
        fs::remove_dir(&partial).unwrap();
        if rustix::process::geteuid().is_root() {
            fs::write(&partial, "of another user").unwrap();
            std::os::unix::fs::chown(&partial, Some(65_534), None).unwrap();
            assert!(StagedFile::take(&path).err().unwrap().contains("remove it"));
            assert_eq!(fs::read_to_string(&partial).unwrap(), "of another user");
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_has_come_there_meanwhile_stays_and_no_partial_is_left() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a.db");
        let nascent = StagedFile::take(&path).unwrap();
        fs::write(&path, "came meanwhile").unwrap();
        assert_eq!(nascent.publish().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "came meanwhile");
        drop(StagedFile::take(&base.path().join("b.db")).unwrap());
        assert_eq!(names(base.path()), ["a.db"]);
    }
}
