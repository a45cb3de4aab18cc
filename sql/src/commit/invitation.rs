//! An invitation to a group, and its state.

use wire::{AccountId, MessageId};

use crate::engine::Row;
use crate::{Error, Result};

/// A present or past invitation to a group.
#[derive(Clone, Copy)]
pub(super) struct Invitation {
    pub(super) inviter: AccountId,
    /// The entry of the invitation.
    pub(super) entry: MessageId,
    /// Whether it counts among the open requests of the inviter.
    pub(super) counts: bool,
    pub(super) state: InvitationState,
}

/// The state of an invitation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InvitationState {
    /// It waits for an answer.
    Waiting = 0,
    /// The account has declined, or was never told. The group cannot tell the two apart.
    Silent = 1,
    /// An admin has withdrawn it. The row is kept: the account is invited again, and not added.
    Withdrawn = 2,
}

impl Invitation {
    /// Reads inviter, entry, state and whether it counts from column `at` on.
    pub(super) fn of(row: &Row, at: usize) -> Result<Self> {
        let state = match row.int(at + 2)? {
            0 => InvitationState::Waiting,
            1 => InvitationState::Silent,
            2 => InvitationState::Withdrawn,
            other => {
                return Err(Error::Internal(format!(
                    "nobody knows an invitation of state {other}"
                )));
            }
        };
        let (inviter, entry) = (AccountId(row.int(at)?), MessageId(row.int(at + 1)?));
        Ok(Self { inviter, entry, state, counts: row.int(at + 3)? != 0 })
    }
}
