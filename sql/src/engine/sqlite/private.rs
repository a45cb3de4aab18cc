//! Only the owner of the database's files may read them, since they contain emails and password hashes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How many symbolic links are followed, one after the other: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// Creates the database's file with mode 0600; SQLite would create it readable by others. If `path` is a symbolic link to a file
/// that does not exist, that file is created. SQLite gives the `-wal` and `-shm` files the same mode. An existing file keeps
/// its mode.
pub(super) fn make(path: &Path) {
    // `create_new` opens no existing file: closing it would release SQLite's locks on it in the whole process.
    // If the file cannot be created, SQLite reports the error.
    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(resolved(path));
}

/// The target of the symbolic links at the end of a path, even if it does not exist.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(link) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    path
}

/// The directory of a file, which need not exist.
pub(super) fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use crate::engine::sqlite::Sqlite;
    use crate::engine::{Engine as _, Purpose};

    /// The modes of all files in a directory, by name; links are left out.
    fn modes(directory: &std::path::Path) -> Vec<(String, u32)> {
        let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let mut modes: Vec<_> = files
            .map(|entry| {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                (entry.file_name().into_string().unwrap(), mode)
            })
            .collect();
        modes.sort();
        modes
    }

    #[test]
    fn every_file_is_its_owners_alone_also_through_links_that_lead_nowhere_yet() {
        let own = |name: &str| (name.to_owned(), 0o600);
        let expected = [own("a.db"), own("a.db-shm"), own("a.db-wal")];
        let base = tempfile::tempdir().unwrap();
        for (n, link) in ["a.db", "absolute", "relative", "chain"].into_iter().enumerate() {
            let directory = base.path().join(n.to_string());
            std::fs::create_dir(&directory).unwrap();
            symlink(directory.join("a.db"), directory.join("absolute")).unwrap();
            symlink("a.db", directory.join("relative")).unwrap();
            symlink("relative", directory.join("chain")).unwrap();
            let mut sqlite = Sqlite::open(Some(&directory.join(link)), Purpose::Write).unwrap();
            sqlite.script("create table t (x)").unwrap();
            assert_eq!(modes(&directory), expected, "{link}");
        }
    }

    #[test]
    fn a_path_is_no_uri_whatever_it_begins_with() {
        let base = tempfile::tempdir().unwrap();
        let path = format!("file:{}/a.db", base.path().display());
        assert!(Sqlite::open(Some(path.as_ref()), Purpose::Write).is_err());
        assert_eq!(modes(base.path()), []);
    }

    #[test]
    fn a_file_that_is_there_keeps_its_mode() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a.db");
        std::fs::write(&path, b"").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        drop(Sqlite::open(Some(&path), Purpose::Write).unwrap());
        assert_eq!(modes(base.path()), [("a.db".to_owned(), 0o640)]);
    }
}
