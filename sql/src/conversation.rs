//! The list of an account's conversations, the members of a group, and blocked accounts.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use wire::limit::UNREAD_MAX;
use wire::{AccountId, GroupId, MessageId, Peer, Role};

use crate::contact::{picture_seen, sees_name};
use crate::engine::{BatchStatement, Row, Statement, Value, for_each_row, statements};
use crate::entry::{self, Message, bytes_seen, columns, columns_seen, edits_withheld};
use crate::limit::PAGE_BYTES;
use crate::unread::UNREAD;
use crate::{ConversationSettings, Result, Store};

/// A conversation as one of its accounts sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// The other account or the group.
    pub with: Peer,
    /// The other side's or the group's name; `None` if the account is deleted.
    pub name: Option<String>,
    /// The file that is the other side's picture; `None` for a group, or if the name is not known.
    pub picture: Option<String>,
    /// The last entry.
    pub activity: MessageId,
    /// The last message.
    pub last: Option<Message>,
    /// The number of messages of others that are neither read nor deleted, among the newest
    /// [`UNREAD_LOOKED_AT_MAX`](wire::limit::UNREAD_LOOKED_AT_MAX) entries;
    /// [`UNREAD_MAX`] means that many or more.
    pub unread: i64,
    /// The last message that is read.
    pub read: MessageId,
    /// Whether the other side's message request waits for an answer.
    pub request: bool,
    /// The last message that the other side has received, and the last one that it has read, as far as this account may know. If
    /// this account hides what it reads, the second one is 0. `None` for a group.
    pub other: Option<(MessageId, MessageId)>,
    /// The account's role in the group; `None` for a conversation of two, or once it has left.
    pub role: Option<Role>,
    /// For how many days messages are kept; nothing: for ever.
    pub days: Option<i64>,
    /// The account's settings for the conversation.
    pub settings: ConversationSettings,
}

/// A group as its members see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// For how many days messages are kept; nothing: for ever.
    pub days: Option<i64>,
    /// The members, the longest-standing first; then the invited accounts.
    pub members: Vec<Member>,
}

/// A member or an invited account of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub id: AccountId,
    /// Its name; `None` if it is deleted, or if the viewer may not see the name of an invited account.
    pub name: Option<String>,
    /// The file that is its picture; `None` as for the name, or if it has none.
    pub picture: Option<String>,
    /// Its role.
    pub role: Role,
    /// The last message that its devices have received.
    pub delivered: MessageId,
    /// The last message that it has read.
    pub read: MessageId,
}

impl Store {
    /// Up to `limit` conversations of `account` whose last entry is before `before`, the one with the latest entry first. If their
    /// texts are longer than [`PAGE_BYTES`](crate::PAGE_BYTES), only the first of them, at least one.
    ///
    /// The cost does not depend on how long the conversations are.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn conversations(
        &self,
        account: AccountId,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<Conversation>> {
        let most = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let params = [self.contact.is_open(), Value::Int(account.0), Value::Int(before.0), most];
        let mut listed = self.read(account, &LIST, &params, |row| listed(account, row))?;
        let is_spared =
            self.read(account, &HAS_WITHHELD, &[Value::Int(account.0)], |_| Ok(()))?.is_empty();
        let keys = |listed: &ConversationRow| {
            let since = listed.item.read.max(listed.since).0;
            vec![
                Value::Int(listed.conversation),
                Value::Int(account.0),
                Value::Int(listed.since.0),
                Value::Int(listed.until.0),
                Value::Int(since),
                Value::Int(is_spared.into()),
            ]
        };
        let rows: Vec<_> = listed.iter().map(keys).collect();
        let last = self.read_each(account, &LAST, &rows, |row| {
            Ok((row.int(0)?, (row.int(1)?, row.int(2)?)))
        })?;
        let last: HashMap<_, _> = last.into_iter().collect();
        let count = listed.len();
        listed
            .truncate(fitting(&listed, |one| last.get(&one.conversation).map(|(_, bytes)| *bytes)));
        let rows: Vec<_> = listed.iter().map(keys).collect();
        let texts = listed.iter().filter_map(|one| {
            let (message, _) = last.get(&one.conversation)?;
            Some([one.conversation, account.0, *message].map(Value::Int).to_vec())
        });
        let texts: Vec<_> = texts.collect();
        let last = self
            .read_each(account, &TEXT, &texts, |row| Ok((row.int(0)?, entry::message(row, 1)?)))?;
        let mut last: HashMap<_, _> = last.into_iter().collect();
        let unread =
            self.read_each(account, &UNREAD, &rows, |row| Ok((row.int(0)?, row.int(1)?)))?;
        let unread: HashMap<_, _> = unread.into_iter().collect();
        for one in &mut listed {
            one.item.last = last.remove(&one.conversation);
            let unread = unread.get(&one.conversation).copied().unwrap_or(0);
            one.item.unread = unread.min(UNREAD_MAX as i64);
        }
        let mut all: Vec<_> = listed.into_iter().map(|one| one.item).collect();
        // Where the page is cut, so are they.
        let after = all.last().filter(|_| all.len() < count).map_or(MessageId(0), |it| it.activity);
        let invited = self.invitations(account, before, limit)?.into_iter();
        all.extend(invited.filter(|it| it.activity > after));
        all.sort_unstable_by_key(|one| Reverse(one.activity));
        all.truncate(limit);
        Ok(all)
    }

