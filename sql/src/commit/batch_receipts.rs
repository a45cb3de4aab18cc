//! The receipts of a batch: the positions that submissions acknowledge, and the senders that may get a receipt.

use std::collections::{BTreeMap, HashMap};

use wire::{AccountId, MessageId};

use super::target::Targets;
use super::{Operation, Submission};
use crate::Result;
use crate::engine::{BatchStatement, Row, Rows, Statement, Value, statements};

/// The receipts of a batch.
pub(super) struct BatchReceipts {
    /// The position up to which each account has acknowledged its log.
    pub(super) acknowledged: BTreeMap<AccountId, i64>,
    /// Receipts for messages that were received.
    pub(super) delivered: Vec<PendingReceipt>,
    /// The message up to which each account has read each conversation.
    pub(super) positions: ReadPositions,
    /// Receipts for messages that were read.
    pub(super) read: Vec<PendingReceipt>,
}

/// The last message that each account has read in each conversation, and the index of the submission that says so.
pub(super) type ReadPositions = BTreeMap<(AccountId, i64), (MessageId, usize)>;

/// A receipt that `sender` may get: the account `by` has received or read messages of `sender` up to `id`.
#[derive(Clone, Copy)]
pub(super) struct PendingReceipt {
    pub(super) by: AccountId,
    pub(super) conversation: i64,
    pub(super) sender: AccountId,
    pub(super) id: MessageId,
    pub(super) is_group: bool,
    /// Whether the message may belong to an unanswered contact request, whose sender gets no receipts yet.
    pub(super) is_request: bool,
}

impl BatchReceipts {
    /// `delivered` and `read`: the rows of [`FIND_DELIVERED`] and [`FIND_READ`].
    pub(super) fn new(
        acknowledged: BTreeMap<AccountId, i64>,
        delivered: &[Row],
        positions: ReadPositions,
        read: &[Row],
    ) -> Result<Self> {
        let (delivered, read) = (pending_receipts(delivered)?, pending_receipts(read)?);
        Ok(Self { acknowledged, delivered, positions, read })
    }

    /// Senders that may get a receipt.
    pub(super) fn senders(&self) -> impl Iterator<Item = AccountId> {
        self.delivered.iter().chain(&self.read).map(|receipt| receipt.sender)
    }

    /// The rows for [`ADVANCE_DELIVERED`].
    pub(super) fn delivered_positions(&self) -> Rows<'static> {
        advance_rows(&highest(self.delivered.iter().map(|it| ((it.by, it.conversation), it.id))))
    }
}

/// The position up to which each account acknowledges its log.
pub(super) fn acknowledged(submissions: &[Submission]) -> BTreeMap<AccountId, i64> {
    let mut acknowledged = BTreeMap::new();
    for submission in submissions {
        if let Operation::Received { seq } = submission.operation {
            let furthest = acknowledged.entry(submission.by).or_default();
            *furthest = seq.0.max(*furthest);
        }
    }
    acknowledged
}

/// The rows for [`FIND_DELIVERED`].
pub(super) fn delivered_rows(acknowledged: &BTreeMap<AccountId, i64>) -> Rows<'static> {
    acknowledged.iter().map(|(by, seq)| [by.0, *seq].map(Value::Int).to_vec()).collect()
}

/// The last message that each account marks as read in each conversation.
pub(super) fn positions(submissions: &[Submission], targets: &Targets) -> ReadPositions {
    let mut positions = ReadPositions::new();
    for (index, submission) in submissions.iter().enumerate() {
        if let (Operation::Read { id }, Some(target)) = (&submission.operation, targets.get(&index))
        {
            let furthest =
                positions.entry((submission.by, target.conversation)).or_insert((*id, index));
            *furthest = (*id, index).max(*furthest);
        }
    }
    positions
}

/// The rows for [`FIND_READ`].
pub(super) fn read_rows(targets: &Targets, positions: &ReadPositions) -> Rows<'static> {
    let row = |((by, conversation), (id, index)): (&(AccountId, i64), &(MessageId, usize))| {
        let is_group = targets.get(index).is_some_and(|target| target.recipient.is_none());
        // Messages before the answer to a contact request belong to the request, later ones do not.
        let is_request = targets.get(index).is_some_and(|target| target.request);
        [by.0, *conversation, id.0, is_group.into(), is_request.into()].map(Value::Int).to_vec()
    };
    positions.iter().map(row).collect()
}

fn pending_receipts(rows: &[Row]) -> Result<Vec<PendingReceipt>> {
    let map_row = |row: &Row| {
        Ok(PendingReceipt {
            by: AccountId(row.int(0)?),
            conversation: row.int(1)?,
            sender: AccountId(row.int(2)?),
            id: MessageId(row.int(3)?),
            is_group: row.int(4)? != 0,
            is_request: row.int(5)? != 0,
        })
    };
    let mut found: Vec<PendingReceipt> = rows.iter().map(map_row).collect::<Result<_>>()?;
    // The engines return rows in any order, but receipts for one sender must be in the order of the messages.
    found.sort_unstable_by_key(|receipt| (receipt.id, receipt.by));
    Ok(found)
}

/// The last message that each account has received or read in each conversation.
type Positions = HashMap<(AccountId, i64), MessageId>;

fn highest(all: impl Iterator<Item = ((AccountId, i64), MessageId)>) -> Positions {
    let mut highest = Positions::new();
    for (key, id) in all {
        let so_far = highest.entry(key).or_insert(id);
        *so_far = id.max(*so_far);
    }
    highest
}

