//! The state of a replica as this process knows it. The log gets one line when the replica is lost, when it is back, when it falls behind
//! and when it has caught up.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use wire::{AccountId, Seq};

use super::ReadSource;
use crate::limit::{REPLICA_LAG_TOLD, REPLICA_RETRY};
use crate::{Error, Result};

pub(super) struct State {
    /// The replica, without its password.
    place: String,
    /// The identity of the database.
    identity: OnceLock<String>,
    presence: Mutex<Presence>,
}

struct Presence {
    is_up: bool,
    /// Whether it was logged that the replica is away.
    is_told: bool,
    /// The time of the last try to reach the replica while it was away.
    tried: Option<Instant>,
    /// The log and the event that the replica did not have yet.
    missing: Option<Missing>,
}

#[derive(Clone, Copy)]
struct Missing {
    account: AccountId,
    seq: Seq,
    since: Instant,
    is_told: bool,
}

/// The question that the next probe answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Probe {
    /// Whether it can be reached again.
    IsBack,
    /// Whether it has this event.
    HasCaughtUp(AccountId, Seq),
}

impl State {
    pub(super) fn new(place: String) -> Self {
        let presence = Presence { is_up: false, is_told: false, tried: None, missing: None };
        Self { place, identity: OnceLock::new(), presence: Mutex::new(presence) }
    }

    pub(super) fn is_up(&self) -> bool {
        self.lock().is_up
    }

    pub(super) fn has_identity(&self) -> bool {
        self.identity.get().is_some()
    }

    pub(super) fn set_identity(&self, known: String) {
        let _ = self.identity.set(known);
    }

    /// Fails if the server with identity `found` is no replica of the database.
    pub(super) fn check_identity(&self, found: &str) -> Result<()> {
        if self.identity.get().is_some_and(|known| known == found) {
            return Ok(());
        }
        let reason = "it is no streaming replica of the database; see --database-replica";
        Err(Error::Unavailable(reason.to_owned()))
    }

    /// Records that the replica cannot be reached, or does not answer.
    pub(super) fn lost(&self, error: &Error) {
        let mut presence = self.lock();
        presence.is_up = false;
        presence.missing = None;
        if !std::mem::replace(&mut presence.is_told, true) {
            tracing::warn!(
                "the replica {} is away, the database answers instead: {error}",
                self.place
            );
        }
    }

    /// Records that a read on the replica has failed.
    pub(super) fn failed(&self, error: &Error) -> ReadSource {
        match error {
            // The replica has cancelled the read because it conflicts with changes that are to be applied, or the replica does not
            // have the schema of this program yet.
            Error::Contention(_) | Error::Internal(_) => ReadSource::Behind,
            _ => {
                self.lost(error);
                ReadSource::Away
            }
        }
    }

    pub(super) fn is_back(&self) {
        let mut presence = self.lock();
        (presence.is_up, presence.is_told) = (true, false);
        tracing::info!("the replica {} answers histories, searches and exports", self.place);
    }

    /// Records that the replica does not have event `seq` of the account's log.
    pub(super) fn misses(&self, account: AccountId, seq: Seq) {
        let missing = Missing { account, seq, since: Instant::now(), is_told: false };
        self.lock().missing.get_or_insert(missing);
    }

    /// Records whether the replica has the missing event now.
    pub(super) fn note_progress(&self, has_caught_up: bool) {
        let mut presence = self.lock();
        let Some(missing) = &mut presence.missing else { return };
        let age = missing.since.elapsed();
        if has_caught_up {
            if missing.is_told {
                tracing::info!("the replica {} has caught up", self.place);
            }
            presence.missing = None;
        } else if age >= REPLICA_LAG_TOLD && !std::mem::replace(&mut missing.is_told, true) {
            tracing::warn!(
                "the replica {} is {} s behind or more, the database answers what it does not have",
                self.place,
                age.as_secs()
            );
        }
    }

    pub(super) fn next_probe(&self) -> Option<Probe> {
        let mut presence = self.lock();
        if presence.is_up {
            return presence.missing.map(|it| Probe::HasCaughtUp(it.account, it.seq));
        }
        let is_due = |tried: Instant| tried.elapsed() >= REPLICA_RETRY;
        if !presence.tried.is_none_or(is_due) {
            return None;
        }
        presence.tried = Some(Instant::now());
        Some(Probe::IsBack)
    }

    fn lock(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
