//! Waiting for the other side to take our last word.

use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use rustix::net::RecvFlags;

use crate::limit::CLOSE_LINGER;

/// Closing a socket with input unread would reset it, and the close frame could be lost: reads and throws away until the
/// client closes, for [`CLOSE_LINGER`] at the most.
pub(crate) fn until_closed(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let until = Instant::now() + CLOSE_LINGER;
    let mut scrap = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match rustix::net::recv(stream, &mut scrap, RecvFlags::empty()) {
            Ok((0, _)) => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