fn advance_rows(positions: &Positions) -> Rows<'static> {
    let row = |((account, conversation), id): (&(AccountId, i64), &MessageId)| {
        [*conversation, account.0, id.0].map(Value::Int).to_vec()
    };
    positions.iter().map(row).collect()
}

// SQLite uses an index range in a view only for known bounds. A scalar subquery as lower bound, evaluated once, is known.

statements! {
    /// `member` and `block` are read by scalar subqueries. With a join or `not exists`, PostgreSQL may read all members of a group,
    /// all conversations of an account or all blocks for each event. `cross` keeps SQLite from building a temporary table of the
    /// events.
    pub(super) static FIND_DELIVERED: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select r.account, m.conversation, m.sender, max(m.id), max(case when m.recipient is null then 1 \
             else 0 end), max(case when m.subject is null then 0 else 1 end) \
             from unnest($1::bigint[], $2::bigint[]) as r(account, seq) cross join event e \
             cross join message m where e.account = r.account and e.seq > (select l.acknowledged from log l \
             where l.account = r.account) and e.seq <= r.seq and e.kind = 1 and m.id = e.message and m.kind = 0 \
             and m.sender <> r.account and m.id > (select s.delivered from member s \
             where s.conversation = m.conversation and s.account = r.account) and not exists (select 1 \
             from withheld w where w.message = m.id and w.account = r.account \
             and w.hidden = 0) and (select b.at from block b \
             where b.blocked = r.account and b.account = m.sender) is null and (select b.at from block b \
             where b.blocked = m.sender and b.account = r.account) is null \
             group by r.account, m.conversation, m.sender",
        sqlite:
            "select ?1, m.conversation, m.sender, max(m.id), max(case when m.recipient is null then 1 else 0 \
             end), max(case when m.subject is null then 0 else 1 end) from event e cross join message m \
             where e.account = ?1 and e.seq > (select l.acknowledged from log l where l.account = ?1) \
             and e.seq <= ?2 and e.kind = 1 and m.id = e.message and m.kind = 0 and m.sender <> ?1 \
             and m.id > (select s.delivered from member s where s.conversation = m.conversation \
             and s.account = ?1) and not exists (select 1 from withheld w where w.message = m.id \
             and w.account = ?1 and w.hidden = 0) and (select b.at from block b where b.blocked = ?1 \
             and b.account = m.sender) is null and (select b.at from block b where b.blocked = m.sender \
             and b.account = ?1) is null group by ?1, m.conversation, m.sender",
    });

    /// May run before the groups are locked. An account that sees a message also sees all earlier ones of its conversation, since
    /// messages get their numbers under the lock of the group, or of the logs of both accounts. With a join of `member` PostgreSQL
    /// would read the whole conversation. No row is found for an account that hides what it reads.
    pub(super) static FIND_READ: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select r.account, r.conversation, e.sender, max(e.message), r.is_group, r.is_request \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) as r(account, \
             conversation, message, is_group, is_request) cross join entry e \
             where e.conversation = r.conversation and e.message > (select case \
             when (select l.shows_read from log l where l.account = s.account) = 0 then r.message \
             when coalesce(s.read_hidden, s.read) > s.since then coalesce(s.read_hidden, s.read) else s.since end \
             from member s where s.conversation = r.conversation and s.account = r.account and s.until is null) \
             and e.message <= r.message and e.kind = 0 and e.sender <> r.account and not exists (select 1 \
             from withheld w where w.message = e.message and w.account = r.account \
             and w.hidden = 0) and (select b.at \
             from block b where b.blocked = r.account and b.account = e.sender) is null and (select b.at \
             from block b where b.blocked = e.sender and b.account = r.account) is null \
             group by r.account, r.conversation, e.sender, r.is_group, r.is_request",
        sqlite:
            "select ?1, ?2, e.sender, max(e.message), ?4, ?5 from entry e where e.conversation = ?2 \
             and e.message > (select case when (select l.shows_read from log l \
             where l.account = ?1) = 0 then ?3 when coalesce(s.read_hidden, s.read) > s.since \
             then coalesce(s.read_hidden, s.read) else s.since end from member s \
             where s.conversation = ?2 and s.account = ?1 and s.until is null) and e.message <= ?3 \
             and e.kind = 0 and e.sender <> ?1 and not exists (select 1 from withheld w \
             where w.message = e.message and w.account = ?1 \
             and w.hidden = 0) and (select b.at from block b where b.blocked = ?1 \
             and b.account = e.sender) is null and (select b.at from block b where b.blocked = e.sender \
             and b.account = ?1) is null group by ?1, ?2, e.sender, ?4, ?5",
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sqlite::Sqlite;
    use crate::engine::{Engine as _, Purpose};

    #[test]
    fn sqlite_reads_only_what_lies_between() {
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        for (statement, table, range) in [
            (&FIND_DELIVERED, "event", "(account=? AND seq>? AND seq<?)"),
            (&FIND_READ, "entry", "(conversation=? AND message>? AND message<?)"),
        ] {
            let plan = sqlite.plan(statement);
            for part in ["settled", "recent"] {
                let search = format!("SEARCH {part}_{table} USING PRIMARY KEY {range}");
                assert!(plan.contains(&search), "{plan:#?}");
            }
        }
    }
}
