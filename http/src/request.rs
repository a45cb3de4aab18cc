//! A request for a handler, and a connection that is upgraded to another protocol.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use net::Permit;

use crate::body::Body;
use crate::deadlines::Deadlines;
use crate::finish::finish;
use crate::head::Head;
use crate::limit::REQUEST_ID_BYTES_MAX;
use crate::response::{Response, Sending};

/// A request. Its head is complete and unambiguous. Its body has the form of the route's [`crate::BodyPolicy`].
pub struct Request<'a> {
    /// The request ID in the response and in the log.
    pub id: String,
    /// The client's address. Behind a trusted proxy it is the one that the proxy names.
    pub address: IpAddr,
    /// Method, target and headers.
    pub head: Head,
    /// The body.
    pub body: Body<'a>,
    /// Whether the client uses https, according to a trusted proxy or to the public URL.
    pub is_https: bool,
    /// Whether a cookie may authenticate the request, because no page of another site sends it.
    pub may_use_cookie: bool,
}

/// A connection that is upgraded to another protocol after its request.
pub struct Upgrade {
    /// The connection's number, unique in the process.
    pub id: u64,
    /// The socket: blocking, without timeouts, with `TCP_NODELAY`. Other handles may exist, to shut it down.
    pub stream: Arc<TcpStream>,
    /// The client's address. Behind a trusted proxy it is the one that the proxy names.
    pub address: IpAddr,
    /// The request that asked for the upgrade.
    pub head: Head,
    /// The request ID in the response and in the log.
    pub request_id: String,
    /// Bytes that came after the head; at most 16 KiB.
    pub rest: Vec<u8>,
    /// The permit, which counts the connection. The connection can be evicted until [`Permit::mark_established`].
    pub permit: Permit,
    pub(crate) deadlines: Deadlines,
}

impl Upgrade {
    /// Refuses the upgrade and closes the connection, so that the client gets the response.
    pub fn refuse(self, response: Response) {
        let sending = Sending { request_id: &self.request_id, is_last: true, ..Sending::default() };
        match response.send(&self.stream, &sending, self.deadlines.response) {
            Ok(()) => finish(&self.stream, self.deadlines.linger),
            Err(error) => tracing::debug!(%error, "response not taken"),
        }
    }
}

/// The ID of request `number` (from 1) of a connection. A random part makes it unique among processes.
pub(crate) fn request_id(connection: u64, number: u32) -> String {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| {
        let random = RandomState::new().hash_one((std::process::id(), Instant::now()));
        u32::try_from(random & u64::from(u32::MAX)).unwrap_or_default()
    });
    match number {
        0 | 1 => format!("{:08x}-{connection}", *PROCESS),
        _ => format!("{:08x}-{connection}.{number}", *PROCESS),
    }
}

/// The request ID that a trusted proxy has assigned, if it is safe to log.
pub(crate) fn given_request_id(head: &Head) -> Option<String> {
    let id = head.header("x-request-id")?;
    let is_fit = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    is_fit.then(|| id.to_owned())
}
