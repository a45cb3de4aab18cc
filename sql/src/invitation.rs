//! Reads invitations to groups, as the invited account and as the members of the group see them.

use wire::{AccountId, GroupId, MessageId, Peer, Role};

use crate::contact::{picture_seen, sees_name};
use crate::conversation::{Conversation, Member};
use crate::engine::{Statement, Value, statements};
use crate::{ConversationSettings, Reader, Result, Store};

/// An invitation to a group that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedInvitation {
    /// The group.
    pub group: GroupId,
    /// The group's name at the time of the invitation.
    pub name: String,
    /// The account that sent the invitation.
    pub by: AccountId,
    /// The time of the invitation, in milliseconds.
    pub at: i64,
}

impl Store {
    /// Up to `limit` groups to which `account` is invited, whose invitation is before `before`, the latest first. Each has the name
    /// that the group had at the time of the invitation, since the account gets no later name.
    pub(crate) fn invitations(
        &self,
        account: AccountId,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<Conversation>> {
        let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let params = [Value::Int(account.0), Value::Int(before.0), limit];
        self.read(account, &INVITATIONS, &params, |row| {
            Ok(Conversation {
                with: Peer::Group(GroupId(row.int(0)?)),
                name: row.maybe_text(1)?,
                picture: None,
                activity: MessageId(row.int(2)?),
                last: None,
                unread: 0,
                request: false,
                read: MessageId(0),
                other: None,
                role: Some(Role::Invited),
                days: None,
                settings: ConversationSettings::default(),
            })
        })
    }

    /// The accounts that are invited to a group as its members see it, the earliest first, with the names that `account` may see.
    pub(crate) fn invited(&self, account: AccountId, group: GroupId) -> Result<Vec<Member>> {
        let params = [self.contact.is_open(), Value::Int(account.0), Value::Int(group.0)];
        self.read(account, &INVITED, &params, |row| {
            let (id, name) = (AccountId(row.int(0)?), row.maybe_text(1)?);
            let picture = row.maybe_text(2)?.filter(|_| name.is_some());
            let (delivered, read) = (MessageId(0), MessageId(0));
            Ok(Member { id, name, picture, role: Role::Invited, delivered, read })
        })
    }

    /// Up to `limit` invitations of the account that wait for an answer, to groups after number `after`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_invitations<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        after: GroupId,
        limit: i64,
    ) -> Result<Vec<ExportedInvitation>> {
        let reader = reader.into();
        let params = [reader.account.0, after.0, limit].map(Value::Int);
        self.read(reader, &KEPT_INVITATIONS, &params, |row| {
            let (group, by) = (GroupId(row.int(0)?), AccountId(row.int(2)?));
            Ok(ExportedInvitation { group, name: row.text(1)?, by, at: row.int(3)? })
        })
    }
}

statements! {
    static INVITATIONS: Statement = Statement::both(
        "select i.conversation, m.content, i.entry from invitation i join message m on m.id = i.entry \
         where i.account = $1 and i.state = 0 and i.entry < $2 order by i.entry desc limit $3"
    );

    static INVITED: Statement = Statement::both(
        concat!(
            "select i.account, case when cast($1 as bigint) = 1 or ",
            sees_name!("$2", "i.account"),
            " then a.name end, ",
            picture_seen!("$2", "i.account"),
            " from invitation i join account a on a.id = i.account where i.conversation = $3 \
             and i.state < 2 order by i.entry, i.account",
        )
    );

    static KEPT_INVITATIONS: Statement = Statement::both(
        "select i.conversation, m.content, i.inviter, m.at from invitation i join message m on m.id = i.entry \
         where i.account = $1 and i.conversation > $2 and i.state = 0 order by i.conversation limit $3"
    );
}
