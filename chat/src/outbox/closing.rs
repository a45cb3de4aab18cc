//! The end of an outbox.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wire::Close;

use super::{End, Outbox};
use crate::sync;

impl Outbox {
    /// Closes the connection early with 4409, because the client does not read.
    pub(crate) fn too_slow(self: &Arc<Self>) {
        self.lock().too_slow(self);
        self.flush();
    }

    /// Closes the connection early: of the waiting frames only a partly sent one is finished, if it is short; then the
    /// close frame follows.
    pub(crate) fn cut_short(self: &Arc<Self>, close: Close) {
        self.lock().cut_short(close, self);
        self.flush();
    }

    /// Appends a close frame, after which nothing more is sent, and lets the connection's thread find the end.
    pub(crate) fn close(self: &Arc<Self>, close: Close) {
        self.lock().close(close);
        self.flush();
        self.end_reading();
    }

    /// Appends a close frame; the connection's thread goes on reading.
    pub(crate) fn send_close(self: &Arc<Self>, close: Close) {
        self.lock().close(close);
        self.flush();
    }

    /// Ends the outbox: nothing more can be appended.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        if state.end == End::Open {
            state.end = End::Closing;
            state.wake_watchers();
        }
    }

    /// From now on the calling thread is unparked when the close frame is appended, and when it is sent or the socket
    /// is gone.
    pub(crate) fn unpark_at_close(&self) {
        self.lock().closer = Some(sync::current());
    }

    /// Whether everything up to the close frame is sent, or the socket is gone.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.lock();
        state.end == End::Gone || (state.end == End::Closing && state.bytes() == 0)
    }

    /// Whether nothing more can be appended.
    pub(crate) fn is_ending(&self) -> bool {
        self.lock().end != End::Open
    }

    /// Lets the connection's thread, asleep in `recv`, see the end of its input.
    pub(crate) fn end_reading(&self) {
        self.ended_reading.store(true, Ordering::Release);
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// To be called when the server stops: the connection's thread sees the end of its input, and threads that watch
    /// this outbox are unparked.
    pub(crate) fn stop(&self) {
        self.end_reading();
        self.lock().wake_watchers();
    }

    /// Whether the input has ended because of [`Outbox::end_reading`].
    pub(crate) fn has_ended_reading(&self) -> bool {
        self.ended_reading.load(Ordering::Acquire)
    }
}
