//! What blocks withhold in this batch, and what blocked accounts may know of whom has blocked them.

use wire::{AccountId, MessageId};

use super::super::for_each;
use super::BatchContext;
use crate::Result;
use crate::engine::{BatchStatement, Row, Statement, Value, statements};

/// The last row of [`WITHHOLD`], which stores nothing.
pub(super) const NOBODY: [Value<'_>; 4] = [Value::Int(0); 4];

impl BatchContext<'_> {
    /// Withholds an entry from `account`. `run` is the first of the consecutive entries that are withheld up to this one.
    pub(in crate::commit) fn note_withheld(
        &mut self,
        id: MessageId,
        account: AccountId,
        conversation: i64,
        run: i64,
    ) {
        self.withheld.push([id.0, account.0, conversation, run].map(Value::Int).to_vec());
    }

    /// Writes the withheld entries so far, so that the rest of the batch sees them. The statement runs even without rows, so that
    /// the time does not show whether there are any.
    pub(in crate::commit) fn withhold(&mut self) -> Result<()> {
        let mut withheld = std::mem::take(&mut self.withheld);
        withheld.push(NOBODY.to_vec());
        for_each(self.engine, &WITHHOLD, withheld)
    }

    /// `by` has blocked `id`: the receipts of `by` that `id` sees stay as they are at the end of this batch.
    pub(in crate::commit) fn note_block(&mut self, by: AccountId, id: AccountId) {
        self.blocks.push((by, id));
        self.note_blocked(by, id);
    }

    /// Undoes [`BatchContext::note_block`].
    pub(in crate::commit) fn forget_block(&mut self, by: AccountId, id: AccountId) {
        self.blocks.retain(|block| *block != (by, id));
    }

    /// Notes that `by` has blocked `id`.
    pub(in crate::commit) fn note_blocked(&mut self, by: AccountId, id: AccountId) {
        self.blocked.insert((by, id));
    }

    /// Notes the rows of [`super::super::blocker::FIND_BLOCKED`].
    pub(in crate::commit) fn note_all_blocked(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            self.note_blocked(AccountId(row.int(0)?), AccountId(row.int(1)?));
        }
        Ok(())
    }

    /// An operation of `by` at `at` reaches these accounts. Those of them that `by` has blocked see `at` as its last seen, so that it is
    /// not before an entry that they have from `by`. Whom `by` has blocked must be looked up before.
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

statements! {
    /// The last row may be nobody's.
    pub(super) static WITHHOLD: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into withheld (message, account, conversation, run) \
             select r.message, r.account, r.conversation, r.run from unnest($1::bigint[], $2::bigint[], \
             $3::bigint[], $4::bigint[]) as r(message, account, conversation, run) where r.account > 0",
        sqlite:
            "insert or fail into withheld (message, account, conversation, run) select ?1, ?2, ?3, ?4 where ?2 > 0",
    });

    pub(super) static NOTE_REACHED: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update block set seen_at = r.at from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r(account, \
             blocked, at) where block.blocked = r.blocked and block.account = r.account and block.seen_at < r.at",
        sqlite: "update block set seen_at = ?3 where block.blocked = ?2 and block.account = ?1 and block.seen_at < ?3",
    });

    /// In the conversation of the two, and in the groups that both are in or the other was in: as many as one account may be in, and
    /// not all conversations of who blocks.
    /// A range of one, as in `blocker.rs`.
    pub(super) static KEEP_MARKS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into block_mark (blocked, conversation, account, delivered, read) \
             select r.blocked, s.conversation, r.account, s.delivered, coalesce(s.read_hidden, s.read) \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as r(account, blocked, low, high) \
             join conversation c on c.low = r.low and c.high = r.high join member s on s.conversation = c.id \
             and s.account = r.account union all select r.blocked, s.conversation, r.account, s.delivered, coalesce(s.read_hidden, s.read) \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as r(account, blocked, low, high) \
             join member s on s.account >= r.account and s.account <= r.account and s.since > 0 \
             and s.until is null where (select g.low is null from conversation g where g.id = s.conversation) \
             and (select o.account from member o where o.conversation = s.conversation \
             and o.account = r.blocked) is not null on conflict (blocked, conversation, account) do update \
             set delivered = excluded.delivered, read = excluded.read",
        sqlite:
            "insert or fail into block_mark (blocked, conversation, account, delivered, read) \
             select ?2, s.conversation, ?1, s.delivered, coalesce(s.read_hidden, s.read) from (select 1) \
             join conversation c on c.low = ?3 and c.high = ?4 join member s on s.conversation = c.id \
             and s.account = ?1 union all select ?2, s.conversation, ?1, s.delivered, coalesce(s.read_hidden, s.read) from (select 1) \
             join member s on s.account >= ?1 and s.account <= ?1 and s.since > 0 and s.until is null where \
             (select g.low is null from conversation g where g.id = s.conversation) and (select o.account \
             from member o where o.conversation = s.conversation and o.account = ?2) is not null \
             on conflict (blocked, conversation, account) do update set delivered = excluded.delivered, read = \
             excluded.read",
    });
}
