//! Whether a connection continues after a step, or why it ends.

use wire::Close;

/// The connection continues, or it ends for this reason.
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
