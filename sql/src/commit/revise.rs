//! What is done to a message afterwards: another text, none, a reaction.

use wire::limit::EDIT_WINDOW_MS;
use wire::{AccountId, Code, GroupId, MessageId};

use super::ledger::{Ledger, Target};
use super::reader::{self, Readers};
use super::{Done, Outcome, Refusal, for_each};
use crate::Result;
use crate::engine::{ForEach, Type, Value};
use crate::event::{Kind, What};

const TOO_LATE: Refusal =
    Refusal { code: Code::TooLate, message: "a message can be changed for 15 minutes" };
const DELETED: Refusal = Refusal { code: Code::TooLate, message: "this message is deleted" };

static EDIT: ForEach = ForEach {
    sql: "update message set content = r.content, edited_at = r.edited_at{words , words = r.words} \
          from {rows} where message.id = r.id",
    columns: &[
        ("id", Type::Int),
        ("content", Type::Text),
        ("edited_at", Type::Int),
        ("words", Type::Words),
    ],
};

static DELETE: ForEach = ForEach {
    sql: "update message set content = '', deleted = 1{words , words = ''} from {rows} where message.id = r.id",
    columns: &[("id", Type::Int)],
};

/// Gives an own message another text.
pub(super) fn edit(ledger: &mut Ledger<'_>, place: usize, by: AccountId, content: &str) -> Done {
    let target = match own(ledger, place, by) {
        Ok(target) => target,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some((bytes, is_same)) = text(ledger, target.id, content)? else {
        return Ok(Err(DELETED));
    };
    if is_same {
        return Ok(Ok(Outcome::Nothing));
    }
    let more = content.len() as i64 - bytes;
    if more > 0 && !ledger.has_room(by, more) {
        return Ok(Err(Refusal::OVER_QUOTA));
    }
    let readers = reader::find(ledger, by, &target)?;
    reader::keep_text(ledger, &readers, target.id)?;
    let (id, at) = (Value::Int(target.id.0), Value::Int(ledger.at));
    for_each(ledger.engine, &EDIT, [vec![id, Value::Text(content), at, Value::Text(content)]])?;
    ledger.add_bytes(by, more);
    reader::forget_texts(ledger, &readers, target.id)?;
    if target.recipient.is_none() {
        // Who has left the group since, or has come back anew, reads nothing that came later: not this message either.
        let sql = "insert into withheld (message, account, conversation, run) \
                   select cast($1 as bigint), m.account, m.conversation, coalesce((select w.run from withheld w \
                   where w.account = m.account and w.message = (select e.message from entry e \
                   where e.conversation = m.conversation and e.message < $1 order by e.message desc limit 1)), $1) \
                   from member m where m.conversation = $2 and (m.until >= $1 or m.since >= $1) and m.account <> $3 \
                   on conflict do nothing";
        let params = [target.id.0, target.conversation, by.0].map(Value::Int);
        ledger.engine.run(sql, &params)?;
    }
    let what = What::Edit { id: target.id, content: content.to_owned() };
    tell(ledger, place, (by, Kind::Edit, target.id), &readers, what)
}

/// Takes an own message's text away, and the reactions to it.
pub(super) fn delete(ledger: &mut Ledger<'_>, place: usize, by: AccountId) -> Done {
    let target = match own(ledger, place, by) {
        Ok(target) => target,
        Err(refusal) if refusal == DELETED => return Ok(Ok(Outcome::Nothing)),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some((bytes, _)) = text(ledger, target.id, "")? else { return Ok(Ok(Outcome::Nothing)) };
    ledger.add_bytes(by, -bytes);
    for_each(ledger.engine, &DELETE, [vec![Value::Int(target.id.0)]])?;
    for sql in [
        "delete from reaction where message = $1",
        "delete from withheld_edit where message = $1",
        "delete from withheld_reaction where message = $1",
    ] {
        ledger.engine.run(sql, &[Value::Int(target.id.0)])?;
    }
    ledger.note_deletion(target.id);
    let readers = reader::find(ledger, by, &target)?;
    let what = What::Delete { id: target.id };
    tell(ledger, place, (by, Kind::Delete, target.id), &readers, what)
}

/// Sets or takes back one's reaction.
pub(super) fn react(
    ledger: &mut Ledger<'_>,
    place: usize,
    by: AccountId,
    emoji: Option<&str>,
) -> Done {
    let Some(target) = ledger.target(place).cloned() else {
        return Ok(Err(Refusal::NO_MESSAGE));
    };
    if !is_there(ledger, by, &target) {
        return Ok(Err(Refusal::NO_GROUP));
    }
    if target.deleted {
        return Ok(Err(DELETED));
    }
    let (id, account) = (Value::Int(target.id.0), Value::Int(by.0));
    let changed = match emoji {
        Some(emoji) => ledger.engine.run(
            // It may have been deleted since it was looked up; nor is a sweep to take it before the reaction can be seen.
            "insert into reaction (message, account, emoji, at) \
             select m.id, cast($1 as bigint), $2, cast($3 as bigint) from message m where m.id = $4 and m.deleted = 0 {lock} \
             on conflict (message, account) do update set emoji = excluded.emoji, at = excluded.at \
             where reaction.emoji <> excluded.emoji returning message",
            &[account, Value::Text(emoji), Value::Int(ledger.at), id],
        ),
        None => ledger.engine.run(
            "delete from reaction where message = $1 and account = $2 returning message",
            &[id, account],
        ),
    }?;
    if changed.is_empty() {
        return Ok(Ok(Outcome::Nothing));
    }
    let mut readers = reader::find(ledger, by, &target)?;
    reader::withhold_reaction(ledger, &mut readers, target.id, by, emoji.is_some())?;
    let what = What::React { id: target.id, by, emoji: emoji.map(str::to_owned) };
    tell(ledger, place, (by, Kind::React, target.id), &readers, what)
}

/// The message, if it is `by`'s own and young enough.
fn own(ledger: &Ledger<'_>, place: usize, by: AccountId) -> std::result::Result<Target, Refusal> {
    let target = ledger.target(place).cloned().ok_or(Refusal::NO_MESSAGE)?;
    if target.from != by {
        return Err(Refusal::forbidden("only who sent a message may change it"));
    }
    if !is_there(ledger, by, &target) {
        return Err(Refusal::NO_GROUP);
    }
    if target.deleted {
        return Err(DELETED);
    }
    // A message that seems to come from the future is no younger than another: some clock was wrong.
    if (ledger.at - target.at).abs() > EDIT_WINDOW_MS {
        return Err(TOO_LATE);
    }
    Ok(target)
}

/// How long the text of a message is, and whether it is `content`; nothing if it is deleted or gone. Its sender's log is locked,
/// so nobody else changes it.
fn text(ledger: &mut Ledger<'_>, id: MessageId, content: &str) -> Result<Option<(i64, bool)>> {
    let sql = "select octet_length(content), case when content = $1 then 1 else 0 end \
               from message where id = $2 and deleted = 0 {lock}";
    let rows = ledger.engine.run(sql, &[Value::Text(content), Value::Int(id.0)])?;
    rows.first().map(|row| Ok((row.int(0)?, row.int(1)? != 0))).transpose()
}

/// Whether `by` is still in the conversation.
fn is_there(ledger: &Ledger<'_>, by: AccountId, target: &Target) -> bool {
    target.recipient.is_some() || ledger.seat(GroupId(target.conversation), by).is_some()
}

/// Tells everybody who hears it.
fn tell(
    ledger: &mut Ledger<'_>,
    place: usize,
    (by, kind, id): (AccountId, Kind, MessageId),
    readers: &Readers,
    what: What,
) -> Done {
    ledger.note_reached(by, ledger.at, readers.told());
    ledger.tell(readers.told(), (kind, Some(id), Some(by)), what, Some(place));
    Ok(Ok(Outcome::Done))
}
