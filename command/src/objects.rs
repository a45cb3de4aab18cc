//! The objects of the file store in a backup: a directory of files, each checked by its line in the table `blob`.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use data_encoding::HEXLOWER;
use files::{Cause, FileStore};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use sql::{Cell, Column, Snapshot};

use crate::limit::{FOUND_PERCENT_MIN, OBJECTS_KEPT};
use crate::manifest::{OBJECTS, Objects};
use crate::rows::RowWriter;

/// An object that is part of a file.
pub(crate) struct Object {
    pub(crate) name: String,
    hash: String,
    size: u64,
}

/// Why an object cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    Damaged,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Damaged => "is damaged: its length or its SHA-256 is wrong",
        })
    }
}

/// The object of a row of `blob`; nothing if it is part of no file.
pub(crate) fn object(columns: &[Column], row: &[Cell]) -> Option<Object> {
    let cell = |name: &str| Some(&row[columns.iter().position(|it| it.name == name)?]);
    match (cell("name")?, cell("hash")?, cell("size")?, cell("expires_at")?) {
        (Cell::Text(name), Cell::Text(hash), Cell::Int(size), Cell::Null) => Some(Object {
            name: name.clone(),
            hash: hash.clone(),
            size: u64::try_from(*size).unwrap_or(0),
        }),
        _ => None,
    }
}

impl Object {
    /// Its bytes in the file store, or what is wrong with them there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn read(&self, store: &FileStore) -> io::Result<Result<Vec<u8>, Fault>> {
        let size = store.size(&self.name);
        self.check(size, || store.read(&self.name, 0, self.size))
    }

    /// What is wrong with it in the file store; nothing if it was deleted since `began`, as far as anybody can know.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn fault(&self, store: &FileStore, began: Instant) -> Result<Option<Fault>> {
        let read = self.read(store);
        let read = read.with_context(|| format!("cannot read {} in the file store", self.name))?;
        Ok(read.err().filter(|fault| *fault == Fault::Damaged || began.elapsed() < OBJECTS_KEPT))
    }

    /// As [`Object::read`], in the directory of a backup.
    fn read_backup(&self, directory: &Path) -> io::Result<Result<Vec<u8>, Fault>> {
        let file = File::open(directory.join(OBJECTS).join(&self.name));
        let size = file.as_ref().map_err(copied).and_then(|file| Ok(file.metadata()?.len()));
        self.check(size, || file)
    }

    fn check<R: Read>(
        &self,
        size: io::Result<u64>,
        open: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<Result<Vec<u8>, Fault>> {
        let mut bytes = Vec::new();
        let read = size.and_then(|size| match size == self.size {
            true => open()?.read_to_end(&mut bytes).map(|_| true),
            false => Ok(false),
        });
        let is_whole = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes)) == self.hash;
        match read {
            Ok(true) if is_whole(&bytes) => Ok(Ok(bytes)),
            Ok(_) => Ok(Err(Fault::Damaged)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Err(Fault::Missing)),
            // The disk cannot read it, which says nothing about the others.
            Err(error)
                if error.raw_os_error() == Some(Errno::IO.raw_os_error())
                    || Cause::of(&error) == Cause::Damaged =>
            {
                Ok(Err(Fault::Damaged))
            }
            Err(error) => Err(error),
        }
    }
}

/// Calls `take` with each row of the table of objects.
pub(crate) fn each_blob(
    snapshot: &mut Snapshot,
    mut take: impl FnMut(&[Column], &[Cell]),
) -> Result<()> {
    let columns = snapshot.columns("blob")?;
    snapshot.each_row("blob", &columns, |row| {
        take(&columns, &row);
        true
    })?;
    Ok(())
}

