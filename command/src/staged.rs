//! The directory of a backup until it is complete.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::manifest::{MANIFEST, OBJECTS, files};

/// The name that the directory has meanwhile: inside one that is there, or after the name of one that is not.
const PARTIAL: &str = ".partial";
/// A file system has it at its root, so that a backup may go to one that is mounted there.
const LOST_AND_FOUND: &str = "lost+found";
/// How often a directory is tried to be made where others make and remove theirs at the same time.
const TRIES: usize = 8;

/// The directory in which a backup is made until it is complete. It is locked, so that another backup notices it. Dropping it before [`StagedDirectory::publish`] takes
/// away what there is of it.
pub(crate) struct StagedDirectory {
    /// The directory in which the files are written.
    pub(crate) path: PathBuf,
    /// The directory of the complete backup.
    directory: PathBuf,
    /// Whether that was there, empty. It may be one that cannot be renamed: a mount point, a link, one whose parent is closed.
    was_there: bool,
    is_revealed: bool,
    _lock: File,
}

impl StagedDirectory {
    /// Creates it. Leftovers of an interrupted backup are removed.
    pub(crate) fn make(directory: &Path) -> Result<Self> {
        let was_there = is_there(directory)?;
        if was_there {
            leftovers(directory)?;
        }
        let path = if was_there {
            directory.join(PARTIAL)
        } else {
            // `a/b` of `a/b/`.
            let mut name = OsString::from(directory.components().collect::<PathBuf>());
            name.push(PARTIAL);
            PathBuf::from(name)
        };
        let lock = lock(&path)?;
        if was_there && let Err(error) = prepare(directory) {
            let _ = fs::remove_dir(&path);
            return Err(error);
        }
        let directory = directory.to_owned();
        Ok(Self { path, directory, was_there, is_revealed: false, _lock: lock })
    }

    /// Moves the complete backup to its place, and flushes it to the disk.
    pub(crate) fn publish(mut self) -> Result<()> {
        let put = if self.was_there { self.move_files() } else { self.rename() };
        put.with_context(|| format!("cannot put the backup at {}", self.directory.display()))?;
        self.is_revealed = true;
        Ok(())
    }

    fn rename(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, self.directory.components().collect::<PathBuf>())?;
        let parent = self.directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// The manifest comes last: without it the rest is no backup.
    fn move_files(&self) -> io::Result<()> {
        let directory = File::open(&self.directory)?;
        let put = |name: &str| fs::rename(self.path.join(name), self.directory.join(name));
        let has_file = |name: &String| self.path.join(name).exists();
        let first = files().filter(|name| name != MANIFEST).chain([OBJECTS.to_owned()]);
        first.filter(has_file).try_for_each(|name| put(&name))?;
        directory.sync_all()?;
        put(MANIFEST)?;
        fs::remove_dir(&self.path)?;
        directory.sync_all()
    }
}

