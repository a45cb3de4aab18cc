//! Passes a socket that did not take all bytes to the drainer.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use super::{End, LogCursor, Outbox, State, Writer};
use crate::drainer::SlowSocket;
use crate::sync::MutexGuard;

impl Outbox {
    /// While its log is replayed the connection's own thread waits for the socket, and no drainer is needed.
    pub(super) fn leave_to_drainer(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> bool {
        let is_replaying =
            matches!(state.cursor, LogCursor::Replaying { .. }) && state.end == End::Open;
        state.writer = if is_replaying { Writer::Nobody } else { Writer::Drainer };
        let is_last = state.end != End::Open;
        drop(state);
        if !is_replaying {
            let socket: Arc<dyn SlowSocket> = Arc::<Self>::clone(self);
            self.drainer.watch(&socket, is_last);
        }
        false
    }
}

impl SlowSocket for Outbox {
    fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn is_ending(&self) -> bool {
        Self::is_ending(self)
    }

    fn resume(self: Arc<Self>) {
        self.send(true);
    }

    fn too_slow(self: Arc<Self>) {
        Self::too_slow(&self);
    }

    fn abort(&self) {
        self.lock().give_up();
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
