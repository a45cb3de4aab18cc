//! Closes the sockets of sessions that have ended, wherever they were ended.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use net::Shutdown;
use sql::Store;
use wire::{Close, Code, ErrorFrame, Frame};

use crate::hub::Hub;
use crate::limit::REVOCATION_POLL;
use crate::sweep::Notify;

/// Starts the thread that looks for revoked sessions every [`REVOCATION_POLL`].
pub(crate) fn watch(
    store: Arc<Store>,
    hub: Arc<Hub>,
    notify: Notify,
    shutdown: Shutdown,
) -> io::Result<()> {
    let stack = os_thread::SERVICE_STACK_BYTES;
    os_thread::spawn("chat-revoke", stack, move || {
        let mut newest = None;
        while !shutdown.wait_for(REVOCATION_POLL) {
            // While the database is away nothing can be revoked either: the next look catches up.
            match look(&store, &hub, &notify, newest) {
                Ok(seen) => newest = Some(seen),
                Err(error) => tracing::debug!(%error, "cannot look for revoked sessions"),
            }
        }
    })?;
    Ok(())
}

/// Looks at the revocations since `newest`; returns the newest seen.
fn look(store: &Store, hub: &Hub, notify: &Notify, newest: Option<i64>) -> sql::Result<i64> {
    // Nobody here had a session before the first look: what is older concerns nobody.
    let Some(newest) = newest else { return store.newest_revocation() };
    let revocations = store.revocations(newest)?;
    let sessions: HashSet<_> = revocations.iter().map(|revocation| revocation.session).collect();
    if !sessions.is_empty() {
        let mut ended = Vec::new();
        hub.for_each_session(|session, outbox| {
            if sessions.contains(&session) && !outbox.is_ending() {
                ended.push(Arc::clone(outbox));
            }
        });
        for outbox in ended {
            outbox.push(&Frame::Error(ErrorFrame {
                code: Code::Unauthorized,
                message: "this session has ended; log in again".into(),
                reference: None,
                retry_after_ms: None,
            }));
            outbox.close(Close::Unauthorized);
        }
        // An account that was deleted had a session; the others in its groups hear of its leaving.
        if revocations.last().is_some_and(|last| last.id > newest) {
            notify.notify_one();
        }
    }
    Ok(revocations.last().map_or(newest, |revocation| newest.max(revocation.id)))
}
