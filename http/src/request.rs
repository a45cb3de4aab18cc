//! A request as handlers see it, and a connection that leaves HTTP.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use net::Permit;

use crate::body::Body;
use crate::finish::finish;
use crate::head::Head;
use crate::limit::REQUEST_ID_BYTES_MAX;
use crate::response::{Response, Sending};
use crate::server::Deadlines;

/// A request. Its head is complete and unambiguous; its body is there as the route's policy says.
pub struct Request<'a> {
    /// Its name in the response and in the log.
    pub id: String,
    /// The client's address, also behind a trusted proxy.
    pub address: IpAddr,
    /// Method, target and headers.
    pub head: Head,
    /// The body.
    pub body: Body<'a>,
    /// The browser came over https: a trusted proxy says so, or the public URL.
    pub is_https: bool,
    /// No page of another site sends it, so a cookie may speak for whoever it belongs to.
    pub may_use_cookie: bool,
}

/// A connection that leaves HTTP after its request.
pub struct Upgrade {
    /// The connection's number, unique in the process.
    pub id: u64,
    /// The socket: blocking, without time-outs, `TCP_NODELAY`. Others may hold it too, to shut it down.
    pub stream: Arc<TcpStream>,
    /// The client's address, also behind a trusted proxy.
    pub address: IpAddr,
    /// The request that asked for the upgrade.
    pub head: Head,
    /// The request's name in the response and in the log.
    pub request_id: String,
    /// Bytes that came after the head; at most 16 KiB.
    pub rest: Vec<u8>,
    /// The connection's place among the bounds. It can be evicted until [`Permit::mark_established`].
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

/// The name of request `number` (from 1) of a connection: unique among processes, as far as random numbers can make it.
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

/// The name that a trusted proxy has given to a request, if it is fit for a log.
pub(crate) fn given_request_id(head: &Head) -> Option<String> {
    let id = head.header("x-request-id")?;
    let is_fit = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    is_fit.then(|| id.to_owned())
}