    /// A group, if `account` is in it now.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn group(&self, account: AccountId, group: GroupId) -> Result<Option<Group>> {
        let params = [Value::Int(group.0), Value::Int(account.0)];
        let found =
            self.read(account, &FIND_GROUP, &params, |row| Ok((row.text(0)?, row.maybe_int(1)?)))?;
        let Some((name, days)) = found.into_iter().next() else { return Ok(None) };
        // For accounts that have blocked this account, the watermarks at the time of the block are shown.
        // A join could make PostgreSQL read all accounts that have blocked it.
        let params = [Value::Int(account.0), Value::Int(group.0)];
        let mut members = self.read(account, &GROUP_MEMBERS, &params, |row| {
            let since = row.int(5)?;
            let mut most = [i64::MAX; 2];
            if row.maybe_int(6)?.is_some() {
                most =
                    [row.maybe_int(7)?, row.maybe_int(8)?].map(|mark| mark.unwrap_or(0).max(since));
            }
            Ok(Member {
                id: AccountId(row.int(0)?),
                name: row.maybe_text(1)?,
                picture: row.maybe_text(9)?,
                role: role(row.int(2)?),
                delivered: MessageId(row.int(3)?.min(most[0])),
                read: MessageId(row.int(4)?.min(most[1])),
            })
        })?;
        members.extend(self.invited(account, group)?);
        Ok(Some(Group { name, days, members }))
    }

    /// The accounts that `account` has blocked.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn blocks(&self, account: AccountId) -> Result<Vec<AccountId>> {
        self.read(account, &BLOCKS, &[Value::Int(account.0)], |row| Ok(AccountId(row.int(0)?)))
    }

    /// The accounts that get live frames of `account` in a group: the other members, except where one of the two has
    /// blocked the other. Empty if `account` is not a member.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn listeners(&self, account: AccountId, group: GroupId) -> Result<HashSet<AccountId>> {
        let params = [Value::Int(account.0), Value::Int(group.0)];
        let found = self.read(account, &LISTENERS, &params, |row| Ok(AccountId(row.int(0)?)))?;
        Ok(found.into_iter().collect())
    }
}

/// The number of conversations that fit a page, by the bytes of their names and texts: up to the one that exceeds [`PAGE_BYTES`], and
/// one more.
fn fitting(listed: &[ConversationRow], text: impl Fn(&ConversationRow) -> Option<i64>) -> usize {
    let mut bytes = 0;
    let passes = listed.iter().position(|one| {
        bytes += one.item.name.as_ref().map_or(0, String::len);
        bytes += text(one).and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
        bytes >= PAGE_BYTES
    });
    passes.map_or(listed.len(), |at| listed.len().min(at + 2))
}

