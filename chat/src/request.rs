//! The classes of requests, by how they are carried out.
//!
//! Each request is classified once. The code that carries out a class gets a type that contains only the requests of this class. So
//! the compiler reports a request that no code handles.

use std::borrow::Cow;

use sql::{GroupAction, Operation, SettingsChange};
use wire::{
    AccountId, Command, DeleteScope, GroupId, MessageId, Peer, PendingRequest, Recipient, Seq, Text,
};

use crate::rate_limit::RateKind;

/// A request by its class.
pub(crate) enum RequestClass<'a> {
    /// Answered for every client, also before its hello.
    Ping,
    /// Authenticates the client.
    Hello { token: Cow<'a, str>, since: Option<Seq> },
    /// Relayed at once in guest mode, stored with accounts.
    Message(Message<'a>),
    /// Sent to other clients and never stored.
    Live(Live),
    /// Reads the database.
    Query(Query<'a>),
    /// Stored by the committer, which answers after the commit.
    Operation(Operation),
}

/// A message to an account or a group.
pub(crate) struct Message<'a> {
    pub(crate) from: Option<AccountId>,
    pub(crate) to: Recipient,
    pub(crate) content: Text<'a>,
    pub(crate) files: Vec<Cow<'a, str>>,
    pub(crate) reply_to: Option<MessageId>,
    /// Takes the place of a hello, if the message is the first frame.
    pub(crate) token: Option<Cow<'a, str>>,
}

/// A request that is sent to other clients and never stored.
pub(crate) enum Live {
    Typing { to: Recipient },
    Presence { ids: Vec<AccountId> },
}

/// The position of a page in the history of a conversation.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    /// The newest messages.
    Newest,
    /// Older than this one.
    Before(MessageId),
    /// Newer than this one.
    After(MessageId),
    /// On both sides of this one.
    Around(MessageId),
}

impl Anchor {
    /// A request has at most one of the three keys.
    fn of(before: Option<MessageId>, after: Option<MessageId>, around: Option<MessageId>) -> Self {
        let anchor = before.map(Self::Before).or(after.map(Self::After));
        anchor.or(around.map(Self::Around)).unwrap_or(Self::Newest)
    }
}

/// A request that reads the database.
pub(crate) enum Query<'a> {
    History { with: Peer, anchor: Anchor, limit: Option<i64> },
    Search { text: Cow<'a, str>, before: Option<MessageId>, limit: Option<i64> },
    Conversations { before: Option<MessageId>, limit: Option<i64> },
    GroupShow { group: GroupId },
    Blocks,
}

impl RequestClass<'_> {
    /// The kind of rate limit that the request counts against.
    pub(crate) fn rate_kind(&self) -> RateKind {
        match self {
            Self::Operation(Operation::Received { .. } | Operation::Read { .. }) => {
                RateKind::Receipt
            }
            _ => RateKind::Frame,
        }
    }
}

impl<'a> From<Command<'a>> for RequestClass<'a> {
    fn from(command: Command<'a>) -> Self {
        let change = |group, how| Self::Operation(Operation::ChangeGroup { group, action: how });
        match command {
            Command::Ping => Self::Ping,
            Command::Hello { token, since } => Self::Hello { token, since },
            Command::Message { from, to, content, files, reply_to, token } => {
                Self::Message(Message { from, to, content, files, reply_to, token })
            }
            Command::Typing { to } => Self::Live(Live::Typing { to }),
            Command::Presence { ids } => Self::Live(Live::Presence { ids }),
            Command::History { with, before, after, around, limit } => {
                let anchor = Anchor::of(before, after, around);
                Self::Query(Query::History { with, anchor, limit })
            }
            Command::Search { text, before, limit } => {
                Self::Query(Query::Search { text, before, limit })
            }
            Command::Conversations { before, limit } => {
                Self::Query(Query::Conversations { before, limit })
            }
            Command::GroupShow { group } => Self::Query(Query::GroupShow { group }),
            Command::Blocks => Self::Query(Query::Blocks),
            Command::Received { seq } => Self::Operation(Operation::Received { seq }),
            Command::Read { id } => Self::Operation(Operation::Read { id }),
            Command::Edit { id, content } => {
                Self::Operation(Operation::Edit { id, content: content.into_owned() })
            }
            Command::Delete { id, scope: None } => Self::Operation(Operation::Delete { id }),
            Command::Delete { id, scope: Some(DeleteScope::Me) } => {
                Self::Operation(Operation::Hide { id })
            }
            Command::Report { id, text } => {
                let text = text.map_or_else(String::new, Cow::into_owned);
                Self::Operation(Operation::Report { id, text })
            }
            Command::React { id, emoji } => {
                Self::Operation(Operation::React { id, emoji: emoji.map(Into::into) })
            }
            Command::Block { id } => Self::Operation(Operation::Block { id }),
            Command::Unblock { id } => Self::Operation(Operation::Unblock { id }),
            Command::Accept { pending: PendingRequest::Account(id) } => {
                Self::Operation(Operation::Accept { id })
            }
            Command::Decline { pending: PendingRequest::Account(id) } => {
                Self::Operation(Operation::Decline { id })
            }
            Command::Accept { pending: PendingRequest::Group(group) } => {
                Self::Operation(Operation::JoinGroup { group })
            }
            Command::Decline { pending: PendingRequest::Group(group) } => {
                Self::Operation(Operation::DeclineInvitation { group })
            }
            Command::ConversationSet { with, muted_until, pinned, archived, unread } => {
                let change =
                    SettingsChange { muted_until, pinned, archived, marked_unread: unread };
                Self::Operation(Operation::SetConversation { with, change })
            }
            Command::ConversationClear { with } => {
                Self::Operation(Operation::ClearConversation { with })
            }
            Command::Retention { with, days } => {
                Self::Operation(Operation::SetRetention { with, days })
            }
            Command::GroupCreate { name, members } => {
                Self::Operation(Operation::CreateGroup { name: name.into_owned(), members })
            }
            Command::GroupAdd { group, member } => change(group, GroupAction::Add(member)),
            Command::GroupRemove { group, member } => change(group, GroupAction::Remove(member)),
            Command::GroupRename { group, name } => {
                change(group, GroupAction::Rename(name.into_owned()))
            }
            Command::GroupLeave { group } => change(group, GroupAction::Leave),
            Command::GroupPromote { group, member } => change(group, GroupAction::Promote(member)),
            Command::GroupDemote { group, member } => change(group, GroupAction::Demote(member)),
        }
    }
}
