//! Not wanting to hear from somebody. The other's log has nothing of it.

use wire::limit::BLOCKS_MAX;
use wire::{AccountId, Code};

use super::ledger::Ledger;
use super::{Done, Outcome, Refusal};
use crate::account::first;
use crate::engine::Value;
use crate::event::{Kind, What};

/// From now on nothing from `id` arrives.
pub(super) fn block(ledger: &mut Ledger<'_>, place: usize, by: AccountId, id: AccountId) -> Done {
    if id == by {
        let message = "you cannot block yourself";
        return Ok(Err(Refusal { code: Code::BadRequest, message }));
    }
    if !ledger.has_log(id) {
        return Ok(Err(Refusal::NO_ACCOUNT));
    }
    let sql = "select count(*) from block where account = $1 and blocked <> $2";
    let others = ledger.engine.run(sql, &[by.0, id.0].map(Value::Int))?;
    if first(&others)?.int(0)? >= BLOCKS_MAX {
        let message = "1000 accounts are blocked; unblock one first";
        return Ok(Err(Refusal { code: Code::TooMany, message }));
    }
    let sql = "insert into block (blocked, account, at, seen_at) values ($1, $2, $3, $3) \
               on conflict (blocked, account) do nothing returning blocked";
    let params = [Value::Int(id.0), Value::Int(by.0), Value::Int(ledger.at)];
    if ledger.engine.run(sql, &params)?.is_empty() {
        return Ok(Ok(Outcome::Nothing));
    }
    ledger.note_block(by, id);
    let what = What::Block { id, at: Some(ledger.at) };
    ledger.tell([by], (Kind::Block, None, Some(id)), what, Some(place));
    Ok(Ok(Outcome::Done))
}

/// From now on it arrives again.
pub(super) fn unblock(ledger: &mut Ledger<'_>, place: usize, by: AccountId, id: AccountId) -> Done {
    let sql = "delete from block where blocked = $1 and account = $2 returning blocked";
    if ledger.engine.run(sql, &[Value::Int(id.0), Value::Int(by.0)])?.is_empty() {
        return Ok(Ok(Outcome::Nothing));
    }
    ledger.forget_block(by, id);
    let sql = "delete from block_mark where blocked = $1 and account = $2";
    ledger.engine.run(sql, &[id.0, by.0].map(Value::Int))?;
    ledger.tell([by], (Kind::Unblock, None, Some(id)), What::Unblock { id }, Some(place));
    Ok(Ok(Outcome::Done))
}
