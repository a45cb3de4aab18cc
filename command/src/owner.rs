//! Runs a command as the owner of the database's file, or of the file store, so that it leaves no file that the servers cannot open.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Error, Result, bail};

/// Continues as the owner of the file or directory that the command works in, if the database is a file.
pub(crate) fn run_as_owner_of(place: Option<&Path>) -> Result<()> {
    place.map_or(Ok(()), run_as)
}

/// The same before a file is made there, or where only files are read. Only root can be somebody else: a file that anybody else makes is their own.
pub(crate) fn run_as_owner_of_new(place: Option<&Path>) -> Result<()> {
    if rustix::process::geteuid().is_root() { run_as_owner_of(place) } else { Ok(()) }
}

/// If a right is missing: says as which user the command runs, since that may not be the user who has started it.
pub(crate) fn explained(error: Error, place: Option<&Path>) -> Error {
    let is_denied = error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == ErrorKind::PermissionDenied)
    });
    let Some(place) = place.filter(|_| is_denied) else { return error };
    let own = rustix::process::geteuid().as_raw();
    let user = name(own);
    let owns = fs::metadata(place).is_ok_and(|found| found.uid() == own);
    let owner = if owns { format!(", the owner of {}", place.display()) } else { String::new() };
    error.context(format!(
        "this runs as the user {user}{owner}, who needs the right to do this (as by chown {user})"
    ))
}

/// Goes on as the owner of a file: by starting this program again as that user, if this is root.
fn run_as(path: &Path) -> Result<()> {
    // Who opens it says what is wrong.
    let Ok(found) = fs::metadata(path) else { return Ok(()) };
    let own = rustix::process::geteuid();
    if own.as_raw() == found.uid() {
        return Ok(());
    }
    let file = path.display();
    if !own.is_root() {
        bail!(
            "{file} belongs to the user {0}: run this as that user or as root, so that its files stay those of {0}",
            name(found.uid())
        );
    }
    // It takes away root's groups too.
    let error = Command::new("/proc/self/exe")
        .arg0(std::env::args_os().next().unwrap_or_default())
        .args(std::env::args_os().skip(1))
        .uid(found.uid())
        .gid(found.gid())
        .exec();
    Err(error).with_context(|| {
        format!(
            "{file} belongs to the user {}, and this program cannot run as that user",
            name(found.uid())
        )
    })
}

/// The name of a user, or their number.
pub(crate) fn name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let user = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = user.into_iter().find(|fields| fields.get(2) == Some(&number.as_str()));
    user.map_or(number.clone(), |fields| fields[0].to_owned())
}
