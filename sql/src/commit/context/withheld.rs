//! What blocks withhold in this batch, and what blocked accounts still see of the accounts that have blocked them.

use wire::{AccountId, MessageId};

use super::super::execute_each;
use super::BatchContext;
use crate::Result;
use crate::engine::{BatchStatement, Row, Statement, Value, statements};

/// Parameters of [`WITHHOLD`] that store nothing. With them the statement takes its time even if nothing is withheld.
pub(super) const PLACEHOLDER: [Value<'_>; 4] = [Value::Int(0); 4];

impl BatchContext<'_> {
    /// Withholds an entry from `account`. `run` is the first of the consecutive withheld entries that end with this one.
    pub(in crate::commit) fn note_withheld(
        &mut self,
        id: MessageId,
        account: AccountId,
        conversation: i64,
        run: i64,
    ) {
        self.withheld.push([id.0, account.0, conversation, run].map(Value::Int).to_vec());
    }

    /// Writes the withheld entries so far, so that the rest of the batch sees them. The statement runs even if there are none, so
    /// that its time does not show a blocked account that something is withheld.
    pub(in crate::commit) fn write_withheld(&mut self) -> Result<()> {
        let mut withheld = std::mem::take(&mut self.withheld);
        withheld.push(PLACEHOLDER.to_vec());
        execute_each(self.engine, &WITHHOLD, withheld)
    }

    /// Records that `by` has blocked `id` in this batch. At the end of the batch the positions of `by` are kept in `block_mark`:
    /// from then on they are the receipts that `id` sees.
    pub(in crate::commit) fn add_block(&mut self, by: AccountId, id: AccountId) {
        self.new_blocks.push((by, id));
        self.note_known_block(by, id);
    }

    /// Undoes [`BatchContext::add_block`].
    pub(in crate::commit) fn remove_block(&mut self, by: AccountId, id: AccountId) {
        self.new_blocks.retain(|block| *block != (by, id));
    }

    /// Records a block that was looked up: `by` has blocked `id`.
    pub(in crate::commit) fn note_known_block(&mut self, by: AccountId, id: AccountId) {
        self.known_blocks.insert((by, id));
    }

    /// Records blocks that were looked up, from the rows of [`super::super::blocker::FIND_BLOCKED`].
    pub(in crate::commit) fn note_known_blocks(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            self.note_known_block(AccountId(row.int(0)?), AccountId(row.int(1)?));
        }
        Ok(())
    }

    /// Records that these accounts get an operation of `by` at `at`. Accounts that `by` has blocked see an old last-seen time of
    /// `by`; it becomes `at`, so that it is not earlier than an entry that they have from `by`. The blocks of `by` must have been
    /// looked up before.
    pub(in crate::commit) fn advance_seen_at(
        &mut self,
        by: AccountId,
        at: i64,
        accounts: impl IntoIterator<Item = AccountId>,
    ) {
        if self.known_blocks.is_empty() {
            return;
        }
        let pairs = accounts.into_iter().map(|account| (by, account));
        for pair in pairs.filter(|pair| self.known_blocks.contains(pair)) {
            let last = self.seen_at.entry(pair).or_insert(at);
            *last = at.max(*last);
        }
    }
}

statements! {
    /// The last row may be [`PLACEHOLDER`].
    pub(super) static WITHHOLD: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into withheld (message, account, conversation, run) \
             select r.message, r.account, r.conversation, r.run from unnest($1::bigint[], $2::bigint[], \
             $3::bigint[], $4::bigint[]) as r(message, account, conversation, run) where r.account > 0",
        sqlite:
            "insert or fail into withheld (message, account, conversation, run) select ?1, ?2, ?3, ?4 where ?2 > 0",
    });

    pub(super) static ADVANCE_SEEN_AT: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update block set seen_at = r.at from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r(account, \
             blocked, at) where block.blocked = r.blocked and block.account = r.account and block.seen_at < r.at",
        sqlite: "update block set seen_at = ?3 where block.blocked = ?2 and block.account = ?1 and block.seen_at < ?3",
    });

    /// Stores the positions of the blocker in the conversation of the two accounts, and in the groups of the blocker in which the
    /// blocked account is or was a member. So the work is bounded by the number of groups that an account may be in, and does not
    /// depend on the number of the blocker's conversations. The key is a range of one value, as in `blocker.rs`.
    pub(super) static ADD_BLOCK_MARKS: BatchStatement = BatchStatement::of(Statement {
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
