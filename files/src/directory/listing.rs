//! Lists the directory of a file store.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{PARTIAL, PROBE, explained};
use crate::check;

/// A file in the directory of a file store: an object, or an object that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The name of the object.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// The objects in `directory`. A directory that does not exist yet has none. Files that are no objects are left out.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<ListedObject>> {
    let mut listed = Vec::new();
    for folder in entries(directory)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&folder)? {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name = file.strip_suffix(PARTIAL).unwrap_or(file);
            let is_object =
                check(name).is_ok() && name != PROBE && folder == directory.join(&name[..2]);
            // It may have been deleted meanwhile.
            if let Some(found) = path.metadata().ok().filter(|_| is_object) {
                let name = name.to_owned();
                listed.push(ListedObject { name, path, bytes: found.len() });
            }
        }
    }
    Ok(listed)
}

/// The paths in a directory; empty if the directory does not exist.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let read = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
    };
    match read() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| explained("read", directory, error)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_are_objects_also_those_that_are_being_written() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("files");
        assert_eq!(list(&directory).unwrap(), []);
        for folder in ["lost+found", "Ab", "an", "he"] {
            fs::create_dir_all(directory.join(folder)).unwrap();
        }
        for (path, bytes) in [
            ("Ab/AbCdEfGhIjKlMnOpQr", "whole"),
            ("an/another-object-here.partial", "half"),
            ("Ab/README", ""),
            ("Ab/of-another-folder-", ""),
            ("he/health-probe-object", ""),
            ("README", ""),
        ] {
            fs::write(directory.join(path), bytes).unwrap();
        }
        let mut listed = list(&directory).unwrap();
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        let listed: Vec<_> = listed.iter().map(|it| (&*it.name, it.bytes)).collect();
        assert_eq!(listed, [("AbCdEfGhIjKlMnOpQr", 5), ("another-object-here", 4)]);
    }
}
