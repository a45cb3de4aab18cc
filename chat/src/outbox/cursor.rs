//! The position of a connection in its account's log, so that each event is sent once and in order.

use tungstenite::protocol::frame::coding::{Data, OpCode};
use wire::Seq;

use super::Outbox;

/// The position of a connection in its account's log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum LogCursor {
    /// The connection gets no events: its client is a guest, or not authenticated yet.
    #[default]
    Off,
    /// The connection's thread reads the log, which is known to contain events up to this one.
    Replaying { announced: Seq },
    /// The connection has got all events before this one.
    Live { next: Seq },
}

/// The time at which an event is sent.
enum Order {
    /// Now: it is the next one.
    Now,
    /// Not again: it was sent before, or the connection gets no events.
    Past,
    /// Later: the replay will read it.
    Later,
    /// After the missing events before it.
    Gap { since: Seq },
}

/// The result of offering an event.
#[derive(Debug, PartialEq)]
pub(crate) enum Delivery {
    /// The event is in the outbox, will be read from the log, or was sent before.
    Done,
    /// Events before it are missing, and must be read from the log.
    Gap { since: Seq },
}

impl LogCursor {
    /// When event `seq` is sent. If it is sent now, the next one is expected from then on.
    fn advance(&mut self, seq: Seq) -> Order {
        match self {
            Self::Off => Order::Past,
            Self::Replaying { announced } => {
                *announced = seq.max(*announced);
                Order::Later
            }
            Self::Live { next } if seq < *next => Order::Past,
            Self::Live { next } if seq > *next => Order::Gap { since: next.before() },
            Self::Live { next } => {
                *next = seq.next();
                Order::Now
            }
        }
    }
}

impl Outbox {
    /// Appends event `seq`, if it is the next one.
    pub(crate) fn deliver(&self, seq: Seq, event: &[u8]) -> Delivery {
        let mut state = self.lock();
        match state.cursor.advance(seq) {
            Order::Now => state.append(OpCode::Data(Data::Text), event, self),
            Order::Past | Order::Later => {}
            Order::Gap { since } => return Delivery::Gap { since },
        }
        Delivery::Done
    }

    /// Appends the answer to a request of this connection that became event `seq`: it is this connection's form of that
    /// event, and goes out in its place. A client that has it can resume from `seq`. `None`: no answer was requested.
    pub(crate) fn answer(&self, seq: Seq, answer: Option<&[u8]>) -> Delivery {
        let mut state = self.lock();
        match (state.cursor.advance(seq), answer) {
            (Order::Gap { since }, _) => return Delivery::Gap { since },
            (Order::Now | Order::Past, Some(answer)) => {
                state.append(OpCode::Data(Data::Text), answer, self);
            }
            (Order::Later, Some(answer)) => state.hold(answer, self),
            (_, None) => {}
        }
        Delivery::Done
    }

    /// The last event that a live connection has had, if events up to `head` are missing. A replay learns that they are
    /// there.
    pub(crate) fn behind(&self, head: Seq) -> Option<Seq> {
        match &mut self.lock().cursor {
            LogCursor::Off => None,
            LogCursor::Replaying { announced } => {
                *announced = head.max(*announced);
                None
            }
            LogCursor::Live { next } => (*next <= head).then_some(next.before()),
        }
    }

    /// The last event that this connection has been told; 0 if it gets none.
    pub(crate) fn told(&self) -> Seq {
        match self.lock().cursor {
            LogCursor::Off => Seq(0),
            LogCursor::Replaying { announced } => announced,
            LogCursor::Live { next } => next.before(),
        }
    }

    /// Ends the events: the connection is being closed, and its missing events cannot be read.
    pub(crate) fn stop_events(&self) {
        self.lock().cursor = LogCursor::Off;
    }

    /// From now on the connection's own thread reads the log.
    pub(crate) fn start_replay(&self) {
        self.lock().cursor = LogCursor::Replaying { announced: Seq(0) };
    }

    /// Goes live after `last`, unless events are known that lie beyond it.
    pub(crate) fn go_live(&self, last: Seq) -> bool {
        let mut state = self.lock();
        if let LogCursor::Replaying { announced } = state.cursor
            && announced > last
        {
            return false;
        }
        state.cursor = LogCursor::Live { next: last.next() };
        let held = std::mem::take(&mut state.held);
        if !held.is_empty() {
            state.append_raw(&held, self);
        }
        true
    }
}