/// `io::Error` cannot be cloned.
fn copied(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// What was copied, and what could not be.
pub(crate) struct Copied {
    pub(crate) objects: Objects,
    pub(crate) lost: Vec<Lost>,
}

/// An object that cannot be had.
pub(crate) struct Lost {
    pub(crate) name: String,
    pub(crate) fault: Fault,
}

/// Names the objects that cannot be had, and says what that means. The exit code of a command that did the rest of its work.
pub(crate) fn report(lost: &[Lost], meaning: impl FnOnce(usize) -> String) -> ExitCode {
    if lost.is_empty() {
        return ExitCode::SUCCESS;
    }
    for Lost { name, fault } in lost {
        telemetry::log::print_error(&format!("the object {name} {fault}"));
    }
    telemetry::log::print_error(&meaning(lost.len()));
    ExitCode::FAILURE
}

/// Copies objects into a backup, each as the database describes it. Those of files that were deleted since `began` may be missing.
/// Unless `allow_missing`, a file store that has next to none of them is taken for another one.
pub(crate) fn copy_out(
    store: &FileStore,
    objects: &[Object],
    directory: &Path,
    began: Instant,
    allow_missing: bool,
) -> Result<Copied> {
    let directory = directory.join(OBJECTS);
    let cannot = || format!("cannot write {}", directory.display());
    DirBuilder::new().mode(0o700).create(&directory).with_context(cannot)?;
    let mut copied = Objects { objects: 0, bytes: 0 };
    let (mut lost, mut deleted) = (Vec::new(), 0);
    for object in objects {
        let read = object.read(store);
        match read.with_context(|| format!("cannot read {} in the file store", object.name))? {
            Ok(bytes) => {
                write(&bytes, &directory.join(&object.name)).with_context(cannot)?;
                copied.objects += 1;
                copied.bytes += object.size;
            }
            Err(Fault::Missing) if began.elapsed() >= OBJECTS_KEPT => deleted += 1,
            Err(fault) => lost.push(Lost { name: object.name.clone(), fault }),
        }
    }
    File::open(&directory).and_then(|it| it.sync_all()).with_context(cannot)?;
    let missing = lost.iter().filter(|it| it.fault == Fault::Missing).count();
    if is_another(missing, objects.len()) && !allow_missing {
        bail!(
            "{missing} of {} objects of files are not in this file store: name the one of the servers with --files. If they are lost, \
             --allow-missing makes a backup without them",
            objects.len()
        );
    }
    if deleted > 0 {
        telemetry::log::print_error(&format!(
            "{deleted} objects belong to files that were deleted while the backup was made, and are not in it"
        ));
    }
    Ok(Copied { objects: copied, lost })
}

/// Whether a file store that lacks so many objects is that of another database.
fn is_another(missing: usize, count: usize) -> bool {
    missing > 0 && (count - missing) * 100 < count * FOUND_PERCENT_MIN
}

fn write(bytes: &[u8], path: &Path) -> io::Result<()> {
    let mut writer = RowWriter::create(path)?;
    writer.text(bytes)?;
    writer.finish().map(drop)
}

/// Puts an object of a backup into the file store. One that is there as it was written is left as it is, and any other is replaced.
/// Returns why the backup does not have it.
pub(crate) fn copy_in(
    store: &FileStore,
    object: &Object,
    directory: &Path,
) -> Result<Option<Fault>> {
    let name = &object.name;
    let there = object.read(store);
    let there = there.with_context(|| format!("cannot read {name} in the file store"))?;
    if there.is_ok() {
        return Ok(None);
    }
    let read = object.read_backup(directory);
    let bytes = match read.with_context(|| format!("cannot read {name} in the backup"))? {
        Ok(bytes) => bytes,
        Err(fault) => return Ok(Some(fault)),
    };
    let write = || {
        let mut new = store.create(name)?;
        new.write_all(&bytes)?;
        new.finish()
    };
    write().with_context(|| {
        format!("cannot put {name} into the file store; name the one of the servers with --files")
    })?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_has_next_to_nothing_is_another_one() {
        for (missing, count, expected) in [
            (0, 0, false),
            (0, 1, false),
            (1, 1, true),
            (1, 2, false),
            (99, 100, false),
            (199, 200, true),
            (198, 200, false),
        ] {
            assert_eq!(is_another(missing, count), expected, "{missing} of {count}");
        }
    }
}
