//! One connection, on its own thread: asleep in `recv`, then a tick, then asleep again.
//!
//! A turn handles every frame the socket holds and then sends everything that came of it, here and to others.

mod answer;
mod closing;
mod rate;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tungstenite::error::{CapacityError, ProtocolError};
use wire::{AccountId, Close, Code, ErrorFrame, Frame, Request, SessionId};

use crate::committer::Task;
use crate::limit::{FRAMES_PER_TICK_MAX, SEEN_EVERY};
use crate::message_reader::{Incoming, MessageReader};
use crate::outbox::Outbox;
use crate::rate_limit::{RateKind, RateLimit};
use crate::relay_batch::RelayBatch;
use crate::replay::{Progress, Replay};
use crate::server::{Mode, Server, next_guest};
use crate::socket_buffer::SocketBuffer;
use crate::strikes::Strikes;
use crate::verb::hello::HelloRef;
use crate::{metrics, verb};

/// How a connection goes on after a step.
pub(crate) type Flow = Result<(), EndReason>;

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum EndReason {
    /// We close it.
    Close(Close),
    /// We have closed it already.
    AlreadyClosed,
    /// The client has closed it, or is gone.
    PeerGone,
}

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Identity {
    /// Nobody has said so yet.
    Unknown {
        /// When it is too late to.
        deadline: Instant,
        /// From where it has come.
        address: IpAddr,
    },
    /// An account, or in guest mode a number.
    Known(AccountId),
}

/// One connection.
pub(crate) struct Connection<'a> {
    pub(crate) server: &'a Server,
    pub(crate) number: u64,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) identity: Identity,
    /// How much it may send: the account's, which all its connections share, or before the hello its own.
    pub(crate) rate_limit: Arc<RateLimit>,
    strikes: Strikes,
    /// Accounts whose presence it watches.
    pub(crate) watching: Vec<AccountId>,
    pub(crate) replay: Option<Replay>,
    /// Others' outboxes that this tick appended to.
    pub(crate) to_flush: Vec<Arc<Outbox>>,
    /// A guest's messages of this tick, the last of them still to be appended to an outbox. In a box: most connections sleep.
    pub(crate) relay_batch: Option<Box<RelayBatch>>,
    /// The login it speaks for; guests have none.
    pub(crate) login: Option<SessionId>,
    /// When it was last noted that the login is in use.
    noted: Instant,
    pinged: bool,
    /// When this tick began to handle what came: the clock is read once for all of it.
    pub(crate) now: Instant,
    /// Frames read and messages relayed in this tick: counters that all threads share are touched once a tick.
    frames: u64,
    pub(crate) relayed: u64,
}

impl<'a> Connection<'a> {
    /// A connection whose handshake is done.
    ///
    /// In a box: what a sleeping thread has on its stack is paid for in whole pages.
    #[inline(never)]
    pub(crate) fn new(
        server: &'a Server,
        number: u64,
        outbox: Arc<Outbox>,
        address: IpAddr,
    ) -> Box<Self> {
        Box::new(Self {
            server,
            number,
            outbox,
            identity: Identity::Unknown {
                deadline: Instant::now() + server.timeouts.hello,
                address,
            },
            rate_limit: server.rate_limits.before_hello(),
            strikes: Strikes::new(),
            watching: Vec::new(),
            replay: None,
            to_flush: Vec::new(),
            relay_batch: None,
            login: None,
            noted: Instant::now(),
            pinged: false,
            now: Instant::now(),
            frames: 0,
            relayed: 0,
        })
    }

    /// Serves the connection until it ends. `token`: what the upgrade request's `Authorization` carried.
    #[inline(never)]
    pub(crate) fn run(&mut self, reader: &mut MessageReader, token: Option<&wire::Token>) {
        self.server.hub.add_unknown(self.number, &self.outbox);
        let ending = match self.serve(reader, token) {
            Ok(()) => EndReason::PeerGone,
            Err(ending) => ending,
        };
        self.flush();
        tracing::debug!(?ending, "ending");
        self.close_after_queue(&ending);
        self.linger(reader, &ending);
    }

    fn serve(&mut self, reader: &mut MessageReader, token: Option<&wire::Token>) -> Flow {
        if let Mode::Guests { last } = &self.server.mode {
            verb::hello::welcome_guest(self, next_guest(last));
        } else if let Some(token) = token {
            verb::hello::authenticate(self, token, None, HelloRef::Hello(None))?;
        }
        self.flush();
        self.set_read_timeout()?;
        // The handshake has gone deeper than most turns do.
        os_thread::trim_stack();
        // Frames may have come along with the handshake: they are in the buffer, and no `recv` would wake for them.
        let mut may_sleep = false;
        loop {
            if self.server.shutdown.has_begun() {
                return Err(EndReason::Close(Close::GoingAway));
            }
            if self.outbox.is_ending() {
                return Err(EndReason::AlreadyClosed); // By another thread, with a close frame.
            }
            if self.replay.is_some() {
                self.replay()?;
                may_sleep &= self.replay.is_none();
                if self.replay.is_none() {
                    os_thread::trim_stack(); // So have the hello and the log.
                }
            }
            may_sleep = self.tick(reader, may_sleep)?;
        }
    }

