//! Tells systemd the state of the service: the protocol of sd_notify(3), for units with `Type=notify`.
//!
//! Without `NOTIFY_SOCKET` nothing is sent. A failure to send is only logged, since the server works without it.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells systemd that the ports serve and the database is open.
pub fn ready() {
    send("READY=1");
}

/// Tells systemd that the program has been asked to stop and finishes the requests that it has accepted.
pub fn stopping() {
    send("STOPPING=1");
}

fn send(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
        return;
    };
    if let Err(error) = send_to(&socket, state) {
        tracing::warn!(%error, state, "cannot notify systemd");
    }
}

/// `socket` is a path, or `@` and a name in the abstract namespace.
fn send_to(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // A full queue must not hold up the start or the end.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn heard(receiver: &UnixDatagram) -> String {
        receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut buffer = [0; 64];
        let length = receiver.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_socket_with_a_path_hears_the_state() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        send_to(path.as_os_str(), "READY=1").unwrap();
        assert_eq!(heard(&receiver), "READY=1");
    }

    #[test]
    fn a_socket_in_the_abstract_namespace_hears_the_state() {
        let name = format!("messenger-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        send_to(OsStr::new(&format!("@{name}")), "STOPPING=1").unwrap();
        assert_eq!(heard(&receiver), "STOPPING=1");
    }

    #[test]
    fn a_socket_that_is_not_there_or_full_is_an_error_and_no_wait() {
        assert!(send_to(OsStr::new("/nowhere/notify"), "READY=1").is_err());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let full = (0..100_000).any(|_| send_to(path.as_os_str(), "READY=1").is_err());
        assert!(full, "nobody reads, and still everything was taken");
    }
}
