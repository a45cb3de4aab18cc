//! The state of a batch: the logs and groups that the batch touches. Their rows are locked, kept in memory while the operations
//! are carried out, and written back at the end.
//!
//! The lock order is: groups by number, then logs by account, then all other rows. Deleting an account keeps to it as well.

mod event_writer;
mod log_row;
mod withheld;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wire::{AccountId, GroupId, MessageId, Seq};

use super::batch_receipts::{self, BatchReceipts, FIND_DELIVERED, FIND_READ};
use super::group_state::{self, GroupState, LOCK_GROUPS, Membership};
use super::naming::PendingNames;
use super::target::{self, FIND_TARGETS, TargetMessage, Targets};
use super::{
    Batch, CommitPolicy, Committed, CommittedEvent, Operation, Outcome, Submission, execute_each,
    missing_row, query_each,
};
use crate::Result;
use crate::engine::{
    BatchStatement, Engine, Row, Rows, Statement, Value, for_each_row, run_batches, statements,
};
use crate::entry::{columns, entry};
use crate::event::EventBody;
use crate::node::{ADD_NOTICE, Notice, NoticeKey};
use event_writer::ADD_EVENTS;
use log_row::{LogRow, SET_LOGS};
use withheld::{ADD_BLOCK_MARKS, ADVANCE_SEEN_AT, PLACEHOLDER, WITHHOLD};

/// What the operations of a batch share: the transaction, the locked rows, and what is to be written at the end.
pub(super) struct BatchContext<'a> {
    pub(super) engine: &'a mut dyn Engine,
    /// The batch's time, in milliseconds.
    pub(super) at: i64,
    pub(super) submissions: &'a [Submission],
    /// The operator's settings.
    pub(super) policy: CommitPolicy,
    outcomes: Vec<Option<Outcome>>,
    /// The locked logs, by account. Deleted accounts have no log.
    logs: BTreeMap<i64, LogRow>,
    groups: BTreeMap<i64, GroupState>,
    targets: Targets,
    /// The index of the first submission of the batch that writes an entry with this `ref`.
    refs: HashMap<(AccountId, &'a str), usize>,
    event_rows: Vec<Vec<Value<'static>>>,
    /// New rows of `withheld`: entries that an account does not see, because it has blocked their sender.
    withheld: Rows<'static>,
    /// Blocks that this batch has created: blocker and blocked account.
    new_blocks: Vec<(AccountId, AccountId)>,
    /// Known blocks of the submitters: blocker and blocked account. Only blocks that were looked up are here.
    known_blocks: BTreeSet<(AccountId, AccountId)>,
    /// For each submitter and account that it has blocked: the time of its last operation that the blocked account gets.
    seen_at: BTreeMap<(AccountId, AccountId), i64>,
    pub(super) committed: Vec<CommittedEvent>,
    /// Names that are to be sent with events, and have not been looked up yet.
    pub(super) pending_names: Vec<PendingNames>,
}

impl<'a> BatchContext<'a> {
    /// Finds and locks all rows that the batch touches. Also returns the receipts of the batch.
    pub(super) fn open(
        engine: &'a mut dyn Engine,
        batch: &'a Batch,
        at: i64,
        policy: CommitPolicy,
    ) -> Result<(Self, BatchReceipts)> {
        let submissions = &batch.submissions[..];
        let mut ctx = Self {
            engine,
            at,
            submissions,
            policy,
            outcomes: vec![None; submissions.len()],
            logs: BTreeMap::new(),
            groups: BTreeMap::new(),
            targets: Targets::new(),
            refs: HashMap::new(),
            event_rows: Vec::new(),
            withheld: Vec::new(),
            new_blocks: Vec::new(),
            known_blocks: BTreeSet::new(),
            seen_at: BTreeMap::new(),
            committed: Vec::new(),
            pending_names: Vec::new(),
        };
        let acknowledged = batch_receipts::acknowledged(submissions);
        let all = [
            (&FIND_TARGETS, target::rows(submissions)),
            (&FIND_DELIVERED, batch_receipts::delivered_rows(&acknowledged)),
        ];
        let [targets, delivered] = run_batches(ctx.engine, &all)?;
        ctx.targets = target::targets(&targets)?;
        let positions = batch_receipts::positions(submissions, &ctx.targets);
        let read = batch_receipts::read_rows(&ctx.targets, &positions);
        let all = [(&LOCK_GROUPS, ctx.group_rows()), (&FIND_READ, read)];
        let [groups, read] = run_batches(ctx.engine, &all)?;
        ctx.groups = group_state::complete(ctx.engine, submissions, groups)?;
        let receipts = BatchReceipts::new(acknowledged, &delivered, positions, &read)?;
        let mut accounts: BTreeSet<i64> = receipts.senders().map(|account| account.0).collect();
        accounts.extend(batch.disconnections.iter().map(|(account, _)| account.0));
        ctx.lock_logs(accounts)?;
        // The repeats of posts are looked up later, together with the posts' conversations.
        let others = (0..submissions.len())
            .filter(|index| !matches!(submissions[*index].operation, Operation::Post { .. }));
        let rows = ctx.repeat_rows(others);
        let repeats = query_each(ctx.engine, &FIND_REPEATS, rows)?;
        ctx.record_repeats(repeats)?;
        Ok((ctx, receipts))
    }