    /// Handles what the socket holds. Returns whether all of it was handled, so that the next turn may sleep.
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
                Err(error) => return Err(end_reason(&error)),
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
                    self.outbox.push_text(b"pong");
                }
            }
            Incoming::Text(text) => {
                self.frames += 1;
                match Request::parse(text) {
                    Ok(request) => return verb::carry_out(self, request),
                    Err(wrong) => {
                        let reference = wrong.reference.as_deref();
                        if self.admits(RateKind::Frame, reference)? {
                            self.refuse(wrong.code, &wrong.message, reference);
                        }
                    }
                }
            }
            Incoming::Binary => {
                if self.admits(RateKind::Frame, None)? {
                    self.refuse(Code::BadRequest, "send text frames, not binary ones", None);
                }
            }
            Incoming::Control => {
                self.admits(RateKind::Ping, None)?;
            }
        }
        Ok(())
    }

    fn replay(&mut self) -> Flow {
        let (Some(replay), Some(accounts)) = (&mut self.replay, self.server.accounts()) else {
            return Ok(());
        };
        match replay.step(&accounts.store, &self.outbox) {
            Progress::More => {}
            Progress::Live => self.replay = None,
            Progress::Unavailable => return Err(EndReason::Close(Close::GoingAway)),
            Progress::Broken => return Err(EndReason::Close(Close::Internal)),
            Progress::Ended => return Err(EndReason::AlreadyClosed),
        }
        Ok(())
    }

    /// Ends who says nothing: no hello in time, or no sign of life.
    fn check_timeouts(&mut self, buffer: &SocketBuffer) -> Flow {
        if let Identity::Unknown { deadline, .. } = self.identity {
            if Instant::now() >= deadline {
                return Err(EndReason::Close(Close::HelloTimeout));
            }
            return self.set_read_timeout(); // What is left has become shorter.
        }
        self.record_session_use();
        if buffer.heard() {
            self.pinged = false;
        } else if buffer.timed_out() {
            // It may sleep for long, and what it did when it last heard something may have gone deep.
            os_thread::trim_stack();
            if self.pinged {
                return Err(EndReason::PeerGone);
            }
            self.pinged = true;
            self.outbox.push_ping();
            self.outbox.flush();
        }
        Ok(())
    }

    /// Has it written down, now and then, that the login is in use.
    fn record_session_use(&mut self) {
        let (Some(login), Some(accounts)) = (self.login, self.server.accounts()) else { return };
        if self.noted.elapsed() >= SEEN_EVERY {
            self.noted = Instant::now();
            accounts.committer.submit(Task::SessionUse(login));
        }
    }

    /// Until when `recv` sleeps: the hello's deadline, or the time for a ping.
    pub(crate) fn set_read_timeout(&self) -> Flow {
        let time = match self.identity {
            Identity::Unknown { deadline, .. } => {
                deadline.saturating_duration_since(Instant::now())
            }
            Identity::Known(_) => self.server.timeouts.ping,
        };
        // Zero would mean for ever.
        let time = time.max(Duration::from_millis(1));
        self.outbox.stream().set_read_timeout(Some(time)).map_err(|_| EndReason::PeerGone)
    }

    /// The account, or the guest's number.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self.identity {
            Identity::Known(account) => Some(account),
            Identity::Unknown { .. } => None,
        }
    }

    /// Tells the client that a request is refused.
    pub(crate) fn refuse(&self, code: Code, message: &str, reference: Option<&str>) {
        self.outbox.push(&Frame::Error(ErrorFrame {
            code,
            message: message.into(),
            reference: reference.map(Into::into),
            retry_after_ms: None,
        }));
    }

    /// A guest wants what takes a database.
    pub(crate) fn unsupported(&self, reference: Option<&str>) {
        let message = "this server has no accounts and keeps nothing; start it with a database";
        self.refuse(Code::Unsupported, message, reference);
    }

    /// The database is away, or what was asked for takes it too long: the client may go on on this connection.
    pub(crate) fn reply_query_error(&self, error: &sql::Error, reference: Option<&str>) -> Flow {
        tracing::warn!(%error, "a request could not be looked up");
        let message = match error {
            sql::Error::TimedOut(_) => "this took too long; ask for less",
            _ => "the database is not available; try again",
        };
        self.refuse(Code::Unavailable, message, reference);
        Ok(())
    }

    /// Sends everything this tick has appended to, here and elsewhere.
    pub(crate) fn flush(&mut self) {
        // Before it is seen that there was something to count.
        self.count();
        self.end_relay_batch();
        self.relay_batch = None;
        for outbox in self.to_flush.drain(..) {
            outbox.flush();
        }
        self.outbox.flush();
    }

    /// Appends what waits for one receiver; before anything else is appended to that one's outbox.
    pub(crate) fn end_relay_batch(&mut self) {
        self.to_flush.extend(self.relay_batch.as_mut().and_then(|run| run.push()));
    }

    /// Passes this tick's counts on.
    fn count(&mut self) {
        if self.frames > 0 {
            metrics::FRAMES_IN.add(std::mem::take(&mut self.frames));
        }
        if self.relayed > 0 {
            metrics::MESSAGES.add("relayed", std::mem::take(&mut self.relayed));
        }
    }
}

/// However it ends, also by a panic. Until here live events came to it: it must not hear of later ones than it has had.
impl Drop for Connection<'_> {
    fn drop(&mut self) {
        let Server { hub, presence, .. } = self.server;
        let Some(account) = self.account() else { return hub.remove_unknown(self.number) };
        metrics::PEOPLE.dec();
        if self.server.accounts().is_some() {
            self.server.rate_limits.leave(account, &self.rate_limit, Instant::now());
        }
        presence.forget(&self.outbox, &self.watching);
        if hub.unregister(account, &self.outbox) {
            // Who is told now and who asks later hear of the same time.
            let now = presence.now();
            presence.changed(account, now);
            if let Some(accounts) = self.server.accounts() {
                accounts.committer.submit(Task::Departure(account, now));
            }
        }
    }
}

fn is_nothing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
}

/// What an error of tungstenite means for the connection.
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