impl Drop for StagedDirectory {
    fn drop(&mut self) {
        if self.is_revealed {
            return;
        }
        // What stays is taken away by the next backup.
        if self.was_there {
            let _ = fs::remove_file(self.directory.join(MANIFEST));
            files().for_each(|name| drop(fs::remove_file(self.directory.join(name))));
            let _ = fs::remove_dir_all(self.directory.join(OBJECTS));
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn is_there(directory: &Path) -> Result<bool> {
    let shown = directory.display();
    let cannot = || format!("cannot make the directory {shown}");
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => Ok(true),
        Ok(_) => bail!("cannot make the directory {shown}: a file has this name"),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(cannot),
        Err(_) => {
            ensure!(
                fs::symlink_metadata(directory).is_err(),
                "{shown} is a link that leads nowhere: make the directory that it leads to"
            );
            Ok(false)
        }
    }
}

/// Once the lock is held: another backup may have been made meanwhile.
fn prepare(directory: &Path) -> Result<()> {
    for file in leftovers(directory)? {
        let remove = if file.ends_with(OBJECTS) { fs::remove_dir_all } else { fs::remove_file };
        remove(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    let mode = Permissions::from_mode(0o700);
    fs::set_permissions(directory, mode)
        .with_context(|| format!("cannot keep others out of {} (mode 0700)", directory.display()))
}

/// What a broken-off backup has put into a directory that was empty; an error if there is anything else in it.
fn leftovers(directory: &Path) -> Result<Vec<PathBuf>> {
    let shown = directory.display();
    let read = || -> io::Result<Vec<OsString>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
    };
    let mut names = read().with_context(|| format!("cannot read the directory {shown}"))?;
    names.retain(|name| name != LOST_AND_FOUND);
    let count = names.len();
    names.retain(|name| name != PARTIAL);
    let was_begun = names.len() < count;
    let is_ours =
        |name: &OsString| name == OBJECTS || files().any(|file| *name == *file && file != MANIFEST);
    ensure!(
        names.is_empty() || (was_begun && names.iter().all(is_ours)),
        "{shown} holds something already: name a directory that is empty or not there yet"
    );
    Ok(names.iter().map(|name| directory.join(name)).collect())
}

/// Makes the directory, locked. One that is there unlocked was left by a backup that was broken off, and is removed first.
fn lock(path: &Path) -> Result<File> {
    let shown = path.display();
    let cannot = || format!("cannot make the directory {shown}");
    for _ in 0..TRIES {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                let lock = File::open(path).with_context(cannot)?;
                if lock.try_lock().is_ok() && is_at(&lock, path) {
                    return Ok(lock);
                }
                break;
            }
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(error).with_context(cannot);
            }
            Err(_) => {}
        }
        let Ok(found) = fs::symlink_metadata(path) else { continue };
        ensure!(found.is_dir(), "{shown} is in the way: remove it");
        let Ok(old) = File::open(path) else { continue };
        if old.try_lock().is_err() {
            break;
        }
        // The lock on the directory that is at the path gives the right to remove it; on another it gives none.
        if is_at(&old, path) {
            fs::remove_dir_all(path).with_context(|| format!("cannot remove {shown}"))?;
        }
    }
    bail!("another backup is being made in {shown}")
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn fill(partial: &StagedDirectory) {
        files().for_each(|name| fs::write(partial.path.join(name), "").unwrap());
    }

    #[test]
    fn a_directory_that_is_there_is_filled_and_what_was_broken_off_in_it_is_taken_away() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path();
        fs::create_dir(directory.join(LOST_AND_FOUND)).unwrap();
        // As if a process had died while it moved the files.
        fs::create_dir(directory.join(PARTIAL)).unwrap();
        fs::write(directory.join(PARTIAL).join("half.jsonl"), "").unwrap();
        fs::write(directory.join("account.jsonl"), "").unwrap();
        let partial = StagedDirectory::make(directory).unwrap();
        assert_eq!(names(directory), [PARTIAL, LOST_AND_FOUND]);
        let other = StagedDirectory::make(directory).err().unwrap().to_string();
        assert!(other.contains("another backup is being made"), "{other}");
        fill(&partial);
        drop(partial);
        assert_eq!(names(directory), [LOST_AND_FOUND]);
        let partial = StagedDirectory::make(directory).unwrap();
        fill(&partial);
        partial.publish().unwrap();
        assert_eq!(names(directory).len(), files().count() + 1);
        assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let full = StagedDirectory::make(directory).err().unwrap().to_string();
        assert!(full.contains("holds something already"), "{full}");
    }

    #[test]
    fn what_is_no_leftover_is_never_removed() {
        let base = tempfile::tempdir().unwrap();
        for name in ["notes", MANIFEST, "account.jsonl"] {
            let directory = base.path().join(name);
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join(name), "").unwrap();
            if name != "account.jsonl" {
                fs::create_dir(directory.join(PARTIAL)).unwrap();
            }
            let refused = StagedDirectory::make(&directory).err().unwrap().to_string();
            assert!(refused.contains("holds something already"), "{refused}");
            assert!(directory.join(name).exists());
        }
        std::os::unix::fs::symlink("nowhere", base.path().join("link")).unwrap();
        let refused = StagedDirectory::make(&base.path().join("link")).err().unwrap().to_string();
        assert!(refused.contains("leads nowhere"), "{refused}");
        std::os::unix::fs::symlink("notes", base.path().join("a.partial")).unwrap();
        let refused = StagedDirectory::make(&base.path().join("a")).err().unwrap().to_string();
        assert!(refused.contains("is in the way"), "{refused}");
    }
}