struct ConversationRow {
    conversation: i64,
    since: MessageId,
    until: MessageId,
    item: Conversation,
}

/// The name and the retention of a `conversation c` for its `member s`. An account that has left a group sees the name
/// that the group had then, from the entry of its leaving.
macro_rules! name_and_days {
    () => {
        "case when s.until is null then c.name else (select g.content from message g where g.id = s.until) end as name, \
         case when s.until is null then c.days end as days"
    };
}
pub(crate) use name_and_days;

/// The last entry of a conversation that its `member s` can see; null if there is none. Before a run of withheld
/// entries there is one that is not withheld.
macro_rules! activity {
    () => {
        "(select case when w.message is null then e.message else (select p.message from entry p \
         where p.conversation = s.conversation and p.message < w.run order by p.message desc limit 1) end \
         from (select e.message from entry e where e.conversation = s.conversation \
         and e.message <= coalesce(s.until, 9223372036854775807) order by e.message desc limit 1) e \
         left join withheld w on w.message = e.message and w.account = s.account)"
    };
}
pub(crate) use activity;

fn listed(account: AccountId, row: &mut Row) -> Result<ConversationRow> {
    let conversation = row.int(0)?;
    let (low, high) = (row.maybe_int(1)?, row.maybe_int(2)?);
    let with = with(account, conversation, (low, high));
    let until = row.maybe_int(7)?;
    let is_member = low.is_none() && until.is_none();
    let name = row.maybe_text(3)?;
    // By the same rule as the name.
    let picture = row.maybe_text(18)?.filter(|_| name.is_some());
    let other = match (row.maybe_int(9)?, row.maybe_int(10)?) {
        (Some(delivered), Some(read)) => Some((MessageId(delivered), MessageId(read))),
        _ => None,
    };
    Ok(ConversationRow {
        conversation,
        // Nothing that it has cleared either.
        since: MessageId(row.int(6)?.max(row.int(13)?)),
        until: MessageId(until.unwrap_or(i64::MAX)),
        item: Conversation {
            with,
            name,
            picture,
            activity: MessageId(row.int(11)?),
            last: None,
            unread: 0,
            request: row.int(12)? != 0,
            read: MessageId(row.int(8)?),
            other,
            role: if is_member { Some(role(row.int(5)?)) } else { None },
            days: row.maybe_int(4)?,
            settings: ConversationSettings::of(row, 14)?,
        },
    })
}

/// The conversation of `low` and `high` from the point of view of `account`; without these two accounts it is a group.
pub(crate) fn with(
    account: AccountId,
    conversation: i64,
    people: (Option<i64>, Option<i64>),
) -> Peer {
    match people {
        (Some(low), Some(high)) => {
            Peer::Account(AccountId(if low == account.0 { high } else { low }))
        }
        _ => Peer::Group(GroupId(conversation)),
    }
}

pub(crate) fn role(number: i64) -> Role {
    if number == 1 { Role::Admin } else { Role::Member }
}

macro_rules! newest {
    ($bound:literal) => {
        concat!(
            "(select e.message from entry e where e.conversation = r.conversation and e.message > r.since and ",
            $bound,
            " and e.kind = 0 order by e.message desc limit 1)"
        )
    };
}

