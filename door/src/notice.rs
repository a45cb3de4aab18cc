//! What an operator should be told, however often it happens: a line a minute.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Instant;

use crate::address;
use crate::head::Head;
use crate::limit::NOTICE_INTERVAL;
use crate::listener::Config;
use crate::lock::lock;

/// When each thing was last told.
#[derive(Default)]
pub(crate) struct Notices {
    unbelieved: Notice,
    full: Notice,
}

impl Notices {
    /// Tells if `peer` says for whom it speaks and is not believed: until it is named, all its clients are one address.
    #[inline(never)] // The connection sleeps below whatever this frame would hold.
    pub(crate) fn look_at(&self, config: &Config, peer: IpAddr, head: &Head) {
        let says = head.header("x-forwarded-for").is_some();
        if says
            && !address::is_proxy(peer, &config.trusted_proxies)
            && self.unbelieved.is_due(Instant::now())
        {
            tracing::warn!(
                server = config.name,
                address = address::shown(peer),
                "the X-Forwarded-For header of this peer is not believed; if it is your reverse proxy, name it with --trusted-proxy"
            );
        }
    }

    /// Tells that `address` has all the connections it may have.
    pub(crate) fn address_full(&self, config: &Config, address: IpAddr) {
        if self.full.is_due(Instant::now()) {
            tracing::warn!(
                server = config.name,
                address = address::shown(address::canonical(address)),
                most = config.connections_per_address,
                "this address has all the connections it may have; raise --connections-per-address, or, if it is your \
                 reverse proxy, name it with --trusted-proxy"
            );
        }
    }
}

/// Due at first, and then once in [`NOTICE_INTERVAL`].
#[derive(Default)]
struct Notice(Mutex<Option<Instant>>);

impl Notice {
    fn is_due(&self, now: Instant) -> bool {
        let mut told = lock(&self.0);
        let is_due = told.is_none_or(|then| now.saturating_duration_since(then) >= NOTICE_INTERVAL);
        if is_due {
            *told = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_told_once_a_minute() {
        let (notice, start) = (Notice::default(), Instant::now());
        assert!(notice.is_due(start));
        assert!(!notice.is_due(start));
        assert!(!notice.is_due(start + NOTICE_INTERVAL / 2));
        assert!(notice.is_due(start + NOTICE_INTERVAL));
        assert!(!notice.is_due(start + NOTICE_INTERVAL));
    }
}
