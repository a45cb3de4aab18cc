//! Receipts: how far an account has received its log and read its conversations, and which senders get a receipt.
//!
//! A row of `member` has two positions: the last message that was delivered to the account, and the last one that it has read.
//! A sender gets receipts for its own messages only. A receipt for a message stands for all messages of the sender before it.

use std::collections::{BTreeSet, HashMap, HashSet};

use wire::{AccountId, MessageId};

use super::batch_receipts::{BatchReceipts, PendingReceipt};
use super::context::BatchContext;
use super::group_progress::GroupProgress;
use super::{Operation, Outcome, Rejection, query_each};
use crate::Result;
use crate::engine::{BatchStatement, Known, Row, Statement, Value, for_each_row, statements};
use crate::event::{EventBody, EventKind, Receipt};

/// Writes the receipts to the senders' logs, and stores what was read. `advanced`: the rows of [`ADVANCE_DELIVERED`].
pub(super) fn store(
    ctx: &mut BatchContext<'_>,
    receipts: &BatchReceipts,
    advanced: &[Row],
) -> Result<()> {
    record_outcomes(ctx, receipts);
    append_receipts(ctx, &receipts.delivered, &advanced_keys(advanced)?, false)?;
    receipts.acknowledged.iter().for_each(|(account, seq)| ctx.acknowledge(*account, *seq));

    let row = |((account, conversation), (id, _)): (&(AccountId, i64), &(MessageId, usize))| {
        let shows_read = ctx.shows_read(*account).into();
        [*conversation, account.0, id.0, shows_read].map(Value::Int).to_vec()
    };
    let rows = receipts.positions.iter().map(row).collect();
    let advanced = query_each(ctx.engine, &ADVANCE_READ, rows)?;
    let advanced = advanced_keys(&advanced)?;
    for ((by, conversation), (id, index)) in &receipts.positions {
        if advanced.contains(&(*by, *conversation)) {
            let body = EventBody::Read(Receipt { id: *id, by: *by, all: false });
            ctx.append_event([*by], (EventKind::Read, Some(*id), Some(*by)), body, Some(*index));
        }
    }
    append_receipts(ctx, &receipts.read, &advanced, true)
}

/// Records the outcome of each receipt as if it changed nothing. Appending the reply event sets it to [`Outcome::Done`] later.
fn record_outcomes(ctx: &mut BatchContext<'_>, receipts: &BatchReceipts) {
    for (index, submission) in ctx.submissions.iter().enumerate() {
        let outcome = match submission.operation {
            Operation::Received { .. } | Operation::Read { .. } if !ctx.has_log(submission.by) => {
                Outcome::Rejected(Rejection::GONE)
            }
            Operation::Received { .. } => Outcome::Unchanged,
            Operation::Read { .. } if ctx.target(index).is_none() => {
                Outcome::Rejected(Rejection::NO_MESSAGE)
            }
            Operation::Read { .. } => Outcome::Unchanged,
            _ => continue,
        };
        ctx.record_outcome(index, outcome);
    }
    debug_assert!(receipts.positions.values().all(|(_, index)| ctx.has_outcome(*index)));
}

/// The accounts and conversations whose position has advanced.
fn advanced_keys(advanced: &[Row]) -> Result<HashSet<(AccountId, i64)>> {
    advanced.iter().map(|row| Ok((AccountId(row.int(0)?), row.int(1)?))).collect()
}

