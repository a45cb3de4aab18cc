//! The retention of a conversation: the number of days for which it keeps its messages.

use std::collections::BTreeSet;

use wire::{Peer, Recipient, Role};

use super::context::BatchContext;
use super::group::NOT_ADMIN;
use super::member::member_accounts;
use super::new_entry::{NewEntry, write_entry};
use super::{OpResult, Outcome, Rejection, Submission, pair, request};
use crate::engine::{Statement, Value, statements};
use crate::entry::{Entry, RETENTION, Retention};
use crate::quota::Size;
use crate::{ContactPolicy, Result};

/// Sets for how many days a conversation keeps its messages.
pub(super) fn set(
    ctx: &mut BatchContext<'_>,
    index: usize,
    submission: &Submission,
    with: Peer,
    days: Option<i64>,
) -> OpResult {
    let by = submission.by;
    let (conversation, to, mut audience, excluded) = match with {
        Peer::Group(group) => match ctx.membership(group, by) {
            None => return Err(Rejection::NO_GROUP.into()),
            Some(membership) if membership.role != Role::Admin => return Err(NOT_ADMIN.into()),
            Some(_) => (group.0, Recipient::Group(group), member_accounts(ctx, group), None),
        },
        Peer::Account(other) if !ctx.has_log(other) => return Err(Rejection::NO_ACCOUNT.into()),
        Peer::Account(other) => {
            let found = pair::find(ctx.engine, by, other)?;
            let is_known = found
                .map_or(by == other || ctx.policy.contact == ContactPolicy::Open, |shared| {
                    shared.request.asker.is_none()
                });
            if !is_known {
                return Err(request::STRANGERS.into());
            }
            let shared = pair::find_or_create(ctx.engine, by, other)?;
            let both = BTreeSet::from([by, other]).into_iter().collect();
            let excluded = shared.withheld_from(other).map(|run| (other, run));
            (shared.conversation, Recipient::Account(other), both, excluded)
        }
    };
    if !ctx.has_room(by, Size::of_entry("", 0)) && !is_shorter(ctx, conversation, days)? {
        return Err(Rejection::OVER_QUOTA.into());
    }
    let days_value = days.map_or(Value::Null, Value::Int);
    if ctx.engine.run(&SET_DAYS, &[days_value, Value::Int(conversation)])?.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    if let Peer::Group(group) = with {
        ctx.group_mut(group).days = days;
    }
    // The setting changes for both accounts, so that a block is not noticed. But an account that has blocked `by` gets no event.
    audience.retain(|account| excluded.is_none_or(|(excluded, _)| *account != excluded));
    let at = ctx.entry_time(conversation)?;
    let row =
        NewEntry { conversation, to, kind: RETENTION, content: "", subject: days, at, others: 0 };
    let retention = Retention { by, to, days, at };
    let id = write_entry(ctx, Some(index), by, &row, Entry::Retention(retention), &audience)?;
    if let Some((excluded, run)) = excluded {
        let run = if run > 0 { run } else { id.0 };
        ctx.note_withheld(id, excluded, conversation, run);
    }
    ctx.write_withheld()?;
    Ok(Outcome::Done)
}

/// Whether `days` is shorter than the present retention of the conversation. This is allowed to an account that is over its quota,
/// since it makes room.
fn is_shorter(ctx: &mut BatchContext<'_>, conversation: i64, days: Option<i64>) -> Result<bool> {
    let rows = ctx.engine.run(&FIND_DAYS, &[Value::Int(conversation)])?;
    let kept = rows.first().map_or(Ok(None), |row| row.maybe_int(0))?;
    Ok(days.is_some_and(|days| kept.is_none_or(|kept| days < kept)))
}

statements! {
    static FIND_DAYS: Statement = Statement::both("select days from conversation where id = $1");

    static SET_DAYS: Statement = Statement::both(
        "update conversation set days = $1 where id = $2 and days is distinct from $1 returning id"
    );
}
