//! Making a database file that nobody sees before it is whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Sqlite, private};
use crate::Result;
use crate::engine::{Engine as _, Use};

/// Nobody opens the file before it is whole, and one that is not is taken away: it needs no log of its own.
const UNSEEN: &str = "pragma journal_mode = off; pragma synchronous = off";

/// A place where a database is to be.
pub(crate) struct Nascent {
    /// Where the file is to be,
    path: PathBuf,
    /// and where it is until then.
    partial: PathBuf,
    /// Locked, so that another one who would make it sees that it is being made.
    _lock: File,
}

impl Nascent {
    /// Takes the place, unless something is there. What a restore has left that was broken off is taken away.
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
        let partial = beside(&path, ".partial");
        let cannot = |error: io::Error| format!("{} cannot be made: {error}", partial.display());
        let open = || {
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&partial)
        };
        let lock = open().map_err(cannot)?;
        if lock.try_lock().is_err() {
            return Err(format!("another restore is making {}", partial.display()));
        }
        lock.set_len(0).map_err(cannot)?;
        for end in [".partial-wal", ".partial-shm", ".partial-journal"] {
            match fs::remove_file(beside(&path, end)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(error)),
                _ => {}
            }
        }
        Ok(Self { path, partial, _lock: lock })
    }

    pub(crate) fn open(&self) -> Result<Sqlite> {
        let mut sqlite = Sqlite::open_existing(&self.partial, Use::Write)?;
        sqlite.script(UNSEEN)?;
        Ok(sqlite)
    }

    /// It is whole and closed: puts it where it is to be, on the disk, unless something has come there meanwhile.
    pub(crate) fn reveal(self) -> io::Result<()> {
        File::open(&self.partial)?.sync_all()?;
        // Unlike a renaming, a link never takes the place of something.
        fs::hard_link(&self.partial, &self.path)?;
        fs::remove_file(&self.partial)?;
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }

    /// Takes away what there is of it.
    pub(crate) fn abandon(self) {
        // What stays is taken away by the next restore.
        let _ = fs::remove_file(&self.partial);
    }
}

/// The file whose name is that of `path` with `end` after it.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}
