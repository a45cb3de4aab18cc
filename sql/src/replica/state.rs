//! The state of a replica as this process knows it. The log gets one line when the replica is lost, when it is back, when it falls behind
//! and when it has caught up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wire::{AccountId, Seq};

use super::ReadSource;
use super::identity::Identity;
use crate::limit::{REPLICA_IDENTITY_INTERVAL, REPLICA_LAG_TOLD, REPLICA_RETRY};
use crate::{Error, Result};

pub(super) struct State {
    /// The replica, without its password.
    place: String,
    presence: Mutex<Presence>,
}

struct Presence {
    /// The identity of the database, and the time of the last try to read it.
    database: Option<(Identity, Instant)>,
    is_up: bool,
    /// The reason in the log for which the replica is not in use.
    told: Option<Told>,
    /// The time of the last try to reach the replica while it was away.
    tried: Option<Instant>,
    /// The log and the event that the replica did not have yet.
    missing: Option<Missing>,
}

#[derive(PartialEq)]
enum Told {
    Away,
    /// It has another identity than the database.
    Refused(String),
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
    /// Whether it still has the history of the database.
    IsSame,
    /// Whether it has this event.
    HasCaughtUp(AccountId, Seq),
}

impl State {
    pub(super) fn new(place: String) -> Self {
        let presence =
            Presence { database: None, is_up: false, told: None, tried: None, missing: None };
        Self { place, presence: Mutex::new(presence) }
    }

    pub(super) fn is_up(&self) -> bool {
        self.lock().is_up
    }

    pub(super) fn knows_database(&self) -> bool {
        self.lock().database.is_some()
    }

    /// Whether the identity of the database must be read (again).
    pub(super) fn is_identity_due(&self) -> bool {
        let is_old = |read: &Instant| read.elapsed() >= REPLICA_IDENTITY_INTERVAL;
        self.lock().database.as_ref().is_none_or(|(_, read)| is_old(read))
    }

    /// Records that the identity could not be read. It is read again after [`REPLICA_IDENTITY_INTERVAL`].
    pub(super) fn put_identity_off(&self) {
        if let Some((_, read)) = &mut self.lock().database {
            *read = Instant::now();
        }
    }

    /// Records the identity of the database. Returns whether it is another one than before.
    pub(super) fn set_database(&self, identity: &Identity) -> bool {
        let before = self.lock().database.replace((identity.clone(), Instant::now()));
        before.is_some_and(|(before, _)| before != *identity)
    }

    /// Fails if the server with identity `found` does not have the history of the database. The log says so.
    pub(super) fn check_identity(&self, found: &Identity) -> Result<()> {
        let mut presence = self.lock();
        let Some((database, _)) = &presence.database else {
            return Err(Error::Unavailable("the database was not asked yet".to_owned()));
        };
        let Some(reason) = found.difference_to(database) else { return Ok(()) };
        (presence.is_up, presence.missing) = (false, None);
        let told = Some(Told::Refused(reason.clone()));
        if presence.told != told {
            tracing::warn!(
                "the replica {} is not used, the database answers instead: {reason}",
                self.place
            );
            presence.told = told;
        }
        Err(Error::Unavailable(reason))
    }

    /// Records that the replica cannot be reached, or does not answer.
    pub(super) fn lost(&self, error: &Error) {
        let mut presence = self.lock();
        (presence.is_up, presence.missing) = (false, None);
        if presence.told.is_none() {
            tracing::warn!(
                "the replica {} is away, the database answers instead: {error}",
                self.place
            );
            presence.told = Some(Told::Away);
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
        (presence.is_up, presence.told) = (true, None);
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

    /// The next probe. `is_due`: the identity of the replica must be checked again.
    pub(super) fn next_probe(&self, is_due: bool) -> Option<Probe> {
        let mut presence = self.lock();
        if presence.is_up {
            let missing = presence.missing.map(|it| Probe::HasCaughtUp(it.account, it.seq));
            return missing.or(is_due.then_some(Probe::IsSame));
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
