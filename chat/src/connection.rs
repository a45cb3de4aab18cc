//! One connection on its own thread: it sleeps in `recv`, handles a tick, and sleeps again.
//!
//! A tick handles all frames that have arrived, and then sends all resulting frames, to this client and to others. A
//! connection has three parts: the state of its socket, its [client](crate::client), and its [replies](crate::replies).

mod closing;
mod requests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tungstenite::error::{CapacityError, ProtocolError};
use wire::{AccountId, Close, Code, Request};

use crate::client::{Client, Identity};
use crate::committer::Task;
use crate::flow::{EndReason, Flow};
use crate::limit::FRAMES_PER_TICK_MAX;
use crate::message_reader::{Incoming, MessageReader};
use crate::metrics;
use crate::outbox::Outbox;
use crate::rate_limit::RateKind;
use crate::relay_batch::RelayBatch;
use crate::replay::{Progress, Replay};
use crate::replies::Replies;
use crate::server::{Mode, Server, next_guest};
use crate::socket_buffer::SocketBuffer;
use crate::verb::hello::{self, HelloContext, HelloRef};

/// One connection.
pub(crate) struct Connection<'a> {
    server: &'a Server,
    pub(crate) client: Client,
    pub(crate) replies: Replies,
    /// Accounts whose presence it watches.
    watching: Vec<AccountId>,
    replay: Option<Replay>,
    /// A guest's frames of this tick to other guests. Boxed, since most connections sleep and have none.
    relay: Option<Box<RelayBatch>>,
    /// Whether a WebSocket ping was sent and nothing has arrived since.
    pinged: bool,
    /// The time at which this tick began to handle frames: the clock is read once for all of them.
    now: Instant,
    /// Whether the client has sent a close frame. Then it has received what was sent before.
    has_closed: bool,
    /// Frames read in this tick. The shared counter is updated once per tick.
    frames: u64,
}

impl<'a> Connection<'a> {
    /// A connection whose handshake is done.
    ///
    /// Boxed, because a sleeping thread pays for its stack in whole pages.
    #[inline(never)]
    pub(crate) fn new(server: &'a Server, outbox: Arc<Outbox>, address: IpAddr) -> Box<Self> {
        let deadline = Instant::now() + server.timeouts.hello;
        Box::new(Self {
            server,
            client: Client::new(deadline, address, server.rate_limits.before_hello()),
            replies: Replies::new(outbox),
            watching: Vec::new(),
            replay: None,
            relay: None,
            pinged: false,
            now: Instant::now(),
            has_closed: false,
            frames: 0,
        })
    }

    /// Serves the connection until it ends. `token` is that of the upgrade request's `Authorization` header.
    #[inline(never)]
    pub(crate) fn run(&mut self, reader: &mut MessageReader, token: Option<&wire::Token>) {
        self.server.hub.add_unknown(self.replies.outbox());
        let ending = match self.serve(reader, token) {
            Ok(()) => EndReason::PeerGone,
            Err(ending) => ending,
        };
        self.flush();
        tracing::debug!(?ending, "ending");
        self.send_close(&ending);
        self.linger(reader, &ending);
    }

    fn serve(&mut self, reader: &mut MessageReader, token: Option<&wire::Token>) -> Flow {
        if let Mode::Guests { last } = &self.server.mode {
            hello::welcome_guest(&mut self.hello_context(), next_guest(last));
        } else if let Some(token) = token {
            let hello_ref = HelloRef::Hello(None);
            let replay = hello::authenticate(&mut self.hello_context(), token, None, hello_ref)?;
            self.after_hello(replay)?;
        }
        self.flush();
        self.set_read_timeout()?;
        // The handshake has gone deeper than most ticks do.
        os_thread::trim_stack();
        // Frames that arrived with the handshake are in the buffer already, and `recv` would not wake for them.
        let mut may_sleep = false;
        loop {
            if self.server.shutdown.has_begun() {
                return Err(EndReason::Close(Close::GoingAway));
            }
            self.replies.check_open()?;
            if self.replay.is_some() {
                self.replay()?;
                may_sleep &= self.replay.is_none();
                if self.replay.is_none() {
                    os_thread::trim_stack(); // The hello and the replay have used more stack, too.
                }
            }
            may_sleep = self.tick(reader, may_sleep)?;
        }
    }

    /// Handles the frames that have arrived. Returns whether all of them were handled, so that the next tick may sleep.
    fn tick(&mut self, reader: &mut MessageReader, may_sleep: bool) -> Result<bool, EndReason> {
        reader.begin(may_sleep);
        let mut handled = 0;
        let is_all = loop {
            match reader.next() {
                Ok(incoming) => {
                    if handled == 0 {
                        self.now = Instant::now();
                    }
                    self.handle(incoming)?;
                }
                Err(tungstenite::Error::Io(error)) if is_nothing(&error) => break true,
                Err(error) => {
                    self.has_closed = matches!(error, tungstenite::Error::ConnectionClosed);
                    return Err(end_reason(&error));
                }
            }
            handled += 1;
            if handled == FRAMES_PER_TICK_MAX {
                break false;
            }
        };
        self.flush();
        self.check_timeouts(reader.buffer())?;
        Ok(is_all)
    }

