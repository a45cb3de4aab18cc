//! Reading and writing a socket under a deadline.
//!
//! Built on poll(2) and `MSG_DONTWAIT`, not on `SO_RCVTIMEO`: no time-out stays behind on the socket
//! for its next user to trip over, it works whether the socket blocks or not, and what is already
//! there costs a single system call.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// Appends what has come to `buffer`, within its spare capacity, which must not be empty; waits for
/// the first byte until `by`. 0 means that the other side has finished.
///
/// # Errors
/// [`ErrorKind::TimedOut`] at the deadline; else what the socket says.
pub fn recv_append(socket: impl AsFd, buffer: &mut Vec<u8>, by: Instant) -> io::Result<usize> {
    let socket = socket.as_fd();
    patiently(socket, PollFlags::IN, by, || {
        Ok(rustix::net::recv(socket, spare_capacity(buffer), RecvFlags::DONTWAIT)?.1)
    })
}

/// As [`recv_append`], into a slice, which must not be empty.
///
/// # Errors
/// [`ErrorKind::TimedOut`] at the deadline; else what the socket says.
pub fn recv(socket: impl AsFd, buffer: &mut [u8], by: Instant) -> io::Result<usize> {
    let socket = socket.as_fd();
    patiently(socket, PollFlags::IN, by, || {
        Ok(rustix::net::recv(socket, &mut *buffer, RecvFlags::DONTWAIT)?.1)
    })
}

/// Sends all of `bytes` until `by`, however slowly they are taken.
///
/// # Errors
/// [`ErrorKind::TimedOut`] at the deadline, with some bytes perhaps sent; else what the socket says.
pub fn send_all(socket: impl AsFd, bytes: &[u8], by: Instant) -> io::Result<()> {
    send(socket, bytes, |_| by)
}

/// Sends to a reader that may be slow: it takes `bytes_per_second` on average after a first `stall`, and never pauses
/// for longer than `stall`. Time between two calls does not count.
#[derive(Debug)]
pub struct PacedSend {
    stall: Duration,
    bytes_per_second: u32,
    sent: u64,
    /// The time spent in calls that have returned.
    spent: Duration,
}

impl PacedSend {
    /// Nothing has been sent yet.
    pub fn new(stall: Duration, bytes_per_second: u32) -> Self {
        Self { stall, bytes_per_second, sent: 0, spent: Duration::ZERO }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] if the reader is too slow; else what the socket says.
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

/// Sends all of `bytes`; `by` is told how many more have been sent, and says until when the next must be.
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

/// Tries, and waits for readiness until `by` before each further try. A deadline that has passed still
/// allows the first try: what is there is there.
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

/// Waits until `socket` can be read or written without waiting (or has failed, which the next call
/// will tell); false at the deadline.
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
