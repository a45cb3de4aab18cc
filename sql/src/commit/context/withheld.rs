//! What blocks withhold in this batch, and what blocked accounts may know of whom has blocked them.

use wire::{AccountId, MessageId};

use super::super::for_each;
use super::BatchContext;
use crate::Result;
use crate::engine::{ForEach, Row, Type, Value};

impl BatchContext<'_> {
    /// An entry is withheld from somebody, and so is everything in its conversation from `run` on.
    pub(in crate::commit) fn note_withheld(
        &mut self,
        id: MessageId,
        account: AccountId,
        conversation: i64,
        run: i64,
    ) {
        self.withheld.push([id.0, account.0, conversation, run].map(Value::Int).to_vec());
    }

    /// Writes down what is withheld so far, for what else the batch holds. The statement is run also if there is nothing, so that
    /// nobody can tell by the round trip.
    pub(in crate::commit) fn withhold(&mut self) -> Result<()> {
        let mut withheld = std::mem::take(&mut self.withheld);
        withheld.push([0; 4].map(Value::Int).to_vec());
        for_each(self.engine, &WITHHOLD, withheld)
    }

    /// `by` has blocked `id`: what `id` sees of how far it has come stays as it is at the end of this batch.
    pub(in crate::commit) fn note_block(&mut self, by: AccountId, id: AccountId) {
        self.blocks.push((by, id));
        self.note_blocked(by, id);
    }

    /// It has not, after all.
    pub(in crate::commit) fn forget_block(&mut self, by: AccountId, id: AccountId) {
        self.blocks.retain(|block| *block != (by, id));
    }

    /// `by` has blocked `id`.
    pub(in crate::commit) fn note_blocked(&mut self, by: AccountId, id: AccountId) {
        self.blocked.insert((by, id));
    }

    /// What [`super::super::blocker::FIND_BLOCKED`] has answered.
    pub(in crate::commit) fn note_all_blocked(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            self.note_blocked(AccountId(row.int(0)?), AccountId(row.int(1)?));
        }
        Ok(())
    }

    /// What `by` says or does, at `at`, reaches these. For those of them whom it has blocked it was here now, so that its last seen is not
    /// before what they have of it. Whom it has blocked is to be looked up before.
    pub(in crate::commit) fn note_reached(
        &mut self,
        by: AccountId,
        at: i64,
        accounts: impl IntoIterator<Item = AccountId>,
    ) {
        if self.blocked.is_empty() {
            return;
        }
        let pairs = accounts.into_iter().map(|account| (by, account));
        for pair in pairs.filter(|pair| self.blocked.contains(pair)) {
            let last = self.reached.entry(pair).or_insert(at);
            *last = at.max(*last);
        }
    }
}

pub(super) static WITHHOLD: ForEach = ForEach {
    // The last row may be nobody's.
    sql: "insert into withheld (message, account, conversation, run) \
          select r.message, r.account, r.conversation, r.run from {rows} where r.account > 0",
    columns: &[
        ("message", Type::Int),
        ("account", Type::Int),
        ("conversation", Type::Int),
        ("run", Type::Int),
    ],
};

pub(super) static NOTE_REACHED: ForEach = ForEach {
    sql: "update block set seen_at = r.at from {rows} \
          where block.blocked = r.blocked and block.account = r.account and block.seen_at < r.at",
    columns: &[("account", Type::Int), ("blocked", Type::Int), ("at", Type::Int)],
};

/// In the conversation of the two, and in the groups that both are in or the other was in: as many as one account may be in, and
/// not all conversations of who blocks.
pub(super) static KEEP_MARKS: ForEach = ForEach {
    // A range of one, as in `blocker.rs`.
    sql: "insert into block_mark (blocked, conversation, account, delivered, read) \
          select r.blocked, s.conversation, r.account, s.delivered, s.read from {rows} \
          join conversation c on c.low = r.low and c.high = r.high \
          join member s on s.conversation = c.id and s.account = r.account \
          union all select r.blocked, s.conversation, r.account, s.delivered, s.read from {rows} \
          join member s on s.account >= r.account and s.account <= r.account and s.since > 0 and s.until is null \
          where (select g.low is null from conversation g where g.id = s.conversation) and (select o.account \
          from member o where o.conversation = s.conversation and o.account = r.blocked) is not null \
          on conflict (blocked, conversation, account) do update set delivered = excluded.delivered, read = excluded.read",
    columns: &[
        ("account", Type::Int),
        ("blocked", Type::Int),
        ("low", Type::Int),
        ("high", Type::Int),
    ],
};
