//! Finds the reason why a file cannot be opened. SQLite reports "unable to open database file" for all reasons.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use super::{Sqlite, private};
use crate::engine::{Engine as _, Purpose, StartError, Statement, statements};
use crate::{Error, Result};

/// Checks whether the file can be used, and creates it if it does not exist.
pub(crate) fn check(path: &Path) -> std::result::Result<(), StartError> {
    look(path).map_err(|error| match fault(error) {
        StartError::Permanent(said) => StartError::Permanent(reason(path, &said)),
        passing => passing,
    })
}

fn look(path: &Path) -> Result<()> {
    let mut sqlite = Sqlite::open(Some(path), Purpose::Write)?;
    sqlite.run(&READ_SCHEMA, &[]).map(drop)
}

/// The start error for an error of SQLite. Only a long write of another process passes by itself.
pub(crate) fn fault(error: Error) -> StartError {
    match error {
        Error::Unavailable(said) if said.contains("locked") => {
            StartError::Transient(format!("another program writes to it: {said}"))
        }
        error => StartError::Permanent(error.to_string()),
    }
}

/// The reason why a file cannot be opened, when SQLite reports this error.
pub(crate) fn reason(path: &Path, said: &str) -> String {
    let target = private::resolved(path);
    let (shown, file) = (path.display(), target.display());
    let named = if target == path {
        format!("{shown}")
    } else {
        format!("{file}, where the link {shown} leads,")
    };
    let directory = match target.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    let parent = directory.display();
    if target.is_dir() {
        return format!("{named} is a directory: name a file in it");
    }
    match fs::metadata(directory) {
        Ok(found) if !found.is_dir() => return format!("{parent} is a file and no directory"),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound && target != path => {
            return format!(
                "{shown} is a link to {file}, and the directory {parent} is not there: make it, or mend the link"
            );
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return format!(
                "the directory {parent} is not there: make it, for this program's user"
            );
        }
        Err(error) => return format!("the directory {parent} cannot be used: {error}"),
    }
    // Nothing else of this process has it open: closing it would end SQLite's locks on it.
    match OpenOptions::new().read(true).write(true).open(&target) {
        Err(error) if error.kind() == ErrorKind::NotFound => format!(
            "{named} is not there and cannot be made: this program's user needs the right to write to {parent}"
        ),
        Err(error) => format!(
            "{named} cannot be read and written ({error}): it must belong to this program's user"
        ),
        Ok(_) if said.contains("not a database") => format!("{named} is no SQLite database"),
        Ok(_) => format!(
            "{said}; SQLite makes two files beside {named}: this program's user needs the right to write to {parent}"
        ),
    }
}

statements! {
    static READ_SCHEMA: Statement = Statement::only_sqlite("select count(*) from sqlite_master");
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;

    fn refused(path: &Path) -> String {
        match check(path) {
            Err(StartError::Permanent(reason)) => reason,
            other => panic!("{}: {other:?}", path.display()),
        }
    }

    /// A directory and a file that cannot be written to. Root may write wherever modes forbid it, but not to the kernel's.
    fn closed(base: &Path) -> (PathBuf, PathBuf) {
        if fs::metadata(base).unwrap().uid() == 0 {
            return ("/sys/kernel".into(), "/sys/kernel/fscaps".into());
        }
        let (directory, file) = (base.join("closed"), base.join("closed.db"));
        fs::create_dir(&directory).unwrap();
        fs::write(&file, "").unwrap();
        for path in [&directory, &file] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o500)).unwrap();
        }
        (directory, file)
    }

    #[test]
    fn each_reason_is_told_apart() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        assert!(refused(base.path()).ends_with("is a directory: name a file in it"));
        assert!(refused(&at("no/a.db")).contains("no is not there: make it"));
        symlink(at("no/a.db"), at("dangling")).unwrap();
        let said = refused(&at("dangling"));
        assert!(said.contains("dangling is a link to") && said.contains("mend the link"), "{said}");
        symlink(base.path(), at("to_directory")).unwrap();
        assert!(refused(&at("to_directory")).contains("is a directory"));
        fs::write(at("text"), "no database, but long enough to have a header like one".repeat(9))
            .unwrap();
        assert!(refused(&at("text")).ends_with("is no SQLite database"));
        assert!(refused(&at("text/a.db")).ends_with("is a file and no directory"));
        let (directory, file) = closed(base.path());
        let said = refused(&directory.join("a.db"));
        assert!(said.contains("needs the right to write to"), "{said}");
        let said = refused(&file);
        assert!(said.contains("must belong to this program's user"), "{said}");
        assert_eq!(check(&at("new.db")), Ok(()));
    }

    #[test]
    fn another_program_that_writes_is_waited_for() {
        let locked = Error::Unavailable("database is locked".to_owned());
        assert!(matches!(fault(locked), StartError::Transient(_)));
        let full = Error::Unavailable("database or disk is full".to_owned());
        assert!(matches!(fault(full), StartError::Permanent(_)));
    }
}