    fn handle(&mut self, incoming: Incoming<'_>) -> Flow {
        match incoming {
            Incoming::Text("ping") => {
                if self.admits(RateKind::Ping, None)? {
                    self.replies.outbox().push_text(b"pong");
                }
            }
            Incoming::Text(text) => {
                self.frames += 1;
                match Request::parse(text) {
                    Ok(request) => return self.carry_out(request),
                    Err(wrong) => {
                        let reference = wrong.reference.as_deref();
                        if self.admits(RateKind::Frame, reference)? {
                            self.replies.refuse(wrong.code, &wrong.message, reference);
                        }
                    }
                }
            }
            Incoming::Binary => {
                if self.admits(RateKind::Frame, None)? {
                    let message = "send text frames, not binary ones";
                    self.replies.refuse(Code::BadRequest, message, None);
                }
            }
            Incoming::Control => {
                self.admits(RateKind::Ping, None)?;
            }
        }
        Ok(())
    }

    fn admits(&mut self, kind: RateKind, reference: Option<&str>) -> Result<bool, EndReason> {
        self.client.admits(kind, self.now, &self.replies, reference)
    }

    fn replay(&mut self) -> Flow {
        let (Some(replay), Some(accounts)) = (&mut self.replay, self.server.accounts()) else {
            return Ok(());
        };
        match replay.step(&accounts.store, self.replies.outbox()) {
            Progress::More => {}
            Progress::Live => self.replay = None,
            Progress::Unavailable => return Err(EndReason::Close(Close::GoingAway)),
            Progress::Broken => return Err(EndReason::Close(Close::Internal)),
            Progress::Ended => return Err(EndReason::AlreadyClosed),
        }
        Ok(())
    }

    /// Ends a connection without a hello in time, or without a sign of life.
    fn check_timeouts(&mut self, buffer: &SocketBuffer) -> Flow {
        if let Identity::Unknown { deadline, .. } = self.client.identity {
            if Instant::now() >= deadline {
                return Err(EndReason::Close(Close::HelloTimeout));
            }
            return self.set_read_timeout(); // What is left has become shorter.
        }
        self.record_session_use();
        if buffer.heard() {
            self.pinged = false;
        } else if buffer.timed_out() {
            // The thread may sleep for long, and its last tick may have used many pages of the stack.
            os_thread::trim_stack();
            if self.pinged {
                return Err(EndReason::PeerGone);
            }
            self.pinged = true;
            self.replies.outbox().push_ping();
            self.replies.outbox().flush();
        }
        Ok(())
    }

    /// Records at intervals that the session is in use.
    fn record_session_use(&mut self) {
        let Some(accounts) = self.server.accounts() else { return };
        if let Some(session) = self.client.use_to_record() {
            accounts.committer.submit(Task::SessionUse(session));
        }
    }

    /// Sets how long `recv` sleeps: until the deadline for the hello, or until the next ping is due.
    fn set_read_timeout(&self) -> Flow {
        let time = match self.client.identity {
            Identity::Unknown { deadline, .. } => {
                deadline.saturating_duration_since(Instant::now())
            }
            Identity::Known(_) => self.server.timeouts.ping,
        };
        // Zero would mean no timeout.
        let time = time.max(Duration::from_millis(1));
        self.replies.outbox().stream().set_read_timeout(Some(time)).map_err(|_| EndReason::PeerGone)
    }

    /// Sends all frames that this tick has appended, to this client and to others.
    fn flush(&mut self) {
        if self.frames > 0 {
            // Counted before a client can see an effect of these frames.
            metrics::FRAMES_IN.add(std::mem::take(&mut self.frames));
        }
        if let Some(relay) = self.relay.take() {
            relay.finish();
        }
        self.replies.outbox().flush();
    }

    /// Continues after the answer to a hello. `replay`: the client has missed events.
    fn after_hello(&mut self, replay: Option<Replay>) -> Flow {
        if replay.is_some() {
            self.replay = replay;
        }
        self.set_read_timeout()
    }

    /// The parts of the connection that a hello needs.
    pub(crate) fn hello_context(&mut self) -> HelloContext<'_> {
        HelloContext {
            server: self.server,
            client: &mut self.client,
            replies: &self.replies,
            now: self.now,
        }
    }
}

/// Runs at the end of every connection, also after a panic.
impl Drop for Connection<'_> {
    fn drop(&mut self) {
        let Server { hub, presence, inbox, .. } = self.server;
        let Some(account) = self.client.account() else {
            return hub.remove_unknown(self.replies.outbox());
        };
        metrics::PEOPLE.dec();
        if self.server.accounts().is_some() {
            self.server.rate_limits.leave(account, self.client.rate_limit(), Instant::now());
        }
        presence.forget(self.replies.outbox(), &self.watching);
        let is_last = hub.unregister(account, self.replies.outbox());
        if let (Some(pushes), Some((session, received)), false) =
            (&self.server.pushes, self.client.session(), self.has_closed)
        {
            pushes.connection_lost(account, session, received);
        }
        let mut is_told_by_committer = false;
        if is_last {
            // Watchers of today and later requests for presence get the same time.
            let now = presence.now();
            inbox.presence_changed(account, now);
            if let Some(accounts) = self.server.accounts() {
                let disconnection = Task::Disconnection(account, now);
                is_told_by_committer = accounts.committer.submit(disconnection);
            }
        }
        if let (Some(cluster), false) = (&self.server.cluster, is_told_by_committer) {
            cluster.connections_changed(account);
        }
    }
}

fn is_nothing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
}

/// The reason for which the connection ends after an error of tungstenite.
fn end_reason(error: &tungstenite::Error) -> EndReason {
    use tungstenite::Error;
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => EndReason::Close(Close::TooBig),
        Error::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            EndReason::Close(Close::TooBig)
        }
        Error::Utf8(_) => EndReason::Close(Close::NotUtf8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => EndReason::PeerGone,
        Error::Protocol(_) => EndReason::Close(Close::Protocol),
        _ => EndReason::PeerGone,
    }
}

#[cfg(test)]
mod tests;
