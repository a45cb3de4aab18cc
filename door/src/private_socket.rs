//! A Unix socket's path that no other user of the machine can reach.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::limit::SOCKET_PATH_BYTES_MAX;

/// Random bytes in the directory's name, so that nobody can be there before us.
const NAME_BYTES: usize = 8;

/// A directory of mode 0700 with room for one socket. Removed when dropped.
#[derive(Debug)]
pub struct PrivateSocket {
    directory: PathBuf,
    path: PathBuf,
}

impl PrivateSocket {
    /// Makes the directory in the first usable of `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR`, the
    /// temporary directory and `/dev/shm` (all that a read-only container has). Usable: a directory
    /// can be made, a socket bound in it, and the path is short enough for one. `name` becomes the
    /// socket's file name.
    ///
    /// # Errors
    /// The last refusal, if none is usable.
    pub fn create(name: &str) -> io::Result<Self> {
        // systemd may name several directories, separated by colons.
        let runtime = env::var("RUNTIME_DIRECTORY").ok();
        let runtime = runtime.and_then(|all| all.split(':').next().map(PathBuf::from));
        let session = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places = [runtime, session, Some(env::temp_dir()), Some(PathBuf::from("/dev/shm"))];
        Self::create_in(name, places.into_iter().flatten())
    }

    fn create_in(name: &str, places: impl Iterator<Item = PathBuf>) -> io::Result<Self> {
        let mut refusal = io::Error::from(io::ErrorKind::NotFound);
        for place in places.filter(|place| place.is_absolute()) {
            match Self::try_in(&place, name) {
                Ok(socket) => return Ok(socket),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn try_in(place: &Path, name: &str) -> io::Result<Self> {
        let mut random = [0; NAME_BYTES];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let random = u64::from_ne_bytes(random);
        let directory = place.join(format!("messenger-{random:016x}"));
        let path = directory.join(name);
        if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "socket path too long"));
        }
        DirBuilder::new().mode(0o700).create(&directory)?;
        // From here on a failure removes the directory by dropping.
        let socket = Self { directory, path };
        // Not every file system knows sockets.
        drop(UnixListener::bind(&socket.path)?);
        fs::remove_file(&socket.path)?;
        Ok(socket)
    }

    /// Where to bind, and where to connect.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        // What cannot be removed is left; its name will not be used again.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nobody_else_may_enter_and_nothing_remains() {
        let socket = PrivateSocket::create("auth").unwrap();
        let directory = socket.path().parent().unwrap().to_owned();
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        let _listener = UnixListener::bind(socket.path()).unwrap();
        drop(socket);
        assert!(!directory.exists());
    }

    #[test]
    fn the_first_usable_place_is_taken() {
        let good = tempfile::tempdir().unwrap();
        let deep = good.path().join("d".repeat(100));
        fs::create_dir(&deep).unwrap();
        let places = [
            PathBuf::from("relative"),
            PathBuf::from("/proc/nowhere"),
            deep.clone(),
            good.path().to_owned(),
        ];
        let socket = PrivateSocket::create_in("auth", places.into_iter()).unwrap();
        assert_eq!(socket.path().parent().unwrap().parent(), Some(good.path()));
        assert_eq!(fs::read_dir(deep).unwrap().count(), 0, "nothing left where it was too long");
        assert!(PrivateSocket::create_in("auth", ["/proc".into()].into_iter()).is_err());
    }
}
