//! Writes entries that are not messages: changes of a group, and of the retention of a conversation.

use wire::{AccountId, Change, GroupId, MessageId, Recipient, Seq};

use super::blocker::{FIND_BLOCKED, FIND_BLOCKED_AMONG};
use super::context::BatchContext;
use crate::Result;
use crate::engine::{Statement, Value, first, run_batches, statements};
use crate::entry::{Entry, GroupChange, kind_of};
use crate::event::{EventBody, EventKind, named_in};
use crate::quota::Size;

/// Writes the entry of a change of a group, and appends its event to the logs of `audience`. `index`: the submission that the event
/// answers.
pub(super) fn write_group_change(
    ctx: &mut BatchContext<'_>,
    index: Option<usize>,
    by: AccountId,
    group: GroupId,
    (change, member): (Change, Option<AccountId>),
    audience: &[AccountId],
) -> Result<MessageId> {
    let name = ctx.group(group).map(|group_state| group_state.name.clone()).unwrap_or_default();
    let (to, kind, subject) = (Recipient::Group(group), kind_of(change), member.map(|id| id.0));
    let at = ctx.entry_time(group.0)?;
    // A block withholds no other change.
    let others = if change == Change::Rename { ctx.other_members(group) } else { 0 };
    let row = NewEntry { conversation: group.0, to, kind, content: &name, subject, at, others };
    let entry = GroupChange { group, change, by, member, name: name.clone(), at };
    let named = named_in(&entry);
    // The account of an invitation is no member of the group, so it may not see the name of `by`.
    let is_member = |member: &AccountId| ctx.membership(group, *member).is_some();
    let outsider = match change {
        Change::Invite => member,
        Change::Remove => member.filter(|member| !is_member(member)),
        _ => None,
    };
    let id = write_entry(ctx, index, by, &row, Entry::Change(entry), audience)?;
    let to = audience.iter().copied().filter(|account| *account != by).collect();
    ctx.add_names_to_last_event(named, to, outsider);
    Ok(id)
}

/// Looks up which accounts of `audience` are blocked by `by`, and advances the last-seen time that they see; see
/// [`BatchContext::advance_seen_at`].
pub(super) fn advance_seen_at(
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
        ctx.note_known_blocks(&blocked)?;
    }
    ctx.advance_seen_at(by, at, audience.iter().copied());
    Ok(())
}

/// The row of an entry that is not stored yet.
pub(super) struct NewEntry<'a> {
    pub(super) conversation: i64,
    pub(super) to: Recipient,
    pub(super) kind: i64,
    pub(super) content: &'a str,
    /// What the entry is about, by its kind: the account of a group's member, or a number of days.
    pub(super) subject: Option<i64>,
    pub(super) at: i64,
    /// The members from whom a block may withhold it.
    pub(super) others: usize,
}

/// Writes an entry, and appends its event to the logs of `audience`, which includes `by`. `index`: the submission that the event
/// answers.
pub(super) fn write_entry(
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
        let Some(seq) = ctx.next_seq(*account) else { continue };
        if *account == by {
            own = seq;
        }
        to.push((*account, seq));
    }
    ctx.add_size(by, Size::of_entry(row.content, row.others));
    advance_seen_at(ctx, by, row.conversation, row.at, audience)?;
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
        others(row.others),
    ];
    let id = MessageId(first(&ctx.engine.run(&ADD_ENTRY, &params)?)?.int(0)?);
    ctx.write_event(to, (EventKind::Entry, Some(id), None), EventBody::Entry(entry), index);
    Ok(id)
}

/// The value of the column `others` of an entry: the members from whom a block may withhold it; null if there are none.
pub(super) fn others(count: usize) -> Value<'static> {
    if count == 0 { Value::Null } else { Value::Int(count as i64) }
}

statements! {
    static ADD_ENTRY: Statement = Statement::both(
        "insert into message (conversation, kind, sender, recipient, content, subject, at, ref, seq, others) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id"
    );
}
