//! Many WebSocket connections on one thread and one epoll, to this machine only.
//!
//! What one turn writes to a connection goes out in one `send`, so that the generator costs as little as it can.

pub(crate) mod dialect;
pub(crate) mod frame;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

pub(crate) use dialect::{Dialect, Recipient, Speaker};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 512;

/// Counts clients: the same people say something new in each run.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// What a turn has brought, and on which connection.
pub(crate) enum Note {
    /// It is logged in.
    Ready,
    /// A message that was sent at this time, in nanoseconds since the client began, as its sender's so-and-so-manieth.
    Message { sent: u64, number: u32 },
    /// The server has confirmed a message.
    Confirmed,
    /// It is closed, and why.
    Lost(String),
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Closed,
    Connecting,
    Upgrading,
    Open,
}

struct Connection {
    socket: Option<OwnedFd>,
    stage: Stage,
    speaker: Speaker,
    out: Vec<u8>,
    sent: usize,
    partial: Vec<u8>,
    is_dirty: bool,
    waits_for_room: bool,
}

pub(crate) struct Client {
    address: SocketAddr,
    run: u32,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    dialect: Dialect,
    dirty: Vec<usize>,
    buffer: Vec<u8>,
    epoch: Instant,
    /// Who has a connection open says nothing yet.
    is_silent: bool,
    pub(crate) notes: VecDeque<(usize, Note)>,
}

/// Servers started later would inherit it.
impl Drop for Client {
    fn drop(&mut self) {
        let _ = rustix::thread::set_current_timer_slack(None);
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, dialect: Dialect) -> Result<Self> {
        ensure!(address.ip().is_loopback(), "only a server on this machine");
        // The kernel may otherwise be 50 µs late with what is to be sent at a rate.
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        Ok(Self {
            address,
            run: RUNS.fetch_add(1, Ordering::Relaxed),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            dialect,
            dirty: Vec::new(),
            buffer: Vec::with_capacity(READ_BYTES),
            epoch: Instant::now(),
            is_silent: false,
            notes: VecDeque::new(),
        })
    }

