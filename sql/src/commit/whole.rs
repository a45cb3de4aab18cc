//! Whether all of a group have come to a message. Looked at once a batch and message, not once a receipt.

use std::collections::{BTreeSet, HashMap};

use wire::limit::RECEIPTS_EACH_MAX;
use wire::{AccountId, MessageId};

use crate::Result;
use crate::engine::{Engine, ForEach, Type, Value};

/// A message in a group, and whose it is.
pub(super) type Said = (i64, MessageId, AccountId);

/// What the sender of a message in a group may hear.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Everybody else has come so far.
    pub(super) by_all: bool,
    /// The group has more members than are told of one by one.
    pub(super) is_large: bool,
}

macro_rules! seen {
    ($column:literal) => {
        ForEach {
            // Of a thousand members only those are looked at that are needed to know. Receipts come in the order in which
            // members were told, by their numbers: who has the highest is the likeliest to be still behind.
            sql: concat!(
                "select r.conversation, r.message, r.sender, \
                 (select count(*) from (select 1 from member x \
                 where x.conversation = r.conversation and x.until is null limit 65) few), \
                 (select x.account from member x where x.conversation = r.conversation and x.until is null \
                 and x.account <> r.sender and x.",
                $column,
                " < r.message order by x.account desc limit 1), \
                 (select x.account from withheld w join member x on x.conversation = r.conversation \
                 and x.account = w.account and x.until is null and x.since < r.message \
                 where w.message = r.message limit 1) \
                 from {rows} join member s on s.conversation = r.conversation and s.account = r.sender \
                 and s.until is null"
            ),
            columns: &[("conversation", Type::Int), ("message", Type::Int), ("sender", Type::Int)],
        }
    };
}

static DELIVERED: ForEach = seen!("delivered");
static READ: ForEach = seen!("read");

// The statements' `limit`: one more than are told of one by one.
const _: () = assert!(RECEIPTS_EACH_MAX + 1 == 65);

/// Looks at the groups of these messages. Who has left its group since is not to hear of its message any more: it is missing
/// from the answer.
pub(super) fn seen(
    engine: &mut dyn Engine,
    messages: &BTreeSet<Said>,
    is_read: bool,
) -> Result<HashMap<Said, Seen>> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let row = |(group, id, sender): &Said| vec![*group, id.0, sender.0];
    let rows: Vec<Vec<_>> =
        messages.iter().map(|said| row(said).into_iter().map(Value::Int).collect()).collect();
    let found = engine.run_for_each(if is_read { &READ } else { &DELIVERED }, &rows)?;
    let turn = |row: &crate::engine::Row| {
        let said = (row.int(0)?, MessageId(row.int(1)?), AccountId(row.int(2)?));
        let (behind, spared) = (row.maybe_int(4)?, row.maybe_int(5)?);
        let by_all = behind.is_none() && spared.is_none();
        Ok((said, Seen { by_all, is_large: row.int(3)? > RECEIPTS_EACH_MAX }))
    };
    found.iter().map(turn).collect()
}
