//! Marks the subscriptions to which a Web Push is sent: those of clients that are not connected.
//!
//! The node that has committed a message looks up the subscriptions of its receivers. A client that is connected, to this node or to
//! another one, gets no push. When a connection breaks off, it may have been dead for a while. So its client gets a push if there
//! are events after the last one that it has acknowledged there. When a client reconnects, its mark is removed.
//!
//! This thread only marks subscriptions in the database; auth servers send the pushes. If a node is killed, the marks for the last
//! [`PUSH_GATHER`] are lost, and no push is sent for them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use os_thread::lock;
use sql::{Committed, Entry, EventBody, PushQuery, Store};
use wire::{AccountId, Seq, SessionId};

use crate::hub::Hub;
use crate::limit::{PUSH_GATHER, PUSHES_WAITING_MAX};
use crate::metrics;
use crate::service::{self, Ended};

/// A handle; clones are the same.
#[derive(Clone)]
pub(crate) struct Pushes(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    noted: Noted,
    is_over: bool,
}

/// The receivers and connections that have been recorded since the last look-up.
#[derive(Default)]
struct Noted {
    /// Accounts that got messages, each with the event before the first of these messages.
    receivers: HashMap<AccountId, Seq>,
    /// Sessions whose connection has broken off, each with the last event that was acknowledged on it.
    cut: HashMap<SessionId, (AccountId, Seq)>,
    /// Sessions with a connection that was welcomed.
    back: HashSet<SessionId>,
}

impl Noted {
    fn is_empty(&self) -> bool {
        self.receivers.is_empty() && self.cut.is_empty() && self.back.is_empty()
    }

    fn receiver(&mut self, account: AccountId, before: Seq) {
        if self.receivers.len() >= PUSHES_WAITING_MAX && !self.receivers.contains_key(&account) {
            return metrics::PUSHES_DROPPED.inc();
        }
        let first = self.receivers.entry(account).or_insert(before);
        *first = (*first).min(before);
    }

    fn cut(&mut self, session: SessionId, account: AccountId, received: Seq) {
        if self.cut.len() >= PUSHES_WAITING_MAX && !self.cut.contains_key(&session) {
            return metrics::PUSHES_DROPPED.inc();
        }
        // Of two connections of a session the one that has acknowledged more counts.
        let (_, last) = self.cut.entry(session).or_insert((account, received));
        *last = (*last).max(received);
    }

    fn back(&mut self, session: SessionId) {
        if self.back.len() >= PUSHES_WAITING_MAX && !self.back.contains(&session) {
            return metrics::PUSHES_DROPPED.inc();
        }
        self.back.insert(session);
    }
}

impl Pushes {
    /// Starts the thread, which ends after [`Pushes::close`].
    pub(crate) fn start(store: Arc<Store>, hub: Arc<Hub>) -> io::Result<(Self, Ended)> {
        let pushes = Self(Arc::default());
        let shared = Arc::clone(&pushes.0);
        let ended = service::spawn("chat-push", move || shared.run(&store, &hub))?;
        Ok((pushes, ended))
    }

    /// Records the receivers of new messages.
    pub(crate) fn committed(&self, committed: &Committed) {
        let mut state = None;
        for event in &committed.events {
            let EventBody::Entry(Entry::Message(message)) = &event.body else { continue };
            if message.request {
                continue;
            }
            let state = state.get_or_insert_with(|| lock(&self.0.state));
            for (account, seq) in event.to.iter().filter(|(account, _)| *account != message.from) {
                state.noted.receiver(*account, seq.before());
            }
        }
        if state.is_some() {
            self.0.changed.notify_one();
        }
    }

    /// Records that a connection of this session has ended without a close frame of its client. `received`: the last event that the
    /// client has acknowledged on it.
    pub(crate) fn connection_lost(&self, account: AccountId, session: SessionId, received: Seq) {
        lock(&self.0.state).noted.cut(session, account, received);
        self.0.changed.notify_one();
    }