    /// Nanoseconds since it began.
    pub(crate) fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// A place for one more connection, whose number is one more than the last; nothing is opened yet.
    pub(crate) fn add(&mut self, in_group: bool) {
        let speaker = Speaker::new(self.run, self.connections.len(), in_group);
        self.connections.push(Connection {
            socket: None,
            stage: Stage::Closed,
            speaker,
            out: Vec::new(),
            sent: 0,
            partial: Vec::new(),
            is_dirty: false,
            waits_for_room: false,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Opens all that are closed, so many at once, but says nothing on them.
    pub(crate) fn open_all_silently(&mut self, at_once: usize, patience: Duration) -> Result<()> {
        self.is_silent = true;
        self.open_all(at_once, patience)
    }

    /// Says on all at once what was not said when they were opened, and waits for the answers.
    pub(crate) fn greet_all(&mut self, patience: Duration) -> Result<()> {
        self.is_silent = false;
        for at in 0..self.len() {
            let connection = &mut self.connections[at];
            self.dialect.greet(&mut connection.speaker, &mut connection.out);
            self.mark(at);
        }
        let (until, mut ready) = (Instant::now() + patience, 0);
        while ready < self.len() {
            ensure!(Instant::now() < until, "only {ready} of {} are welcome", self.len());
            self.turn(Duration::from_millis(5))?;
            while let Some((at, note)) = self.notes.pop_front() {
                match note {
                    Note::Ready => ready += 1,
                    Note::Lost(why) => bail!("connection {at} lost: {why}"),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Opens all that are closed, so many at once.
    pub(crate) fn open_all(&mut self, at_once: usize, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        let mut closed: VecDeque<usize> =
            (0..self.len()).filter(|at| self.connections[*at].stage == Stage::Closed).collect();
        let (wanted, mut going, mut ready) = (closed.len(), 0, 0);
        let mut why = String::new();
        while ready < wanted {
            ensure!(Instant::now() < until, "only {ready} of {wanted} connections; {why}");
            while going < at_once
                && let Some(at) = closed.pop_front()
            {
                self.open(at)?;
                going += 1;
            }
            self.turn(Duration::from_millis(5))?;
            while let Some((at, note)) = self.notes.pop_front() {
                match note {
                    Note::Ready => {
                        going -= 1;
                        ready += 1;
                    }
                    Note::Lost(reason) => {
                        going -= 1;
                        why = reason;
                        closed.push_back(at);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, at: usize) -> Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match rustix::net::connect(&socket, &self.address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error).context("connecting"),
        }
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT;
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(at as u64), flags)?;
        let path = self.dialect.path();
        let connection = &mut self.connections[at];
        connection.out.clear();
        frame::upgrade(self.address, path, &mut connection.out);
        connection.partial.clear();
        connection.speaker.begin();
        connection.socket = Some(socket);
        connection.stage = Stage::Connecting;
        (connection.sent, connection.is_dirty, connection.waits_for_room) = (0, false, true);
        Ok(())
    }

    /// Drops all connections by reset, as a network does that goes away.
    pub(crate) fn drop_all(&mut self) -> Result<()> {
        for connection in &mut self.connections {
            if let Some(socket) = connection.socket.take() {
                sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
            }
            connection.stage = Stage::Closed;
        }
        Ok(())
    }

    /// Queues one message; it goes out in the next turn. `sent`: what it says of when.
    pub(crate) fn send(&mut self, from: usize, to: Recipient, sent: u64, number: u32) {
        let to = match to {
            Recipient::Connection(at) => self.connections[at].speaker.id,
            Recipient::Group => 0,
        };
        let connection = &mut self.connections[from];
        self.dialect.send(&mut connection.speaker, to, sent, number, &mut connection.out);
        self.mark(from);
    }

    fn mark(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        if !connection.is_dirty {
            connection.is_dirty = true;
            self.dirty.push(at);
        }
    }

    /// Writes what is queued, waits no longer than `time` for something to read, and takes it in; what that is answered with
    /// goes out in the next turn.
    pub(crate) fn turn(&mut self, time: Duration) -> Result<()> {
        self.flush()?;
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
        let mut events = Vec::with_capacity(EVENTS_MAX);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&time)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for event in &events {
            let (at, flags) = (event.data.u64() as usize, event.flags);
            if self.connections[at].socket.is_none() {
                continue;
            }
            if flags.intersects(epoll::EventFlags::OUT | epoll::EventFlags::ERR) {
                self.writable(at)?;
            }
            if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP) {
                self.read(at)?;
            }
        }
        Ok(())
    }

    fn writable(&mut self, at: usize) -> Result<()> {
        let connection = &mut self.connections[at];
        let Some(socket) = &connection.socket else { return Ok(()) };
        if connection.stage == Stage::Connecting {
            if let Err(error) = sockopt::socket_error(socket)? {
                self.lose(at, format!("connecting: {error}"));
                return Ok(());
            }
            connection.stage = Stage::Upgrading;
        }
        self.write(at)
    }

    fn flush(&mut self) -> Result<()> {
        let mut dirty = std::mem::take(&mut self.dirty);
        for at in dirty.drain(..) {
            if self.connections[at].is_dirty {
                self.write(at)?;
            }
        }
        self.dirty = dirty;
        Ok(())
    }

    fn write(&mut self, at: usize) -> Result<()> {
        let connection = &mut self.connections[at];
        connection.is_dirty = false;
        let Some(socket) = &connection.socket else { return Ok(()) };
        if connection.stage == Stage::Connecting {
            return Ok(());
        }
        while connection.sent < connection.out.len() {
            let rest = &connection.out[connection.sent..];
            match rustix::net::send(socket, rest, SendFlags::NOSIGNAL) {
                Ok(count) => connection.sent += count,
                Err(Errno::AGAIN) => return self.wait_for_room(at, true),
                Err(error) => {
                    self.lose(at, format!("writing: {error}"));
                    return Ok(());
                }
            }
        }
        connection.out.clear();
        connection.sent = 0;
        self.wait_for_room(at, false)
    }

    fn wait_for_room(&mut self, at: usize, waits: bool) -> Result<()> {
        let connection = &mut self.connections[at];
        if let Some(socket) = &connection.socket
            && connection.waits_for_room != waits
        {
            connection.waits_for_room = waits;
            let out = if waits { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let data = epoll::EventData::new_u64(at as u64);
            epoll::modify(&self.epoll, socket, data, epoll::EventFlags::IN | out)?;
        }
        Ok(())
    }

    fn read(&mut self, at: usize) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let Connection { socket, partial, .. } = &mut self.connections[at];
        let Some(socket) = socket else { return Ok(()) };
        // What is left of a frame comes first.
        buffer.append(partial);
        buffer.reserve(READ_BYTES / 2);
        let room = rustix::buffer::spare_capacity(&mut buffer);
        match rustix::net::recv(socket, room, RecvFlags::empty()) {
            Ok((0, _)) => self.lose(at, "closed by the server".to_owned()),
            Ok(_) => match self.take(at, &buffer) {
                Ok(used) => self.connections[at].partial.extend_from_slice(&buffer[used..]),
                Err(error) => self.lose(at, format!("{error:#}")),
            },
            Err(Errno::AGAIN) => self.connections[at].partial.append(&mut buffer),
            Err(error) => self.lose(at, format!("reading: {error}")),
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Takes in what came; returns how much of it was whole.
    fn take(&mut self, at: usize, bytes: &[u8]) -> Result<usize> {
        let connection = &mut self.connections[at];
        let mut taken = 0;
        let mut heard = Vec::new();
        if connection.stage == Stage::Upgrading {
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            let Some(end) = end else { return Ok(0) };
            let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
            ensure!(line.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(line));
            taken = end + 4;
            connection.stage = Stage::Open;
            match self.is_silent {
                true => heard.push(Note::Ready),
                false => self.dialect.greet(&mut connection.speaker, &mut connection.out),
            }
        }
        while let Some(frame) = frame::first(&bytes[taken..])? {
            let payload = &bytes[taken + frame.start..taken + frame.end];
            match frame.opcode {
                frame::CLOSE => bail!("close frame {payload:?}"),
                frame::PING => frame::put(&mut connection.out, frame::PONG, payload),
                frame::PONG => {}
                _ => {
                    let connection = (&mut connection.speaker, &mut connection.out);
                    self.dialect.hear(connection.0, payload, connection.1, &mut heard)?;
                }
            }
            taken += frame.end;
        }
        self.dialect.acknowledge(&mut connection.speaker, &mut connection.out);
        let has_more_to_say = connection.sent < connection.out.len();
        self.notes.extend(heard.into_iter().map(|note| (at, note)));
        if has_more_to_say {
            self.mark(at);
        }
        Ok(taken)
    }

    fn lose(&mut self, at: usize, why: String) {
        let connection = &mut self.connections[at];
        connection.socket = None;
        connection.stage = Stage::Closed;
        self.notes.push_back((at, Note::Lost(why)));
    }
}
