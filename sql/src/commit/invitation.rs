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
    /// Whether the invitation counts among the open contact requests of the inviter.
    pub(super) counts: bool,
    pub(super) state: InvitationState,
}

/// The state of an invitation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InvitationState {
    /// The invitation waits for an answer.
    Waiting = 0,
    /// The account has declined the invitation, or never got an event of it because of a block. The group cannot tell which.
    Silent = 1,
    /// An admin has withdrawn the invitation. The row is kept, so the account can be invited again, but not simply added.
    Withdrawn = 2,
}

impl Invitation {
    /// Reads an invitation from four columns of a row, beginning with column `at`: inviter, entry, state, counted.
    pub(super) fn of(row: &Row, at: usize) -> Result<Self> {
        let state = match row.int(at + 2)? {
            0 => InvitationState::Waiting,
            1 => InvitationState::Silent,
            2 => InvitationState::Withdrawn,
            other => {
                return Err(Error::Internal(format!(
                    "the database has an invitation with the unknown state {other}"
                )));
            }
        };
        let (inviter, entry) = (AccountId(row.int(at)?), MessageId(row.int(at + 1)?));
        Ok(Self { inviter, entry, state, counts: row.int(at + 3)? != 0 })
    }
}