    /// Records that a connection of this session was welcomed.
    pub(crate) fn client_connected(&self, session: SessionId) {
        lock(&self.0.state).noted.back(session);
        self.0.changed.notify_one();
    }

    /// Ends the thread, after a last look-up.
    pub(crate) fn close(&self) {
        lock(&self.0.state).is_over = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn run(&self, store: &Store, hub: &Hub) {
        loop {
            let Some((noted, is_over)) = self.take() else { return };
            if let Err(error) = look(store, hub, &noted) {
                // Not logged: the health check reports that the database is away.
                tracing::debug!(%error, "cannot look up subscriptions to Web Push");
                self.put_back(noted);
                if is_over {
                    return;
                }
            }
        }
    }

    /// Waits for records, and takes them [`PUSH_GATHER`] after the first one. Once the server stops, it takes them at once; `None` if
    /// there are none.
    fn take(&self) -> Option<(Noted, bool)> {
        let is_idle = |state: &mut State| state.noted.is_empty() && !state.is_over;
        let state = self.changed.wait_while(lock(&self.state), is_idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let gathered = self.changed.wait_timeout_while(state, PUSH_GATHER, |state| !state.is_over);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        let noted = std::mem::take(&mut state.noted);
        (!state.is_over || !noted.is_empty()).then_some((noted, state.is_over))
    }

    /// Puts back records whose look-up has failed, to be tried again together with newer ones.
    fn put_back(&self, noted: Noted) {
        let mut state = lock(&self.state);
        noted.receivers.into_iter().for_each(|(account, seq)| state.noted.receiver(account, seq));
        for (session, (account, received)) in noted.cut {
            state.noted.cut(session, account, received);
        }
        noted.back.into_iter().for_each(|session| state.noted.back(session));
    }
}

fn look(store: &Store, hub: &Hub, noted: &Noted) -> sql::Result<()> {
    if !store.has_push_subscriptions()? {
        return Ok(());
    }
    // Welcomes come first, since a client may have connected and gone again.
    store.reset_pushes(&noted.back.iter().copied().collect::<Vec<_>>())?;
    let receivers = noted.receivers.iter();
    let receivers = receivers.map(|(account, after)| PushQuery {
        account: *account,
        session: None,
        after: *after,
    });
    let cut = noted.cut.iter().map(|(session, (account, received))| PushQuery {
        account: *account,
        session: Some(*session),
        after: *received,
    });
    let wanted =
        store.subscriptions_to_mark(&receivers.chain(cut).collect::<Vec<_>>(), store.now())?;
    let accounts = wanted.iter().map(|(account, _)| *account).collect();
    let elsewhere = store.sessions_elsewhere(&accounts)?;
    let is_away = |(account, session): &(AccountId, SessionId)| {
        !elsewhere.contains_key(session) && !hub.sessions(*account).contains(session)
    };
    let away: HashSet<_> = wanted.into_iter().filter(is_away).map(|(_, session)| session).collect();
    if away.is_empty() {
        return Ok(());
    }
    let mut away: Vec<_> = away.into_iter().collect();
    // All nodes lock the rows in the same order.
    away.sort_unstable();
    metrics::PUSHES_MARKED.add(away.len() as u64);
    store.mark_pushes(&away, store.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded() {
        let mut noted = Noted::default();
        for n in 0..=PUSHES_WAITING_MAX as i64 {
            noted.receiver(AccountId(n), Seq(7));
            noted.cut(SessionId(n), AccountId(n), Seq(7));
            noted.back(SessionId(n));
        }
        let counts = [noted.receivers.len(), noted.cut.len(), noted.back.len()];
        assert_eq!(counts, [PUSHES_WAITING_MAX; 3]);
        // An account that is noted already needs no further room.
        noted.receiver(AccountId(0), Seq(3));
        noted.cut(SessionId(0), AccountId(0), Seq(9));
        assert_eq!(noted.receivers[&AccountId(0)], Seq(3), "from the first message on");
        assert_eq!(noted.cut[&SessionId(0)], (AccountId(0), Seq(9)), "what one connection has had");
    }
}
