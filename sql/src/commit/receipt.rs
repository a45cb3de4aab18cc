//! Receipts: how far an account has received its log and read its conversations, and which senders are told.
//!
//! A member's row has one message number for delivery and one for reading. A sender is told of its own messages only; a receipt
//! for the latest of them stands for all before it.

use std::collections::{BTreeSet, HashMap, HashSet};

use wire::{AccountId, MessageId};

use super::batch_receipts::{BatchReceipts, PendingReceipt};
use super::context::BatchContext;
use super::group_progress::GroupProgress;
use super::{Operation, Outcome, Rejection, ask};
use crate::Result;
use crate::engine::{BatchStatement, Known, Row, Statement, Value, for_each_row, statements};
use crate::event::{EventBody, EventKind, Receipt};

/// Writes the receipts to the senders' logs, and stores what was read. `advanced`: the result of [`ADVANCE_DELIVERED`].
pub(super) fn store(
    ctx: &mut BatchContext<'_>,
    receipts: &BatchReceipts,
    advanced: &[Row],
) -> Result<()> {
    record_outcomes(ctx, receipts);
    tell(ctx, &receipts.delivered, &moved(advanced)?, false)?;
    receipts.acknowledged.iter().for_each(|(account, seq)| ctx.acknowledge(*account, *seq));

    let row = |((account, conversation), (id, _)): (&(AccountId, i64), &(MessageId, usize))| {
        let shows_read = ctx.shows_read(*account).into();
        [*conversation, account.0, id.0, shows_read].map(Value::Int).to_vec()
    };
    let rows = receipts.positions.iter().map(row).collect();
    let advanced = ask(ctx.engine, &ADVANCE_READ, rows)?;
    let advanced = moved(&advanced)?;
    for ((by, conversation), (id, index)) in &receipts.positions {
        if advanced.contains(&(*by, *conversation)) {
            let body = EventBody::Read(Receipt { id: *id, by: *by, all: false });
            ctx.tell([*by], (EventKind::Read, Some(*id), Some(*by)), body, Some(*index));
        }
    }
    tell(ctx, &receipts.read, &advanced, true)
}

/// Records the outcome of each receipt, as if it changed nothing.
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
fn moved(advanced: &[Row]) -> Result<HashSet<(AccountId, i64)>> {
    advanced.iter().map(|row| Ok((AccountId(row.int(0)?), row.int(1)?))).collect()
}

/// Writes receipts to the senders' logs. In a group only members get them, and nobody whose contact request is unanswered. Who
/// hides what it has read is not told what others have read either.
fn tell(
    ctx: &mut BatchContext<'_>,
    all: &[PendingReceipt],
    advanced: &HashSet<(AccountId, i64)>,
    is_read: bool,
) -> Result<()> {
    let is_shown =
        |it: &&PendingReceipt| !is_read || (ctx.shows_read(it.by) && ctx.shows_read(it.sender));
    let all: Vec<_> = all.iter().filter(is_shown).copied().collect();
    let moved = || all.iter().filter(|it| advanced.contains(&(it.by, it.conversation)));
    let in_groups = moved().filter(|it| it.is_group).map(|it| (it.conversation, it.id, it.sender));
    let in_groups = in_groups.collect();
    let groups = GroupProgress::find(ctx.engine, &in_groups, is_read)?;
    // Looked up now, since the batch may have answered requests.
    let requests: BTreeSet<i64> =
        moved().filter(|it| it.is_request).map(|it| it.conversation).collect();
    let rows = requests.into_iter().map(|id| vec![Value::Int(id)]).collect();
    let askers = ask(ctx.engine, &FIND_ASKERS, rows)?;
    let asker = |row: &Row| Ok((row.int(0)?, AccountId(row.int(1)?)));
    let askers = askers.iter().map(asker).collect::<Result<HashSet<_>>>()?;
    // Only the last receipt of a batch for a message says that all members have reached it.
    let key = |it: &PendingReceipt| (it.conversation, it.sender, it.id);
    let last: HashMap<_, _> = moved().map(|it| (key(it), it.by)).collect();
    for it in moved().filter(|it| !askers.contains(&(it.conversation, it.sender))) {
        let mut is_whole = false;
        if it.is_group {
            let Some(seen) = groups.seen(it.conversation, it.sender, it.id) else { continue };
            is_whole = seen.by_all && last.get(&key(it)) == Some(&it.by);
            if seen.is_large && !is_whole {
                continue;
            }
        }
        let receipt = Receipt { id: it.id, by: it.by, all: is_whole };
        let (kind, body) = match (is_read, is_whole) {
            (false, false) => (EventKind::Delivered, EventBody::Delivered(receipt)),
            (false, true) => (EventKind::DeliveredToAll, EventBody::Delivered(receipt)),
            (true, false) => (EventKind::Read, EventBody::Read(receipt)),
            (true, true) => (EventKind::ReadByAll, EventBody::Read(receipt)),
        };
        ctx.tell([it.sender], (kind, Some(it.id), Some(it.by)), body, None);
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

    /// Who reads something takes back that the conversation is marked as unread, however far it had read before. While it hides
    /// what it reads, others see it where it was; once it shows that again, its next message shows all before it.
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

    /// The accounts whose contact request is unanswered, by conversation.
    static FIND_ASKERS: BatchStatement = for_each_row!(
        r(id bigint),
        "select c.id, c.asker from r join conversation c on c.id = r.id and c.asker is not null"
    );
}
