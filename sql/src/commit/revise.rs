//! Edits, deletions and reactions.

use wire::limit::EDIT_WINDOW_MS;
use wire::{AccountId, Code, GroupId, MessageId};

use super::audience::{self, Audience};
use super::context::BatchContext;
use super::target::TargetMessage;
use super::{OpResult, Outcome, Rejection, execute_each};
use crate::engine::{BatchStatement, Row, Statement, Value, locking, statements};
use crate::event::{EventBody, EventKind};
use crate::quota::{Size, entry_overhead};
use crate::{Result, attachment};

const TOO_LATE: Rejection =
    Rejection { code: Code::TooLate, message: "a message can be changed for 15 minutes" };
const DELETED: Rejection = Rejection { code: Code::TooLate, message: "this message is deleted" };

/// Edits an own message.
pub(super) fn edit(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    content: &str,
) -> OpResult {
    let target = own_message(ctx, index, by)?;
    let Some(StoredText { size, others, is_same, names }) = stored_text(ctx, target.id, content)?
    else {
        return Err(DELETED.into());
    };
    if is_same {
        return Ok(Outcome::Unchanged);
    }
    let former = Size::of_former_text(size.stored, others);
    let longer = Size { stored: content.len() as i64 - size.stored, overhead: 0 };
    // An account whose texts are over the quota can still shorten them.
    if !ctx.has_room(by, former + longer) && (longer.stored > 0 || !ctx.has_overhead(by, former)) {
        return Err(Rejection::OVER_QUOTA.into());
    }
    let audience = audience::find(ctx, by, &target)?;
    audience::keep_text(ctx, &audience, target.id)?;
    let (id, at) = (Value::Int(target.id.0), Value::Int(ctx.at));
    let searched = names.map(|names| format!("{content}\n{names}"));
    let terms = Value::Terms(searched.as_deref().unwrap_or(content));
    let row = vec![id, Value::Text(content), at, Value::Int(former.overhead), terms];
    execute_each(ctx.engine, &EDIT, [row])?;
    ctx.add_size(by, former + longer);
    audience::forget_texts(ctx, &audience, target.id)?;
    if target.recipient.is_none() {
        let params = [target.id.0, target.conversation, by.0].map(Value::Int);
        ctx.engine.run(&WITHHOLD_FROM_EARLIER_MEMBERS, &params)?;
    }
    let body = EventBody::Edit { id: target.id, content: content.to_owned() };
    append_event(ctx, index, (by, EventKind::Edit, target.id), &audience, body)
}

/// Deletes the text of an own message, and the reactions to it. The row of the message stays, and counts for the quota.
pub(super) fn delete(ctx: &mut BatchContext<'_>, index: usize, by: AccountId) -> OpResult {
    let target = match own_message(ctx, index, by) {
        Ok(target) => target,
        Err(refusal) if refusal == DELETED => return Ok(Outcome::Unchanged),
        Err(refusal) => return Err(refusal.into()),
    };
    let Some(stored) = stored_text(ctx, target.id, "")? else { return Ok(Outcome::Unchanged) };
    ctx.add_size(by, Size::of_entry("", stored.others as usize) - stored.size);
    if stored.names.is_some() {
        attachment::release(ctx.engine, &vec![vec![Value::Int(target.id.0)]])?;
    }
    execute_each(ctx.engine, &DELETE, [vec![Value::Int(target.id.0)]])?;
    for sql in [&DELETE_REACTIONS, &DELETE_WITHHELD_EDITS, &DELETE_WITHHELD_REACTIONS] {
        ctx.engine.run(sql, &[Value::Int(target.id.0)])?;
    }
    ctx.note_deletion(target.id);
    let audience = audience::find(ctx, by, &target)?;
    let body = EventBody::Delete { id: target.id };
    append_event(ctx, index, (by, EventKind::Delete, target.id), &audience, body)
}

/// Sets or removes the submitter's reaction.
pub(super) fn react(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    emoji: Option<&str>,
) -> OpResult {
    let Some(target) = ctx.target(index).cloned() else {
        return Err(Rejection::NO_MESSAGE.into());
    };
    if !is_in_conversation(ctx, by, &target) {
        return Err(Rejection::NO_GROUP.into());
    }
    if target.deleted {
        return Err(DELETED.into());
    }
    let (id, account) = (Value::Int(target.id.0), Value::Int(by.0));
    let changed = match emoji {
        Some(emoji) => {
            ctx.engine.run(&SET_REACTION, &[account, Value::Text(emoji), Value::Int(ctx.at), id])
        }
        None => ctx.engine.run(&DELETE_REACTION, &[id, account]),
    }?;
    if changed.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let mut audience = audience::find(ctx, by, &target)?;
    audience::withhold_reaction(ctx, &mut audience, target.id, by, emoji.is_some())?;
    let body = EventBody::React { id: target.id, by, emoji: emoji.map(str::to_owned) };
    append_event(ctx, index, (by, EventKind::React, target.id), &audience, body)
}

