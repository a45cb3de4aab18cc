//! The operations that accounts submit, and which rows each of them touches.

use wire::{AccountId, GroupId, MessageId, Peer, Recipient, Seq};

use super::Rejection;
use crate::SettingsChange;

/// An operation that is stored. Texts and lists are within the bounds of [`wire::limit`].
#[derive(Clone, Debug)]
pub enum Operation {
    /// Send a message.
    Post {
        /// The recipient; may be the sender.
        to: Recipient,
        /// The text; with files it may be empty.
        content: String,
        /// The ids of its files, each once.
        files: Vec<String>,
        /// The message that it replies to.
        reply_to: Option<MessageId>,
    },
    /// Acknowledge that a device has all events up to `seq`. Beyond the head of the log it means the head.
    Received {
        /// The last event.
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
    /// Delete any message that it sees, for the own devices alone.
    Hide {
        /// The message.
        id: MessageId,
    },
    /// Give a copy of a message that it sees to the operator.
    Report {
        /// The message.
        id: MessageId,
        /// Why; may be empty.
        text: String,
    },
    /// React to a message, or remove the reaction.
    React {
        /// The message.
        id: MessageId,
        /// The reaction; `None` removes it.
        emoji: Option<String>,
    },
    /// Block an account: nothing from it is delivered.
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
    /// Decline the message request of an account: nothing from it is delivered.
    Decline {
        /// The account.
        id: AccountId,
    },
    /// Change what is set for a conversation, for the own devices alone.
    SetConversation {
        /// The conversation.
        with: Peer,
        /// What changes.
        change: SettingsChange,
    },
    /// Hide all that has been said in a conversation so far, for the own devices alone.
    ClearConversation {
        /// The conversation.
        with: Peer,
    },
    /// Set for how long a conversation keeps its messages.
    SetRetention {
        /// The conversation.
        with: Peer,
        /// Days; `None`: for ever.
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
    /// Decline an invitation to a group. The group is not told.
    DeclineInvitation {
        /// The group.
        group: GroupId,
    },
    /// An operation that makes an entry and is refused, unless its `ref` is one that was stored before.
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
    /// Whether it makes an entry of a conversation, which keeps the `ref`.
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

    /// The message that it refers to.
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

    /// Whether it changes the message that it refers to, which everybody who has the message is told.
    pub(super) fn is_revision(&self) -> bool {
        matches!(self, Self::Edit { .. } | Self::Delete { .. } | Self::React { .. })
    }

    /// The group that it refers to.
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

    /// Whether it needs the invitations of its group.
    pub(super) fn needs_invitations(&self) -> bool {
        matches!(
            self,
            Self::ChangeGroup { .. } | Self::JoinGroup { .. } | Self::DeclineInvitation { .. }
        )
    }

    /// Further accounts whose logs it may write to: not the submitter, the members of its group, and the people of its target.
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
