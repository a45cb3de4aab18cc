//! The socket file of a server that listens at `unix:PATH`.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::FlockOperation;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::limit::LISTEN_BACKLOG;

/// Owner and group may connect. A reverse proxy gets access through the group.
const MODE: u32 = 0o660;

/// A socket file that this process has created.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode, to recognise the file of another server at the same path. While the socket is open, no other file gets
    /// the number of its inode.
    identity: (u64, u64),
    _socket: Arc<OwnedFd>,
    is_removed: AtomicBool,
}

impl SocketFile {
    /// Removes the file, unless another server has replaced it. A second call does nothing.
    pub(crate) fn remove(&self) {
        let is_ours = |found: Metadata| identity(&found) == self.identity;
        if !self.is_removed.swap(true, Ordering::Relaxed)
            && fs::symlink_metadata(&self.path).is_ok_and(is_ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket file is not removed");
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Listens at `path`, with a file of mode [`MODE`]. The file of a server that no longer runs is replaced.
///
/// # Errors
/// [`ErrorKind::AddrInUse`] if a server listens there, [`ErrorKind::AlreadyExists`] for another kind of file, else what
/// the system says.
pub(crate) fn listen(path: &Path) -> io::Result<(Arc<OwnedFd>, SocketFile)> {
    // The lock is held until this server listens. Otherwise, of two servers that start at the same time, one might take the
    // file of the other for that of a dead server.
    let _lock = lock_directory(path)?;
    remove_stale(path)?;
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    // Nobody can connect before `listen`, so the wider mode before this line does no harm.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    let identity = identity(&fs::symlink_metadata(path)?);
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    let socket = Arc::new(socket);
    let (path, is_removed) = (path.to_owned(), AtomicBool::new(false));
    let file = SocketFile { path, identity, _socket: Arc::clone(&socket), is_removed };
    Ok((socket, file))
}

fn lock_directory(path: &Path) -> io::Result<File> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or(Path::new(".")))?;
    rustix::fs::flock(&directory, FlockOperation::LockExclusive)?;
    Ok(directory)
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            let text = "there is a file that is no socket; remove it or choose another path";
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "a server listens there")),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_servers_file_is_replaced_and_a_live_ones_is_not() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("m.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (_socket, file) = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(UnixStream::connect(&path).is_ok());
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn another_file_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notes.txt");
        fs::write(&path, "mine").unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn the_file_of_a_successor_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("m.sock");
        let (_socket, file) = listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (_successor, theirs) = listen(&path).unwrap();
        drop(file);
        assert!(UnixStream::connect(&path).is_ok());
        drop(theirs);
        assert!(!path.exists());
    }
}
