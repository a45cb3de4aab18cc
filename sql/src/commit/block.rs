//! Blocking and unblocking an account. The blocked account gets no event of it.

use wire::limit::BLOCKS_MAX;
use wire::{AccountId, Code};

use super::context::BatchContext;
use super::{OpResult, Outcome, Rejection};
use crate::engine::{Statement, Value, first, statements};
use crate::event::{EventBody, EventKind};

/// Blocks `id`: from now on nothing from `id` is delivered to `by`.
pub(super) fn block(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    id: AccountId,
) -> OpResult {
    if id == by {
        let message = "you cannot block yourself";
        return Err(Rejection { code: Code::BadRequest, message }.into());
    }
    if !ctx.has_log(id) {
        return Err(Rejection::NO_ACCOUNT.into());
    }
    let others = ctx.engine.run(&COUNT_BLOCKS, &[by.0, id.0].map(Value::Int))?;
    if first(&others)?.int(0)? >= BLOCKS_MAX {
        let message = "1000 accounts are blocked; unblock one first";
        return Err(Rejection { code: Code::TooMany, message }.into());
    }
    let params = [Value::Int(id.0), Value::Int(by.0), Value::Int(ctx.at)];
    if ctx.engine.run(&ADD_BLOCK, &params)?.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    ctx.add_block(by, id);
    let body = EventBody::Block { id, at: Some(ctx.at) };
    ctx.append_event([by], (EventKind::Block, None, Some(id)), body, Some(index));
    Ok(Outcome::Done)
}

/// Unblocks `id`.
pub(super) fn unblock(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    id: AccountId,
) -> OpResult {
    if ctx.engine.run(&DELETE_BLOCK, &[Value::Int(id.0), Value::Int(by.0)])?.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    ctx.remove_block(by, id);
    ctx.engine.run(&DELETE_BLOCK_MARKS, &[id.0, by.0].map(Value::Int))?;
    ctx.append_event(
        [by],
        (EventKind::Unblock, None, Some(id)),
        EventBody::Unblock { id },
        Some(index),
    );
    Ok(Outcome::Done)
}

statements! {
    static COUNT_BLOCKS: Statement =
        Statement::both("select count(*) from block where account = $1 and blocked <> $2");

    static ADD_BLOCK: Statement = Statement::both(
        "insert into block (blocked, account, at, seen_at) values ($1, $2, $3, $3) \
         on conflict (blocked, account) do nothing returning blocked"
    );

    static DELETE_BLOCK: Statement =
        Statement::both("delete from block where blocked = $1 and account = $2 returning blocked");

    static DELETE_BLOCK_MARKS: Statement = Statement::both("delete from block_mark where blocked = $1 and account = $2");
}
