//! A connection's thread, from its first line to the server's.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use crate::address;
use crate::error::HttpError;
use crate::listener::ListenerConfig;
use crate::metrics::{Cause, ConnectionMetrics};
use crate::permits::{Permit, Permits};
use crate::reply::Reply;
use crate::request::{Deadlines, HeadError, Request, read_head};
use crate::warnings::Warnings;
use crate::web::Web;
use telemetry::log;

/// What every connection's thread needs.
pub(crate) struct ListenerShared<H> {
    pub config: ListenerConfig,
    pub deadlines: Deadlines,
    pub server: &'static ConnectionMetrics,
    pub permits: Permits,
    pub warnings: Warnings,
    pub web: Option<Web>,
    pub handle: H,
}

/// Reads the head, then hands over.
pub(crate) fn handle_connection<H: Fn(Request)>(
    shared: &ListenerShared<H>,
    id: u64,
    stream: Arc<TcpStream>,
    peer: IpAddr,
    accepted: Instant,
    mut permit: Permit,
) {
    let peer = address::canonical(peer);
    let _context = [log::context("conn", id), log::context("peer", address::shown(peer))];
    // Without it small frames wait for the client's acknowledgement. Failing, they only wait; a Unix socket has no such
    // thing.
    let _ = stream.set_nodelay(true);
    let (head, rest) = match read_head(&stream, accepted + shared.deadlines.head) {
        Ok(read) => read,
        Err(error) => {
            if let Some(cause) = error.cause() {
                shared.server.refused(cause);
            }
            if let HeadError::Refused(_, refusal) = error {
                tracing::debug!(status = refusal.status, "head refused");
                shared.deadlines.reply_to(&stream, false, id, Reply::from(refusal));
            }
            return;
        }
    };
    shared.warnings.forwarded_for_ignored(&shared.config, peer, &head);
    let address = address::client(peer, &head, &shared.config.trusted_proxies);
    let cors = shared.web.as_ref().map(|web| web.cors(&head)).unwrap_or_default();
    let is_counted = permit.count_for(address);
    let deadlines = shared.deadlines;
    let request = Request { id, stream, address, head, rest, permit, cors, deadlines };
    if let Some(request) = admit(shared, request, is_counted) {
        (shared.handle)(request);
    }
}

/// The request, if the server may have it; else it has been answered here.
#[inline(never)] // The connection sleeps below whatever this frame would hold.
fn admit<H>(shared: &ListenerShared<H>, request: Request, is_counted: bool) -> Option<Request> {
    let web = shared.web.as_ref();
    let checked = match is_counted {
        true => web.map_or(Ok(()), |web| web.check(&request.head)),
        false => Err((Cause::AddressFull, HttpError::address_full())),
    };
    let answer = match checked {
        Ok(()) if web.is_some_and(|web| web.is_preflight(&request.head)) => Reply::no_content(),
        Ok(()) => return Some(request),
        Err((cause, refusal)) => {
            shared.server.refused(cause);
            if cause == Cause::AddressFull {
                shared.warnings.address_full(&shared.config, request.address);
            }
            tracing::debug!(status = refusal.status, code = refusal.code, "request refused");
            Reply::from(refusal)
        }
    };
    request.reply(answer);
    None
}
