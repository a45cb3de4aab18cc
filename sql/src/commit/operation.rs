//! The operations that accounts submit, and the rows that each of them touches.

use wire::{AccountId, GroupId, MessageId, Peer, Recipient, Seq};

use super::Rejection;
use crate::SettingsChange;

/// An operation that changes the database. Its texts and lists are within the bounds of [`wire::limit`].
#[derive(Clone, Debug)]
pub enum Operation {
    /// Send a message.
    Post {
        /// The recipient; may be the sender.
        to: Recipient,
        /// The text; with files it may be empty.
        content: String,
        /// The ids of its files, without repeats.
        files: Vec<String>,
        /// The message that it replies to.
        reply_to: Option<MessageId>,
    },
    /// Acknowledge that a device has all events up to `seq`. A `seq` beyond the head of the log counts as the head.
    Received {
        /// The position of the last event.
        seq: Seq,
    },
    /// Mark this message and all before it in its conversation as read.
    Read {
        /// The message.
        id: MessageId,
    },
    /// Edit an own message.
    Edit {
        /// The message.
        id: MessageId,
        /// The new text.
        content: String,
    },
    /// Delete an own message: its text is removed.
    Delete {
        /// The message.
        id: MessageId,
    },
    /// Hide a message that the account sees from its own devices. Nobody else is affected.
    Hide {
        /// The message.
        id: MessageId,
    },
    /// Give the operator a copy of a message that the account sees.
    Report {
        /// The message.
        id: MessageId,
        /// The reason, in the words of the account; may be empty.
        text: String,
    },
    /// React to a message, or remove the reaction.
    React {
        /// The message.
        id: MessageId,
        /// The reaction; `None` removes it.
        emoji: Option<String>,
    },
    /// Block an account: from now on nothing from the blocked account is delivered to the blocker.
    Block {
        /// The account.
        id: AccountId,
    },
    /// Unblock an account.
    Unblock {
        /// The account.
        id: AccountId,
    },
    /// Accept the message request of an account.
    Accept {
        /// The account.
        id: AccountId,
    },
    /// Decline the message request of an account: from now on nothing from the declined account is delivered.
    Decline {
        /// The account.
        id: AccountId,
    },
    /// Change the account's own settings for a conversation.
    SetConversation {
        /// The conversation.
        with: Peer,
        /// The settings that change.
        change: SettingsChange,
    },
    /// Hide all messages of a conversation so far from the account's own devices. Nobody else is affected.
    ClearConversation {
        /// The conversation.
        with: Peer,
    },
    /// Set for how long a conversation keeps its messages.
    SetRetention {
        /// The conversation.
        with: Peer,
        /// The number of days; `None`: messages are kept for ever.
        days: Option<i64>,
    },
    /// Create a group.
    CreateGroup {
        /// Its name.
        name: String,
        /// The other members.
        members: Vec<AccountId>,
    },
    /// Change a group.
    ChangeGroup {
        /// The group.
        group: GroupId,
        /// The change.
        action: GroupAction,
    },
    /// Accept an invitation to a group.
    JoinGroup {
        /// The group.
        group: GroupId,
    },
    /// Decline an invitation to a group. The members of the group get no event of it.
    DeclineInvitation {
        /// The group.
        group: GroupId,
    },
    /// An operation that was refused before the commit. If an entry with its `ref` is stored already, the outcome is that
    /// entry ([`Outcome::Repeat`](super::Outcome::Repeat)), otherwise the rejection.
    Refused(Rejection),
}

/// A change of a group.
#[derive(Clone, Debug)]
pub enum GroupAction {
    /// Add a member, or invite an account that does not know the admin.
    Add(AccountId),
    /// Remove a member, or withdraw an invitation.
    Remove(AccountId),
    /// Give the group another name.
    Rename(String),
    /// Leave the group.
    Leave,
    /// Make a member an admin.
    Promote(AccountId),
    /// Make an admin an ordinary member.
    Demote(AccountId),
}

impl Operation {
    /// Whether the operation writes an entry of a conversation. Entries store the `ref` of their operation.
    pub(super) fn is_entry(&self) -> bool {
        matches!(
            self,
            Self::Post { .. }
                | Self::SetRetention { .. }
                | Self::CreateGroup { .. }
                | Self::ChangeGroup { .. }
                | Self::JoinGroup { .. }
                | Self::Refused(_)
        )
    }

    /// The message that the operation refers to.
    pub(super) fn target(&self) -> Option<MessageId> {
        match self {
            Self::Post { reply_to, .. } => *reply_to,
            Self::Read { id }
            | Self::Edit { id, .. }
            | Self::Delete { id }
            | Self::Report { id, .. }
            | Self::React { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Whether the operation changes the message that it refers to. Everybody who has the message gets an event of the change.
    pub(super) fn is_revision(&self) -> bool {
        matches!(self, Self::Edit { .. } | Self::Delete { .. } | Self::React { .. })
    }

    /// The group that the operation refers to.
    pub(super) fn group(&self) -> Option<GroupId> {
        match self {
            Self::Post { to: Recipient::Group(group), .. }
            | Self::SetRetention { with: Peer::Group(group), .. }
            | Self::ChangeGroup { group, .. }
            | Self::JoinGroup { group }
            | Self::DeclineInvitation { group } => Some(*group),
            _ => None,
        }
    }

    /// Whether the operation needs to know the invitations of its group.
    pub(super) fn needs_invitations(&self) -> bool {
        matches!(
            self,
            Self::ChangeGroup { .. } | Self::JoinGroup { .. } | Self::DeclineInvitation { .. }
        )
    }

    /// The accounts whose logs the operation may write to, apart from the submitter, the members of its group, and the sender and
    /// recipient of its target.
    pub(super) fn others(&self) -> &[AccountId] {
        match self {
            Self::Post { to: Recipient::Account(account), .. }
            | Self::SetRetention { with: Peer::Account(account), .. }
            | Self::Block { id: account }
            | Self::Accept { id: account }
            | Self::Decline { id: account }
            | Self::ChangeGroup {
                action: GroupAction::Add(account) | GroupAction::Remove(account),
                ..
            } => std::slice::from_ref(account),
            Self::CreateGroup { members, .. } => members,
            _ => &[],
        }
    }
}
