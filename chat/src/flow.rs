//! How a connection goes on after a step, or why it ends.

use wire::Close;

/// The connection goes on, or it ends for this reason.
pub(crate) type Flow = Result<(), EndReason>;

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum EndReason {
    /// The server closes it with this code.
    Close(Close),
    /// Another thread has closed it already.
    AlreadyClosed,
    /// The client has closed it, or cannot be reached.
    PeerGone,
}
