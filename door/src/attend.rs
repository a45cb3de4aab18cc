//! A connection's thread, from its first line to the server's.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use crate::address;
use crate::caller::{Caller, Deadlines, HeadError, read_head};
use crate::listener::Config;
use crate::log::inside;
use crate::metrics::server::{Cause, Server};
use crate::permits::{Permit, Permits};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::web::Web;

/// What every connection's thread needs.
pub(crate) struct House<H> {
    pub config: Config,
    pub deadlines: Deadlines,
    pub server: &'static Server,
    pub permits: Permits,
    pub web: Option<Web>,
    pub handle: H,
}

/// Reads the head, then hands over.
pub(crate) fn attend<H: Fn(Caller)>(
    house: &House<H>,
    id: u64,
    stream: Arc<TcpStream>,
    peer: IpAddr,
    accepted: Instant,
    mut permit: Permit,
) {
    let peer = address::canonical(peer);
    let _inside = [inside("conn", id), inside("peer", peer)];
    // Without it small frames wait for the client's acknowledgement; failing, they only wait.
    let _ = stream.set_nodelay(true);
    let (head, rest) = match read_head(&stream, accepted + house.deadlines.head) {
        Ok(read) => read,
        Err(error) => {
            if let Some(cause) = error.cause() {
                house.server.refused(cause);
            }
            if let HeadError::Refused(_, refusal) = error {
                tracing::debug!(status = refusal.status, "head refused");
                house.deadlines.reply_to(&stream, false, &Reply::from(refusal));
            }
            return;
        }
    };
    let address = address::client(peer, &head, &house.config.trusted_proxies);
    let web = house.web.as_ref();
    let cors = web.map(|web| web.cors(&head)).unwrap_or_default();
    let is_counted = permit.count_for(address);
    let deadlines = house.deadlines;
    let caller = Caller { id, stream, address, head, rest, permit, cors, deadlines };
    let refusal = match web.map_or(Ok(()), |web| web.check(&caller.head)) {
        _ if !is_counted => Some((Cause::AddressFull, Refusal::address_full())),
        checked => checked.err(),
    };
    if let Some((cause, refusal)) = refusal {
        house.server.refused(cause);
        tracing::debug!(status = refusal.status, code = refusal.code, "request refused");
        return caller.reply(refusal);
    }
    if web.is_some_and(|web| web.is_preflight(&caller.head)) {
        return caller.reply(Reply::no_content());
    }
    (house.handle)(caller);
}