/// Appends receipts to the senders' logs. These senders get none: those who have left the group, those whose contact request is
/// unanswered, and, of read receipts, those who hide what they have read themselves.
fn append_receipts(
    ctx: &mut BatchContext<'_>,
    all: &[PendingReceipt],
    advanced: &HashSet<(AccountId, i64)>,
    is_read: bool,
) -> Result<()> {
    let is_shown =
        |it: &&PendingReceipt| !is_read || (ctx.shows_read(it.by) && ctx.shows_read(it.sender));
    let all: Vec<_> = all.iter().filter(is_shown).copied().collect();
    let due = || all.iter().filter(|it| advanced.contains(&(it.by, it.conversation)));
    let in_groups = due().filter(|it| it.is_group).map(|it| (it.conversation, it.id, it.sender));
    let in_groups = in_groups.collect();
    let groups = GroupProgress::find(ctx.engine, &in_groups, is_read)?;
    // Looked up only now, since an operation of the batch may have answered a request.
    let requests: BTreeSet<i64> =
        due().filter(|it| it.is_request).map(|it| it.conversation).collect();
    let rows = requests.into_iter().map(|id| vec![Value::Int(id)]).collect();
    let askers = query_each(ctx.engine, &FIND_ASKERS, rows)?;
    let asker = |row: &Row| Ok((row.int(0)?, AccountId(row.int(1)?)));
    let askers = askers.iter().map(asker).collect::<Result<HashSet<_>>>()?;
    // Only the last receipt of the batch for a message says that all members have received or read it.
    let key = |it: &PendingReceipt| (it.conversation, it.sender, it.id);
    let last: HashMap<_, _> = due().map(|it| (key(it), it.by)).collect();
    for it in due().filter(|it| !askers.contains(&(it.conversation, it.sender))) {
        let mut is_by_all = false;
        if it.is_group {
            let Some(progress) = groups.of_message(it.conversation, it.sender, it.id) else {
                continue;
            };
            is_by_all = progress.by_all && last.get(&key(it)) == Some(&it.by);
            if progress.is_large && !is_by_all {
                continue;
            }
        }
        let receipt = Receipt { id: it.id, by: it.by, all: is_by_all };
        let (kind, body) = match (is_read, is_by_all) {
            (false, false) => (EventKind::Delivered, EventBody::Delivered(receipt)),
            (false, true) => (EventKind::DeliveredToAll, EventBody::Delivered(receipt)),
            (true, false) => (EventKind::Read, EventBody::Read(receipt)),
            (true, true) => (EventKind::ReadByAll, EventBody::Read(receipt)),
        };
        ctx.append_event([it.sender], (kind, Some(it.id), Some(it.by)), body, None);
    }
    Ok(())
}

statements! {
    pub(super) static ADVANCE_DELIVERED: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update member set delivered = r.message from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as \
             r(conversation, account, message) where member.conversation = r.conversation \
             and member.account = r.account and member.delivered < r.message \
             returning member.account, member.conversation",
        sqlite: "update member set delivered = ?3 where conversation = ?1 and account = ?2 and delivered < ?3",
    })
    .with_sqlite_answer(&[Known::Parameter(2), Known::Parameter(1)]);

    /// Reading a message also clears the mark as unread, even if the account had read further before. `read_hidden` is the position
    /// that others see while the account hides what it reads. Once the account shows it again, the next message that it reads
    /// makes its true position visible.
    static ADVANCE_READ: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update member set read = greatest(member.read, r.message), marked_unread = 0, read_hidden = case \
             when r.shows = 0 then coalesce(member.read_hidden, member.read) when member.read <= r.message then null \
             else member.read_hidden end \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as r(conversation, account, message, shows) \
             where member.conversation = r.conversation and member.account = r.account and (member.read < r.message \
             or member.marked_unread = 1) returning member.account, member.conversation",
        sqlite:
            "update member set read = max(read, ?3), marked_unread = 0, read_hidden = case when ?4 = 0 \
             then coalesce(read_hidden, read) when read <= ?3 then null else read_hidden end where conversation = ?1 and account = ?2 \
             and (read < ?3 or marked_unread = 1)",
    })
    .with_sqlite_answer(&[Known::Parameter(2), Known::Parameter(1)]);

    /// The account whose contact request is unanswered, for each conversation that has one.
    static FIND_ASKERS: BatchStatement = for_each_row!(
        r(id bigint),
        "select c.id, c.asker from r join conversation c on c.id = r.id and c.asker is not null"
    );
}
