//! Reading and writing a socket with a deadline.
//!
//! These functions use poll(2) and `MSG_DONTWAIT` instead of `SO_RCVTIMEO`. So they leave no timeout on the socket, they work
//! with blocking and with non-blocking sockets, and bytes that have arrived already cost a single system call.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// Appends received bytes to `buffer`, within its spare capacity, which must not be empty. Waits for the first byte until `by`.
/// 0 means that the peer has closed its side.
///
/// # Errors
/// [`ErrorKind::TimedOut`] at the deadline; otherwise the error of the socket.
pub fn recv_append(socket: impl AsFd, buffer: &mut Vec<u8>, by: Instant) -> io::Result<usize> {
    let socket = socket.as_fd();
    patiently(socket, PollFlags::IN, by, || {
        Ok(rustix::net::recv(socket, spare_capacity(buffer), RecvFlags::DONTWAIT)?.1)
    })
}

/// The same as [`recv_append`], into a slice, which must not be empty.
///
/// # Errors
/// [`ErrorKind::TimedOut`] at the deadline; otherwise the error of the socket.
pub fn recv(socket: impl AsFd, buffer: &mut [u8], by: Instant) -> io::Result<usize> {
    let socket = socket.as_fd();
    patiently(socket, PollFlags::IN, by, || {
        Ok(rustix::net::recv(socket, &mut *buffer, RecvFlags::DONTWAIT)?.1)
    })
}

/// Sends all of `bytes` until `by`. The peer may take them at any rate.
///
/// # Errors
/// [`ErrorKind::TimedOut`] at the deadline, when some of the bytes may have been sent; otherwise the error of the socket.
pub fn send_all(socket: impl AsFd, bytes: &[u8], by: Instant) -> io::Result<()> {
    send(socket, bytes, |_| by)
}

/// Sends to a peer that must read at a least rate: after a first pause of up to `stall` it takes `bytes_per_second` on average,
/// and it never pauses for longer than `stall`. The time between two calls does not count.
#[derive(Debug)]
pub struct PacedSend {
    stall: Duration,
    bytes_per_second: u32,
    sent: u64,
    /// The time that finished calls have taken.
    spent: Duration,
}

impl PacedSend {
    /// A sender that has not sent anything yet.
    pub fn new(stall: Duration, bytes_per_second: u32) -> Self {
        Self { stall, bytes_per_second, sent: 0, spent: Duration::ZERO }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] if the peer reads too slowly; otherwise the error of the socket.
    pub fn send_all(&mut self, socket: impl AsFd, bytes: &[u8]) -> io::Result<()> {
        let (begun, spent) = (Instant::now(), self.spent);
        let outcome = send(socket, bytes, |count| {
            self.sent += count;
            let earned = self.sent.saturating_mul(1000) / u64::from(self.bytes_per_second);
            let left = (self.stall + Duration::from_millis(earned)).saturating_sub(spent);
            (begun + left).min(Instant::now() + self.stall)
        });
        self.spent += begun.elapsed();
        outcome
    }
}

/// Sends all of `bytes`. `by` gets the number of bytes that the last send has sent, and returns the deadline of the next one.
fn send(socket: impl AsFd, mut bytes: &[u8], mut by: impl FnMut(u64) -> Instant) -> io::Result<()> {
    let (socket, mut sent) = (socket.as_fd(), 0);
    while !bytes.is_empty() {
        let deadline = by(sent as u64);
        sent = patiently(socket, PollFlags::OUT, deadline, || {
            rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
        })?;
        bytes = &bytes[sent..];
    }
    by(sent as u64);
    Ok(())
}

/// Calls `attempt` until it does not return `EAGAIN`, and waits for `readiness` before each further call. The first call is made
/// even if the deadline has passed, so bytes that have arrived already are read.
fn patiently<T>(
    socket: impl AsFd,
    readiness: PollFlags,
    by: Instant,
    mut attempt: impl FnMut() -> rustix::io::Result<T>,
) -> io::Result<T> {
    loop {
        match attempt() {
            Err(Errno::AGAIN) => {
                if !is_ready(&socket, readiness, by)? {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Err(Errno::INTR) => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Waits until `socket` can be read or written without blocking, or has failed, which the next call then reports. Returns `false`
/// at the deadline.
///
/// # Errors
/// poll(2) is out of memory.
pub fn is_ready(socket: impl AsFd, readiness: PollFlags, by: Instant) -> io::Result<bool> {
    loop {
        let left = by.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let left = Timespec::try_from(left).map_err(|_| ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&socket, readiness)], Some(&left)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    const SHORT: Duration = Duration::from_millis(30);

    #[test]
    fn a_silent_peer_times_out_and_leaves_no_time_out_behind() {
        let (near, _far) = UnixStream::pair().unwrap();
        let error = recv(&near, &mut [0; 8], Instant::now() + SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(near.read_timeout().unwrap(), None);
    }

    #[test]
    fn what_is_there_is_read_even_after_the_deadline() {
        let (near, far) = UnixStream::pair().unwrap();
        send_all(&far, b"here", Instant::now()).unwrap();
        let mut buffer = Vec::with_capacity(3);
        assert_eq!(recv_append(&near, &mut buffer, Instant::now()).unwrap(), 3);
        assert_eq!(buffer, b"her");
        drop(far);
        let mut rest = [0; 8];
        assert_eq!(recv(&near, &mut rest, Instant::now()).unwrap(), 1);
        assert_eq!(recv(&near, &mut rest, Instant::now()).unwrap(), 0);
    }

    #[test]
    fn a_reader_that_does_not_read_times_out() {
        let (near, _far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let much = vec![0; 8 << 20];
        let error = send_all(&near, &much, Instant::now() + SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = PacedSend::new(SHORT, 1).send_all(&near, &much).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_slow_reader_that_keeps_reading_gets_everything() {
        let (near, far) = UnixStream::pair().unwrap();
        let reader = os_thread::spawn("reader", 256 * 1024, move || {
            let mut read = 0;
            let mut some = vec![0; 16 * 1024];
            while read < 4 << 20 {
                read += recv(&far, &mut some, Instant::now() + Duration::from_secs(5)).unwrap();
            }
        });
        let mut paced = PacedSend::new(Duration::from_secs(5), 1);
        paced.send_all(&near, &vec![0; 4 << 20]).unwrap();
        reader.unwrap().join().unwrap();
    }

    #[test]
    fn a_reader_that_keeps_reading_too_slowly_times_out() {
        let (near, far) = UnixStream::pair().unwrap();
        // Some 16 MB/s at most: never a pause, and far less than wanted.
        let reader = os_thread::spawn("reader", 256 * 1024, move || {
            let mut some = vec![0; 16 * 1024];
            while recv(&far, &mut some, Instant::now() + Duration::from_secs(5)).unwrap() > 0 {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        });
        let (stall, begun) = (Duration::from_millis(300), Instant::now());
        let mut paced = PacedSend::new(stall, 1 << 30);
        let error = paced.send_all(&near, &vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= stall && paced.spent >= stall && paced.sent > 0);
        drop(near);
        reader.unwrap().join().unwrap();
    }
}