statements! {
    /// The newest message of a conversation up to a given one, if it is not withheld. It is called again to skip
    /// withheld ones.
    static LAST: BatchStatement = for_each_row!(
        r(conversation bigint, account bigint, since bigint, until bigint, seen bigint, spared bigint),
        concat!(
            "select r.conversation, m.id, ",
            bytes_seen!(),
            " from r join message m on m.id = case when r.spared = 1 then ",
            newest!("e.message <= r.until"),
            " else (with recursive look (message) as (select ",
            newest!("e.message <= r.until"),
            " union all select ",
            newest!("e.message < w.run"),
            " from look l join withheld w on w.message = l.message and w.account = r.account) select l.message \
             from look l where l.message is not null and not exists (select 1 from withheld w \
             where w.message = l.message and w.account = r.account)) end",
            edits_withheld!("r.account"),
        )
    );

    static TEXT: BatchStatement = for_each_row!(
        r(conversation bigint, account bigint, message bigint),
        concat!(
            "select r.conversation, ",
            columns_seen!(),
            " from r join message m on m.id = r.message",
            edits_withheld!("r.account"),
        )
    );

    static HAS_WITHHELD: Statement = Statement::both("select 1 from withheld where account = $1 limit 1");

    static FIND_GROUP: Statement = Statement::both(
        "select c.name, c.days from conversation c join member s on s.conversation = c.id and s.until is null \
         where c.id = $1 and s.account = $2 and c.low is null"
    );

    static GROUP_MEMBERS: Statement = Statement::both(concat!(
        "select s.account, a.name, s.role, s.delivered, case when s.account = v.account then s.read \
         when v.shows_read = 0 then 0 else coalesce(s.read_hidden, s.read) end, s.since, (select b.account from block b \
         where b.blocked = $1 and b.account = s.account), (select k.delivered from block_mark k \
         where k.blocked = $1 and k.conversation = s.conversation and k.account = s.account), (select k.read \
         from block_mark k where k.blocked = $1 and k.conversation = s.conversation and k.account = s.account), ",
        picture_seen!("v.account", "s.account"),
        " from log v join member s on s.conversation = $2 and s.until is null join account a on a.id = s.account \
         where v.account = $1 order by s.since, s.account"
    ));

    static BLOCKS: Statement = Statement::both("select blocked from block where account = $1 order by blocked");

    static LISTENERS: Statement = Statement::both(
        "select o.account from member s join member o on o.conversation = s.conversation and o.until is null \
         where s.account = $1 and s.conversation = $2 and s.until is null and o.account <> $1 and (select b.at \
         from block b where b.blocked = $1 and b.account = o.account) is null and (select b.at from block b \
         where b.blocked = o.account and b.account = $1) is null"
    );

    /// The last entry of each conversation is looked up in the index. Further columns are read only for the rows of the
    /// page. A group stays listed for its members, however much of it they have cleared.
    static LIST: Statement = Statement::both(
        concat!(
            "select l.id, l.low, l.high, coalesce(l.name, case when o.account is null then null when l.open = 1 or ",
            sees_name!("l.account", "o.account"),
            " then a.name end), l.days, l.role, l.since, l.until, l.read, case when l.asker = l.account then 0 \
             else coalesce((select coalesce((select k.delivered from block_mark k where k.blocked = b.blocked \
             and k.conversation = l.id and k.account = b.account), 0) from block b where b.blocked = l.account \
             and b.account = o.account), o.delivered) end, case when l.asker = l.account or \
             (select v.shows_read from log v where v.account = l.account) = 0 then 0 else coalesce((select coalesce((select k.read from block_mark k where k.blocked = b.blocked \
             and k.conversation = l.id and k.account = b.account), 0) from block b where b.blocked = l.account \
             and b.account = o.account), \
             coalesce(o.read_hidden, o.read)) end, l.activity, case when l.asker <> l.account then 1 else 0 \
             end, l.cleared, l.muted_until, l.pinned, l.archived, l.marked_unread, ",
            picture_seen!("l.account", "o.account"),
            " from (select cast($1 as bigint) as open, c.id, c.low, c.high, c.asker, s.role, ",
            name_and_days!(),
            ", s.since, s.until, s.read, s.account, s.cleared, s.muted_until, s.pinned, s.archived, s.marked_unread, ",
            activity!(),
            " as activity from member s join conversation c on c.id = s.conversation where s.account = $2 \
             and (c.declined = 0 or c.asker = s.account) and not exists (select 1 from invitation i \
             where i.conversation = s.conversation and i.account = s.account and i.state = 0)) l \
             left join member o on l.low is not null and o.conversation = l.id and o.account = case \
             when l.low = l.account then l.high else l.low end left join account a on a.id = o.account \
             where l.activity < $3 and (l.activity > l.cleared or (l.low is null and l.until is null)) order by l.activity desc limit $4",
        )
    );
}
