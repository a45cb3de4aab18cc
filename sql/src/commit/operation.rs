//! What accounts do, and what each operation touches.

use wire::{AccountId, GroupId, MessageId, Peer, Recipient, Seq};

/// What can be done. Texts and lists are within the bounds of [`wire::limit`].
#[derive(Clone, Debug)]
pub enum Operation {
    /// Say something.
    Post {
        /// To whom; may be oneself.
        to: Recipient,
        /// The text.
        content: String,
        /// The message that it answers.
        reply_to: Option<MessageId>,
    },
    /// A device has everything up to here; beyond the head it means the head.
    Received {
        /// The last event.
        seq: Seq,
    },
    /// Everything up to this message of its conversation has been read.
    Read {
        /// The message.
        id: MessageId,
    },
    /// Give an own message another text.
    Edit {
        /// The message.
        id: MessageId,
        /// The text.
        content: String,
    },
    /// Take an own message's text away.
    Delete {
        /// The message.
        id: MessageId,
    },
    /// Set one's reaction to a message.
    React {
        /// The message.
        id: MessageId,
        /// Nothing takes it back.
        emoji: Option<String>,
    },
    /// Let nothing from an account arrive.
    Block {
        /// The account.
        id: AccountId,
    },
    /// Let it arrive again.
    Unblock {
        /// The account.
        id: AccountId,
    },
    /// Know an account from now on that has asked.
    Accept {
        /// The account.
        id: AccountId,
    },
    /// Let nothing arrive from an account that has asked.
    Decline {
        /// The account.
        id: AccountId,
    },
    /// Let a conversation keep its messages for so many days.
    SetRetention {
        /// The conversation.
        with: Peer,
        /// Nothing is for ever.
        days: Option<i64>,
    },
    /// Make a group.
    CreateGroup {
        /// Its name.
        name: String,
        /// Who else is in it.
        members: Vec<AccountId>,
    },
    /// Change a group.
    ChangeGroup {
        /// The group.
        group: GroupId,
        /// How.
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
}

/// How a group can be changed.
#[derive(Clone, Debug)]
pub enum GroupAction {
    /// One more member, or one more who is invited.
    Add(AccountId),
    /// One less; who is invited is no longer.
    Remove(AccountId),
    /// Another name.
    Rename(String),
    /// Go oneself.
    Leave,
    /// Make a member an admin.
    Promote(AccountId),
    /// Make an admin a member like others.
    Demote(AccountId),
}

impl Operation {
    /// Whether it makes an entry, which keeps its `ref`.
    pub(super) fn is_entry(&self) -> bool {
        matches!(
            self,
            Self::Post { .. }
                | Self::SetRetention { .. }
                | Self::CreateGroup { .. }
                | Self::ChangeGroup { .. }
                | Self::JoinGroup { .. }
        )
    }

    /// The message it is about.
    pub(super) fn target(&self) -> Option<MessageId> {
        match self {
            Self::Post { reply_to, .. } => *reply_to,
            Self::Read { id }
            | Self::Edit { id, .. }
            | Self::Delete { id }
            | Self::React { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Whether it changes the message it is about, and all who have it are told.
    pub(super) fn is_revision(&self) -> bool {
        matches!(self, Self::Edit { .. } | Self::Delete { .. } | Self::React { .. })
    }

    /// The group it is for.
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

    /// Whether it depends on who is invited to its group.
    pub(super) fn needs_invitations(&self) -> bool {
        matches!(
            self,
            Self::ChangeGroup { .. } | Self::JoinGroup { .. } | Self::DeclineInvitation { .. }
        )
    }

    /// Whose logs it may touch besides those of its group, of its target and of who does it.
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
