//! Lingering close: ends a connection so that the last response arrives.

use std::net::{Shutdown as Direction, TcpStream};
use std::time::{Duration, Instant};

use net::deadline::recv;

/// Ends a connection so that the last response arrives. It shuts down the sending side, then reads and drops what the client
/// still sends, until the client closes its side or `linger` is over. A close with unread input would send a reset, which the
/// client may get before the response.
pub(crate) fn finish(stream: &TcpStream, linger: Duration) {
    finish_within(stream, linger, u64::MAX);
}

/// The same as [`finish`], but reads at most `most` bytes: for a connection whose head was refused.
pub(crate) fn finish_within(stream: &TcpStream, linger: Duration, most: u64) {
    if stream.shutdown(Direction::Write).is_err() {
        return;
    }
    let by = Instant::now() + linger;
    let (mut scrap, mut taken) = ([0; 8 * 1024], 0);
    while let Ok(count @ 1..) = recv(stream, &mut scrap, by) {
        taken += count as u64;
        // A client that sends without a pause never meets the deadline inside `recv`.
        if taken >= most || Instant::now() >= by {
            break;
        }
    }
}
