//! The objects of the file store in a backup: a directory of files, each checked by its line in the table `blob`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::HEXLOWER;
use files::FileStore;
use sha2::{Digest as _, Sha256};
use sql::{Cell, Column};

use crate::limit::OBJECTS_KEPT;
use crate::manifest::OBJECTS;
use crate::rows::RowWriter;

/// An object that is part of a file.
pub(crate) struct Object {
    pub(crate) name: String,
    hash: String,
    size: i64,
}

/// The object of a row of `blob`; nothing if it is part of no file.
pub(crate) fn object(columns: &[Column], row: &[Cell]) -> Option<Object> {
    let cell = |name: &str| Some(&row[columns.iter().position(|it| it.name == name)?]);
    match (cell("name")?, cell("hash")?, cell("size")?, cell("expires_at")?) {
        (Cell::Text(name), Cell::Text(hash), Cell::Int(size), Cell::Null) => {
            Some(Object { name: name.clone(), hash: hash.clone(), size: *size })
        }
        _ => None,
    }
}

/// Copies objects into a backup; returns their bytes. Those of files that were deleted since `began` may be missing.
pub(crate) fn copy_out(
    store: &FileStore,
    objects: &[Object],
    directory: &Path,
    began: Instant,
) -> Result<u64> {
    if objects.is_empty() {
        return Ok(0);
    }
    let directory = directory.join(OBJECTS);
    let cannot = || format!("cannot write {}", directory.display());
    DirBuilder::new().mode(0o700).create(&directory).with_context(cannot)?;
    let (mut bytes, mut missing) = (0, 0);
    for object in objects {
        let read = store.read(&object.name, 0, u64::try_from(object.size).unwrap_or(0));
        match read.and_then(|mut from| copy(&mut from, &directory.join(&object.name))) {
            Ok(count) => bytes += count,
            Err(error) if error.kind() == ErrorKind::NotFound => missing += 1,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot copy {}", object.name));
            }
        }
    }
    File::open(&directory).and_then(|it| it.sync_all()).with_context(cannot)?;
    if missing > 0 && began.elapsed() < OBJECTS_KEPT {
        bail!(
            "{missing} of {} objects of files are not in the file store: name it with --files, as for the servers",
            objects.len()
        );
    }
    if missing > 0 {
        telemetry::log::print_error(&format!(
            "{missing} objects belong to files that were deleted while the backup was made, and are not in it"
        ));
    }
    Ok(bytes)
}

fn copy(from: &mut dyn Read, path: &Path) -> io::Result<u64> {
    let (mut writer, mut chunk) = (RowWriter::create(path)?, vec![0; 64 * 1024]);
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            let bytes = writer.bytes;
            writer.finish()?;
            return Ok(bytes);
        }
        writer.text(&chunk[..count])?;
    }
}

/// Puts an object of a backup into the file store, once it is known to be as it was written. One that the store has already is
/// left as it is. False if the backup lacks it.
pub(crate) fn copy_in(store: &FileStore, object: &Object, directory: &Path) -> Result<bool> {
    let path = directory.join(OBJECTS).join(&object.name);
    let shown = path.display();
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        read => read.with_context(|| format!("cannot read {shown}"))?,
    };
    let is_same = i64::try_from(bytes.len()) == Ok(object.size)
        && HEXLOWER.encode(&Sha256::digest(&bytes)) == object.hash;
    ensure!(is_same, "{shown} is not as it was written: use another backup");
    let write = || {
        let mut new = store.create(&object.name)?;
        new.write_all(&bytes)?;
        new.finish()
    };
    match write() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(true),
        written => written.map(|()| true).with_context(|| {
            format!("cannot put {} into the file store; name it with --files", object.name)
        }),
    }
}
