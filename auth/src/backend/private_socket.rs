//! A Unix socket that no other user of the machine can reach, and that leaves no file on a disk.
//!
//! The socket is bound to a path, because Linux requires one. The path is removed before the first connection is
//! accepted. Before that, a descriptor of the socket file is opened. Through `/proc/self/fd` this process can still
//! connect.

use std::env;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use net::limit::{LISTEN_BACKLOG, SOCKET_PATH_BYTES_MAX};
use os_thread::lock;

/// Random bytes in the path, so that no other user can create it first.
const NAME_BYTES: usize = 8;

/// The address of one listener of this process.
#[derive(Debug)]
pub(crate) struct PrivateSocket {
    /// The descriptor of the socket file. Its number never changes.
    target: Mutex<OwnedFd>,
    path: PathBuf,
}

impl PrivateSocket {
    /// Binds in the first usable of `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR`, the temporary directory and `/dev/shm`
    /// (all that a read-only container has).
    ///
    /// # Errors
    /// The last refusal, if none is usable, or there is no `/proc`.
    pub(crate) fn create() -> io::Result<(Self, UnixListener)> {
        let (target, listener) = bind_in(places())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", target.as_raw_fd()));
        if !fs::metadata(&path)?.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "/proc/self/fd is of no use"));
        }
        Ok((Self { target: Mutex::new(target), path }, listener))
    }

    /// Creates another listener. From now on [`PrivateSocket::path`] leads to it.
    ///
    /// # Errors
    /// As for [`PrivateSocket::create`]; then nothing has changed.
    pub(crate) fn listen_anew(&self) -> io::Result<UnixListener> {
        let (target, listener) = bind_in(places())?;
        // Atomically, under the same number: a concurrent connect reaches either the old listener or the new one.
        rustix::io::dup3(&target, &mut lock(&self.target), rustix::io::DupFlags::CLOEXEC)?;
        Ok(listener)
    }

    /// The path under which this process, and no other, can connect as long as this value lives.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn places() -> impl Iterator<Item = PathBuf> {
    // systemd may name several directories, separated by colons.
    let runtime = env::var("RUNTIME_DIRECTORY").ok();
    let runtime = runtime.and_then(|all| all.split(':').next().map(PathBuf::from));
    let session = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let all = [runtime, session, Some(env::temp_dir()), Some(PathBuf::from("/dev/shm"))];
    all.into_iter().flatten()
}

fn bind_in(places: impl Iterator<Item = PathBuf>) -> io::Result<(OwnedFd, UnixListener)> {
    let mut refusal = io::Error::from(io::ErrorKind::NotFound);
    for place in places.filter(|place| place.is_absolute()) {
        match bind(&place) {
            Ok(bound) => return Ok(bound),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn bind(place: &Path) -> io::Result<(OwnedFd, UnixListener)> {
    let mut random = [0; NAME_BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let path = place.join(format!("messenger-{:016x}", u64::from_ne_bytes(random)));
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidFilename, "socket path too long"));
    }
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    // Not every file system supports sockets.
    rustix::net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
    let target = target(&path);
    fs::remove_file(&path)?;
    // Listening starts only now, so every earlier connect was refused.
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    Ok((target?, UnixListener::from(socket)))
}

/// A descriptor of the socket file, to which only its owner may connect.
fn target(path: &Path) -> io::Result<OwnedFd> {
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    // With musl the standard library takes O_PATH out of further flags.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    /// Whether connecting to `path` reaches `listener`.
    fn leads_to(path: &Path, listener: &UnixListener) -> bool {
        let Ok(mut client) = UnixStream::connect(path) else { return false };
        listener.set_nonblocking(true).unwrap();
        let Ok((mut server, _)) = listener.accept() else { return false };
        client.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        server.read_exact(&mut heard).unwrap();
        heard == *b"hello"
    }

    #[test]
    fn it_can_be_called_and_there_is_nothing_on_the_disk() {
        let place = tempfile::tempdir().unwrap();
        let (target, listener) = bind_in([place.path().to_owned()].into_iter()).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        let path = PathBuf::from(format!("/proc/self/fd/{}", target.as_raw_fd()));
        assert!(leads_to(&path, &listener));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // It does not need the directory any more.
        drop(place);
        assert!(leads_to(&path, &listener));
    }

    #[test]
    fn another_listener_takes_over_at_the_same_path() {
        let (socket, first) = PrivateSocket::create().unwrap();
        assert!(leads_to(socket.path(), &first));
        let path = socket.path().to_owned();
        let second = socket.listen_anew().unwrap();
        assert_eq!(socket.path(), path);
        assert!(leads_to(&path, &second));
    }

    #[test]
    fn the_first_usable_place_is_taken() {
        let good = tempfile::tempdir().unwrap();
        let deep = good.path().join("d".repeat(100));
        fs::create_dir(&deep).unwrap();
        let places = [PathBuf::from("relative"), "/proc/nowhere".into(), deep];
        assert!(bind_in(places.clone().into_iter()).is_err());
        assert!(bind_in(places.into_iter().chain([good.path().to_owned()])).is_ok());
    }
}
