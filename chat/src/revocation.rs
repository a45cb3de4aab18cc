//! Closes the sockets of sessions that were ended on any node, and records which accounts hide their last-seen time.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use net::Shutdown;
use sql::{Revoked, Store};
use wire::{Close, Code, ErrorFrame, Frame};

use crate::hub::Hub;
use crate::limit::REVOCATION_POLL;
use crate::presence::Presence;
use crate::sweep::Notify;

/// Starts the thread that looks for revoked sessions every [`REVOCATION_POLL`].
pub(crate) fn watch(
    store: Arc<Store>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    notify: Notify,
    shutdown: Shutdown,
) -> io::Result<()> {
    let stack = os_thread::SERVICE_STACK_BYTES;
    os_thread::spawn("chat-revoke", stack, move || {
        let mut newest = None;
        while !shutdown.wait_for(REVOCATION_POLL) {
            // While the database is away, nothing can be revoked either. The next look finds earlier revocations.
            match look(&store, &hub, &presence, &notify, newest) {
                Ok(seen) => newest = Some(seen),
                Err(error) => tracing::debug!(%error, "cannot look for revoked sessions"),
            }
        }
    })?;
    Ok(())
}

/// Looks at the revocations since `newest`; returns the newest seen.
fn look(
    store: &Store,
    hub: &Hub,
    presence: &Presence,
    notify: &Notify,
    newest: Option<i64>,
) -> sql::Result<i64> {
    // No connection existed before the first look, so older revocations concern none.
    let Some(newest) = newest else { return store.newest_revocation() };
    let revocations = store.revocations(newest)?;
    // The latest change of each account counts, since some changes are read again.
    let (mut sessions, mut hiding) = (HashSet::new(), HashMap::new());
    for revocation in &revocations {
        match revocation.what {
            Revoked::Session(session) => {
                sessions.insert(session);
            }
            Revoked::LastSeen { account, hides } => {
                hiding.insert(account, hides);
            }
        }
    }
    if !hiding.is_empty() {
        presence.note_hiding(hiding);
    }
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
        // The account may have been deleted. Then the other members of its groups must be told that it has left.
        if revocations.last().is_some_and(|last| last.id > newest) {
            notify.notify_one();
        }
    }
    Ok(revocations.last().map_or(newest, |revocation| newest.max(revocation.id)))
}
