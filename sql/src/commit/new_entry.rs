//! Writes entries that are not posts: changes of a group, and of a conversation's retention.

use wire::{AccountId, Change, GroupId, MessageId, Recipient, Seq};

use super::blocker::{FIND_BLOCKED, FIND_BLOCKED_AMONG};
use super::context::BatchContext;
use crate::Result;
use crate::engine::{Statement, Value, first, run_batches, statements};
use crate::entry::{Entry, GroupChange, kind_of};
use crate::event::{EventBody, EventKind, named_in};
use crate::quota::Size;

/// Writes the entry of a group's change, and its event to the logs of `audience`.
pub(super) fn record(
    ctx: &mut BatchContext<'_>,
    index: Option<usize>,
    by: AccountId,
    group: GroupId,
    (change, member): (Change, Option<AccountId>),
    audience: &[AccountId],
) -> Result<MessageId> {
    let name = ctx.group(group).map(|group_state| group_state.name.clone()).unwrap_or_default();
    let (to, kind, subject) = (Recipient::Group(group), kind_of(change), member.map(|id| id.0));
    let at = ctx.time_in(group.0)?;
    let row = NewEntry { conversation: group.0, to, kind, content: &name, subject, at };
    let made = GroupChange { group, change, by, member, name: name.clone(), at };
    let named = named_in(&made);
    // Whose invitation is made or withdrawn is not where `by` is.
    let is_there = |member: &AccountId| ctx.membership(group, *member).is_some();
    let outsider = match change {
        Change::Invite => member,
        Change::Remove => member.filter(|member| !is_there(member)),
        _ => None,
    };
    let id = write(ctx, index, by, &row, Entry::Change(made), audience)?;
    let to = audience.iter().copied().filter(|account| *account != by).collect();
    ctx.name_in_last(named, to, outsider);
    Ok(id)
}

/// Notes that an operation of `by` reaches these accounts; see [`BatchContext::note_reached`].
pub(super) fn note_reached(
    ctx: &mut BatchContext<'_>,
    by: AccountId,
    conversation: i64,
    at: i64,
    audience: &[AccountId],
) -> Result<()> {
    if audience.iter().all(|account| *account == by) {
        return Ok(());
    }
    // Accounts that are joining or invited are not members yet.
    let members = ctx.group(GroupId(conversation)).map(|it| &it.members);
    let is_outside = |account: &&AccountId| members.is_none_or(|all| !all.contains_key(account));
    let outside = audience.iter().filter(is_outside);
    let outside = outside.map(|account| [by.0, account.0].map(Value::Int).to_vec()).collect();
    let inside = vec![[by.0, conversation].map(Value::Int).to_vec()];
    let all = [(&FIND_BLOCKED, inside), (&FIND_BLOCKED_AMONG, outside)];
    for blocked in run_batches(ctx.engine, &all)? {
        ctx.note_all_blocked(&blocked)?;
    }
    ctx.note_reached(by, at, audience.iter().copied());
    Ok(())
}

pub(super) struct NewEntry<'a> {
    pub(super) conversation: i64,
    pub(super) to: Recipient,
    pub(super) kind: i64,
    pub(super) content: &'a str,
    pub(super) subject: Option<i64>,
    pub(super) at: i64,
}

/// Writes an entry, and its event to the logs of `audience`, which includes `by`. `index`: the submission whose reply this is.
pub(super) fn write(
    ctx: &mut BatchContext<'_>,
    index: Option<usize>,
    by: AccountId,
    row: &NewEntry<'_>,
    entry: Entry,
    audience: &[AccountId],
) -> Result<MessageId> {
    let mut to = Vec::with_capacity(audience.len());
    let mut own = Seq(0);
    for account in audience {
        let Some(seq) = ctx.next(*account) else { continue };
        if *account == by {
            own = seq;
        }
        to.push((*account, seq));
    }
    ctx.add_size(by, Size::of_entry(row.content));
    note_reached(ctx, by, row.conversation, row.at, audience)?;
    let recipient = match row.to {
        Recipient::Account(account) => Value::Int(account.0),
        Recipient::Group(_) => Value::Null,
    };
    let reference = index.and_then(|index| ctx.reference(index));
    let params = [
        Value::Int(row.conversation),
        Value::Int(row.kind),
        Value::Int(by.0),
        recipient,
        Value::Text(row.content),
        row.subject.map_or(Value::Null, Value::Int),
        Value::Int(row.at),
        Value::maybe_text(reference),
        Value::Int(own.0),
    ];
    let id = MessageId(first(&ctx.engine.run(&ADD_ENTRY, &params)?)?.int(0)?);
    ctx.tell_at(to, (EventKind::Entry, Some(id), None), EventBody::Entry(entry), index);
    Ok(id)
}

statements! {
    static ADD_ENTRY: Statement = Statement::both(
        "insert into message (conversation, kind, sender, recipient, content, subject, at, ref, seq) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id"
    );
}