    /// Writes the events and the changed rows of logs. `notice` is the key of the row that tells other nodes of the batch. Also
    /// returns whether that row was written.
    pub(super) fn finish(mut self, notice: Option<NoticeKey>) -> Result<(Committed, bool)> {
        let new_heads = self.logs.iter().filter_map(|(account, log)| log.new_head(*account));
        let heads = notice.map(|_| new_heads.collect()).unwrap_or_default();
        let heads = Notice { heads, ..Notice::default() };
        let is_announced = !heads.heads.is_empty();
        let body = heads.encode();
        let notice = notice
            .filter(|_| is_announced)
            .map(|key| vec![Value::Int(key.node), Value::Int(key.number), Value::Bytes(&body)]);
        let changed = self.logs.iter().filter(|(_, log)| log.is_changed);
        let logs: Vec<_> = changed.map(|(account, log)| log.row(*account)).collect();
        let events = std::mem::take(&mut self.event_rows);
        let mut withheld = std::mem::take(&mut self.withheld);
        if !events.is_empty() {
            // The statement always runs, so that its time does not show a blocked account that something is withheld.
            withheld.push(PLACEHOLDER.to_vec());
        }
        let seen_at = std::mem::take(&mut self.seen_at);
        let seen_at_row = |((by, id), at): ((AccountId, AccountId), i64)| {
            [by.0, id.0, at].map(Value::Int).to_vec()
        };
        let seen_at = seen_at.into_iter().map(seen_at_row).collect();
        // All in the round trip of the events, so that the time does not show a blocked account that it is blocked.
        let all = [
            (&ADD_EVENTS, events),
            (&SET_LOGS, logs),
            (&WITHHOLD, withheld),
            (&ADVANCE_SEEN_AT, seen_at),
            (&ADD_NOTICE, notice.into_iter().collect()),
        ];
        run_batches(self.engine, &all)?;
        let blocks = std::mem::take(&mut self.new_blocks);
        let row = |(by, id): &(AccountId, AccountId)| {
            [by.0, id.0, by.0.min(id.0), by.0.max(id.0)].map(Value::Int).to_vec()
        };
        execute_each(self.engine, &ADD_BLOCK_MARKS, blocks.iter().map(row))?;
        self.look_up_names()?;
        let outcomes = std::mem::take(&mut self.outcomes).into_iter().enumerate();
        let outcomes = outcomes
            .map(|(index, outcome)| outcome.or_else(|| self.reply_to_first(index)))
            .collect::<Option<_>>();
        let outcomes = outcomes.ok_or_else(|| missing_row("ref"))?;
        Ok((Committed { outcomes, events: self.committed }, is_announced))
    }

    /// The time of a new entry in each of these conversations: now, or the time of the conversation's last entry if that is later.
    pub(super) fn entry_times(
        &mut self,
        conversations: BTreeSet<i64>,
    ) -> Result<HashMap<i64, i64>> {
        let mut times: HashMap<_, _> = conversations.iter().map(|id| (*id, self.at)).collect();
        if self.policy.follows_later {
            let rows = conversations.into_iter().map(|id| vec![Value::Int(id)]).collect();
            for row in query_each(self.engine, &FIND_LAST_ENTRY_TIME, rows)? {
                times.insert(row.int(0)?, row.maybe_int(1)?.unwrap_or(0).max(self.at));
            }
        }
        Ok(times)
    }

    /// As [`BatchContext::entry_times`], for one conversation.
    pub(super) fn entry_time(&mut self, conversation: i64) -> Result<i64> {
        let times = self.entry_times(BTreeSet::from([conversation]))?;
        Ok(times.get(&conversation).copied().unwrap_or(self.at))
    }

    pub(super) fn record_outcome(&mut self, index: usize, outcome: Outcome) {
        self.outcomes[index] = Some(outcome);
    }

    /// Whether the outcome of a submission is known already, because the submission is a repeat.
    pub(super) fn has_outcome(&self, index: usize) -> bool {
        self.outcomes[index].is_some()
    }

    /// Claims the submission's `ref` for its entry. Returns false if an earlier submission of the batch has the same `ref`; then the
    /// outcome is the reply to the earlier one.
    pub(super) fn claim_ref(&mut self, index: usize) -> bool {
        let Some(reference) = self.reference(index) else { return true };
        *self.refs.entry((self.submissions[index].by, reference)).or_insert(index) == index
    }

