//! Checks the file store.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ::files::{Cause, FileStore, FilesUrl, Room};
use sql::{DatabaseUrl, Diagnostic, Severity};

use super::Settings;
use crate::limit::FREE_BYTES_WARNING;

const MIB: u64 = 1024 * 1024;

pub(super) fn look(url: &DatabaseUrl, settings: &Settings<'_>) -> Diagnostic {
    let data = sql::args::data_directory();
    let (level, text) = match settings.files.resolve(url.directory().as_deref(), data.as_deref()) {
        Err(error) => (Severity::Problem, error.to_string()),
        Ok(None) => {
            let text = "there is no home directory to keep files in: name a place with --files";
            (Severity::Warning, text.to_owned())
        }
        Ok(Some((FilesUrl::Directory(path), store))) => directory(&path, &store),
        Ok(Some((bucket, store))) => match store.probe() {
            Ok(()) => (Severity::Fine, format!("{bucket} can be written and read")),
            Err(error) => (Severity::Problem, format!("{bucket}: {error}")),
        },
    };
    Diagnostic::new(level, "files", text)
}

/// A file in a directory would belong to whoever runs this, so that another user's directory is only looked at.
fn directory(path: &Path, store: &FileStore) -> (Severity, String) {
    let shown = path.display();
    let room = match store.room() {
        Ok(Some(room)) => room,
        Ok(None) => {
            let parent = path.parent().unwrap_or(path).display();
            let text = format!("{shown} cannot be made: make {parent}, for the server's user");
            return (Severity::Problem, text);
        }
        Err(error) => return (Severity::Problem, error.to_string()),
    };
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            return (Severity::Problem, format!("{shown}: {}", Cause::NotADirectory.text()));
        }
        Ok(found) if found.uid() == rustix::process::geteuid().as_raw() => {
            if let Err(error) = store.probe() {
                return (Severity::Problem, error.to_string());
            }
        }
        _ => {}
    }
    let (severity, more) = advice(room);
    (severity, format!("{} MiB are free for {shown}{more}", room.free / MIB))
}

fn advice(room: Room) -> (Severity, String) {
    let reserved = room.reserved / MIB;
    match room.free {
        free if free < room.reserved => {
            let text =
                format!(": nothing can be uploaded, because {reserved} MiB are left to messages");
            (Severity::Problem, text)
        }
        free if free < FREE_BYTES_WARNING => {
            (Severity::Warning, format!(", and {reserved} MiB of them are left to messages"))
        }
        _ => (Severity::Fine, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_gets_full_is_told_before_it_is() {
        let level = |free| advice(Room { free, reserved: 256 * MIB }).0;
        assert_eq!(level(FREE_BYTES_WARNING), Severity::Fine);
        assert_eq!(level(FREE_BYTES_WARNING - 1), Severity::Warning);
        assert_eq!(level(256 * MIB), Severity::Warning);
        assert_eq!(level(256 * MIB - 1), Severity::Problem);
    }
}