/// The target of a submission, if `by` has sent it and may still change it.
fn own_message(
    ctx: &BatchContext<'_>,
    index: usize,
    by: AccountId,
) -> std::result::Result<TargetMessage, Rejection> {
    let target = ctx.target(index).cloned().ok_or(Rejection::NO_MESSAGE)?;
    if target.from != by {
        return Err(Rejection::forbidden("only who sent a message may change it"));
    }
    if !is_in_conversation(ctx, by, &target) {
        return Err(Rejection::NO_GROUP);
    }
    if target.deleted {
        return Err(DELETED);
    }
    // A message with a time in the future was stored while a clock was wrong. The bound holds for it as well.
    if (ctx.at - target.at).abs() > EDIT_WINDOW_MS {
        return Err(TOO_LATE);
    }
    Ok(target)
}

/// The stored state of a message before it is changed.
struct StoredText {
    /// What the message counts for the quota.
    size: Size,
    /// The members from whom a block may withhold it.
    others: i64,
    is_same: bool,
    /// The names of its files, if it has any.
    names: Option<String>,
}

/// Reads the stored state of a message, and compares its text with `content`; `None` if the message is deleted. The log of the
/// sender is locked, so the text does not change meanwhile.
fn stored_text(
    ctx: &mut BatchContext<'_>,
    id: MessageId,
    content: &str,
) -> Result<Option<StoredText>> {
    let mut rows = ctx.engine.run(&COMPARE_TEXT, &[Value::Text(content), Value::Int(id.0)])?;
    let text = |row: &mut Row| {
        Ok(StoredText {
            size: Size { stored: row.int(0)?, overhead: row.int(1)? },
            others: row.int(2)?,
            is_same: row.int(3)? != 0,
            names: row.maybe_text(4)?,
        })
    };
    rows.first_mut().map(text).transpose()
}

/// Whether `by` is still a member of the conversation.
fn is_in_conversation(ctx: &BatchContext<'_>, by: AccountId, target: &TargetMessage) -> bool {
    target.recipient.is_some() || ctx.membership(GroupId(target.conversation), by).is_some()
}

/// Appends the event to the logs of the audience.
fn append_event(
    ctx: &mut BatchContext<'_>,
    index: usize,
    (by, kind, id): (AccountId, EventKind, MessageId),
    audience: &Audience,
    body: EventBody,
) -> OpResult {
    ctx.advance_seen_at(by, ctx.at, audience.notified());
    ctx.append_event(audience.notified(), (kind, Some(id), Some(by)), body, Some(index));
    Ok(Outcome::Done)
}

statements! {
    static EDIT: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update message set content = r.content, edited_at = r.edited_at, former = coalesce(message.former, 0) + r.former, \
             words = r.words from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) \
             as r(id, content, edited_at, former, words) where message.id = r.id",
        sqlite:
            "update message set content = ?2, edited_at = ?3, former = coalesce(former, 0) + ?4 where message.id = ?1",
    });

    static DELETE: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update message set content = '', files = null, names = null, former = null, deleted = 1, words = '' \
             from unnest($1::bigint[]) as r(id) where message.id = r.id",
        sqlite:
            "update message set content = '', files = null, names = null, former = null, deleted = 1 where message.id = ?1",
    });

    /// Members who have left the group since, or have left and come back, saw the message before the edit. They may not see a later
    /// text, so the whole message is withheld from them.
    static WITHHOLD_FROM_EARLIER_MEMBERS: Statement = Statement::both(
        "insert into withheld (message, account, conversation, run) \
         select cast($1 as bigint), m.account, m.conversation, coalesce((select w.run from withheld w \
         where w.account = m.account and w.message = (select e.message from entry e \
         where e.conversation = m.conversation and e.message < $1 order by e.message desc limit 1)), $1) \
         from member m where m.conversation = $2 and (m.until >= $1 or m.since >= $1) \
         and m.account <> $3 on conflict (message, account) do update set hidden = 0"
    );

    static DELETE_REACTIONS: Statement = Statement::both("delete from reaction where message = $1");

    static DELETE_WITHHELD_EDITS: Statement = Statement::both("delete from withheld_edit where message = $1");

    static DELETE_WITHHELD_REACTIONS: Statement = Statement::both("delete from withheld_reaction where message = $1");

    /// Stores nothing if the message was deleted since it was looked up. The message is locked, so that the sweep does not delete
    /// it in the meantime.
    static SET_REACTION: Statement = Statement {
        postgres:
            "insert into reaction (message, account, emoji, at) select m.id, cast($1 as bigint), $2, cast($3 as \
             bigint) from message m where m.id = $4 and m.deleted = 0 for update \
             on conflict (message, account) do update set emoji = excluded.emoji, at = excluded.at \
             where reaction.emoji <> excluded.emoji returning message",
        sqlite:
            "insert into reaction (message, account, emoji, at) select m.id, cast($1 as bigint), $2, cast($3 as \
             bigint) from message m where m.id = $4 and m.deleted = 0 on conflict (message, account) do update \
             set emoji = excluded.emoji, at = excluded.at where reaction.emoji <> excluded.emoji returning message",
    };

    static DELETE_REACTION: Statement =
        Statement::both(
            "delete from reaction where message = $1 and account = $2 returning message"
        );

    static COMPARE_TEXT: Statement = locking!(concat!(
        "select octet_length(m.content), ",
        entry_overhead!(),
        ", coalesce(m.others, 0), case when m.content = $1 then 1 else 0 end, m.names from message m where m.id = $2 \
         and m.deleted = 0"
    ));
}
