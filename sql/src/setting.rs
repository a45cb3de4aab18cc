//! The settings of an account for a conversation. They concern only the account's own devices.

use crate::Result;
use crate::engine::{Row, Statement, statements};

/// The settings of an account for a conversation. By default nothing is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConversationSettings {
    /// The time until which the conversation is muted, in milliseconds; `None`: it is not muted.
    pub muted_until: Option<i64>,
    /// Whether the conversation is pinned to the top of the list.
    pub pinned: bool,
    /// Whether the conversation is archived.
    pub archived: bool,
    /// Whether the conversation is marked as unread, even if all its messages are read.
    pub marked_unread: bool,
}

/// A change of [`ConversationSettings`]; `None` leaves a setting as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// As [`ConversationSettings::muted_until`].
    pub muted_until: Option<Option<i64>>,
    /// As [`ConversationSettings::pinned`].
    pub pinned: Option<bool>,
    /// As [`ConversationSettings::archived`].
    pub archived: Option<bool>,
    /// As [`ConversationSettings::marked_unread`].
    pub marked_unread: Option<bool>,
}

impl ConversationSettings {
    /// Reads the four columns that begin at column `at`, in the order of the fields.
    pub(crate) fn of(row: &Row, at: usize) -> Result<Self> {
        Ok(Self {
            muted_until: row.maybe_int(at)?,
            pinned: row.int(at + 1)? != 0,
            archived: row.int(at + 2)? != 0,
            marked_unread: row.int(at + 3)? != 0,
        })
    }

    /// These settings after a change.
    pub(crate) fn changed(self, change: &SettingsChange) -> Self {
        Self {
            muted_until: change.muted_until.unwrap_or(self.muted_until),
            pinned: change.pinned.unwrap_or(self.pinned),
            archived: change.archived.unwrap_or(self.archived),
            marked_unread: change.marked_unread.unwrap_or(self.marked_unread),
        }
    }
}

statements! {
    /// Resets the settings of a deleted account, some rows at a time.
    pub(crate) static ERASE_SETTINGS: Statement = Statement::both(
        "update member set cleared = 0, muted_until = null, pinned = 0, archived = 0, marked_unread = 0 where \
         account = $1 and conversation in (select conversation from member where account = $1 and (cleared > 0 \
         or muted_until is not null or pinned + archived + marked_unread > 0) limit $2) returning conversation"
    );
}
