//! Set-up that several tests share.

mod node;

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use net::Shutdown;

use crate::daily_limits::DailyLimits;
use crate::dispatcher::Inbox;
use crate::drainer::Drainer;
use crate::hub::Hub;
use crate::long_answers::LongAnswers;
use crate::outbox::Outbox;
use crate::presence::Presence;
use crate::rate_limit::RateLimits;
use crate::server::{Mode, Server, Timeouts};
use crate::token_throttle::TokenThrottle;

pub(crate) use node::{Device, TestNode};
#[cfg(feature = "shuttle")]
pub(crate) use node::{batch, device, store};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static DRAINER: LazyLock<Drainer> = LazyLock::new(|| Drainer::start().unwrap());

/// An outbox, and the other end of its socket.
pub(crate) fn outbox() -> (Arc<Outbox>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    (Arc::new(Outbox::new(id, Arc::new(ours), DRAINER.clone(), None)), theirs)
}

/// A server with only the parts that connections use, and without a message rate.
pub(crate) fn server(timeouts: Timeouts, mode: Mode) -> Server {
    let (hub, shutdown) = (Arc::new(Hub::new()), Shutdown::new());
    hub.stop_with(&shutdown);
    Server {
        presence: Arc::new(Presence::new(Arc::clone(&hub), crate::clock::now_ms)),
        hub,
        inbox: Inbox::default(),
        cluster: None,
        pushes: None,
        drainer: DRAINER.clone(),
        mode,
        long_answers: LongAnswers::default(),
        timeouts,
        rate_limits: RateLimits::new(0),
        daily_limits: DailyLimits::new(),
        token_throttle: TokenThrottle::new(),
        shutdown,
    }
}
