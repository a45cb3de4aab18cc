//! A connection's thread, from its first line to the server's.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use crate::address;
use crate::caller::{Caller, Deadlines, HeadError, read_head};
use crate::listener::Config;
use crate::log::inside;
use crate::metrics::server::{Cause, Server};
use crate::notice::Notices;
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
    pub notices: Notices,
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
    let _inside = [inside("conn", id), inside("peer", address::shown(peer))];
    // Without it small frames wait for the client's acknowledgement. Failing, they only wait; a Unix socket has no such
    // thing.
    let _ = stream.set_nodelay(true);
    let (head, rest) = match read_head(&stream, accepted + house.deadlines.head) {
        Ok(read) => read,
        Err(error) => {
            if let Some(cause) = error.cause() {
                house.server.refused(cause);
            }
            if let HeadError::Refused(_, refusal) = error {
                tracing::debug!(status = refusal.status, "head refused");
                house.deadlines.reply_to(&stream, false, id, Reply::from(refusal));
            }
            return;
        }
    };
    house.notices.look_at(&house.config, peer, &head);
    let address = address::client(peer, &head, &house.config.trusted_proxies);
    let cors = house.web.as_ref().map(|web| web.cors(&head)).unwrap_or_default();
    let is_counted = permit.count_for(address);
    let deadlines = house.deadlines;
    let caller = Caller { id, stream, address, head, rest, permit, cors, deadlines };
    if let Some(caller) = admit(house, caller, is_counted) {
        (house.handle)(caller);
    }
}

/// The caller, if the server may have it; else it has been answered here.
#[inline(never)] // The connection sleeps below whatever this frame would hold.
fn admit<H>(house: &House<H>, caller: Caller, is_counted: bool) -> Option<Caller> {
    let web = house.web.as_ref();
    let checked = match is_counted {
        true => web.map_or(Ok(()), |web| web.check(&caller.head)),
        false => Err((Cause::AddressFull, Refusal::address_full())),
    };
    let answer = match checked {
        Ok(()) if web.is_some_and(|web| web.is_preflight(&caller.head)) => Reply::no_content(),
        Ok(()) => return Some(caller),
        Err((cause, refusal)) => {
            house.server.refused(cause);
            if cause == Cause::AddressFull {
                house.notices.address_full(&house.config, caller.address);
            }
            tracing::debug!(status = refusal.status, code = refusal.code, "request refused");
            Reply::from(refusal)
        }
    };
    caller.reply(answer);
    None
}