    /// The `ref` that is stored with the entry of this submission. It is `None` for a deleted account, which has no log to lock, so
    /// two nodes could store the same `ref`.
    pub(super) fn reference(&self, index: usize) -> Option<&'a str> {
        let submission = &self.submissions[index];
        submission
            .reference
            .as_deref()
            .filter(|_| submission.operation.is_entry() && self.has_log(submission.by))
    }

    /// Releases the submission's `ref`, because the submission has written no entry.
    pub(super) fn release_ref(&mut self, index: usize) {
        self.refs.retain(|_, first| *first != index);
    }

    /// A locked group.
    pub(super) fn group(&self, group: GroupId) -> Option<&GroupState> {
        self.groups.get(&group.0)
    }

    /// A locked group, to be changed.
    pub(super) fn group_mut(&mut self, group: GroupId) -> &mut GroupState {
        self.groups.entry(group.0).or_default()
    }

    /// An account's membership of a group.
    pub(super) fn membership(&self, group: GroupId, account: AccountId) -> Option<Membership> {
        self.groups.get(&group.0)?.members.get(&account).copied()
    }

    /// The number of members of a group besides the one who submits.
    pub(super) fn other_members(&self, group: GroupId) -> usize {
        self.groups
            .get(&group.0)
            .map_or(0, |group_state| group_state.members.len().saturating_sub(1))
    }

    /// The message that a submission refers to, if the submitter can see it.
    pub(super) fn target(&self, index: usize) -> Option<&TargetMessage> {
        self.targets.get(&index)
    }

    /// Removes messages that `by` no longer sees from the targets, so that later submissions of `by` in the batch do not find them.
    pub(super) fn forget_targets(
        &mut self,
        by: AccountId,
        is_hidden: impl Fn(&TargetMessage) -> bool,
    ) {
        let submissions = self.submissions;
        self.targets.retain(|index, target| submissions[*index].by != by || !is_hidden(target));
    }

    /// Marks a target as deleted, so that later submissions of the batch see that.
    pub(super) fn note_deletion(&mut self, id: MessageId) {
        for target in self.targets.values_mut().filter(|target| target.id == id) {
            target.deleted = true;
        }
    }

    /// The reply to the first submission with the same `ref`.
    fn reply_to_first(&self, index: usize) -> Option<Outcome> {
        let submission = &self.submissions[index];
        let first = self.refs.get(&(submission.by, self.reference(index)?))?;
        let event = self.committed.iter().find(|event| event.submission == Some(*first))?;
        let (_, seq) = event.to.iter().find(|(account, _)| *account == submission.by)?;
        Some(Outcome::Repeat(event.body.clone(), *seq))
    }

    /// The rows for [`FIND_REPEATS`].
    pub(super) fn repeat_rows(&self, indexes: impl IntoIterator<Item = usize>) -> Rows<'a> {
        let row = |index: usize| {
            let (sender, reference) = (self.submissions[index].by, self.reference(index)?);
            Some(vec![Value::Int(index as i64), Value::Int(sender.0), Value::Text(reference)])
        };
        indexes.into_iter().filter_map(row).collect()
    }

    /// Records the outcome of repeats, from the rows of [`FIND_REPEATS`].
    pub(super) fn record_repeats(&mut self, rows: Vec<Row>) -> Result<()> {
        for mut row in rows {
            let (index, seq) = (row.int(0)? as usize, Seq(row.int(1)?));
            let first = entry(&mut row, 2)?.ok_or_else(|| missing_row("ref"))?;
            self.record_outcome(index, Outcome::Repeat(EventBody::Entry(first), seq));
        }
        Ok(())
    }

    fn group_rows(&self) -> Rows<'static> {
        let mut groups: BTreeSet<i64> = BTreeSet::new();
        groups.extend(
            self.submissions.iter().filter_map(|submission| Some(submission.operation.group()?.0)),
        );
        for (index, target) in &self.targets {
            if target.recipient.is_none() && self.submissions[*index].operation.is_revision() {
                groups.insert(target.conversation);
            }
        }
        groups.into_iter().map(|group| vec![Value::Int(group)]).collect()
    }
}

statements! {
    /// The time of the last entry of a conversation.
    static FIND_LAST_ENTRY_TIME: BatchStatement = for_each_row!(
        r(conversation bigint),
        "select r.conversation, (select m.at from message m where m.id = (select e.message from entry e \
         where e.conversation = r.conversation order by e.message desc limit 1)) from r"
    );

    /// Must run after the logs of the senders are locked: from then on no other node can store the same `ref`.
    pub(super) static FIND_REPEATS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            concat!(
                "select r.submission, m.seq, ",
                columns!(),
                " from unnest($1::bigint[], $2::bigint[], $3::text[]) as r(submission, sender, ref) \
                 cross join reference k cross join message m where k.sender = r.sender and k.ref = r.ref \
                 and m.id = k.message",
            ),
        sqlite:
            concat!(
                "select ?1, m.seq, ",
                columns!(),
                " from reference k cross join message m where k.sender = ?2 and k.ref = ?3 and m.id = k.message",
            ),
    });
}
