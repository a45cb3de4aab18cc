//! The state of a batch: the logs and groups that it touches. They are locked, kept in memory, and written back at the end.
//!
//! Lock order, also for deleting an account: groups by number, then logs by account, then all other rows.

mod log_row;
mod telling;
mod withheld;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wire::{AccountId, GroupId, MessageId, Seq};

use super::batch_receipts::{self, BatchReceipts, FIND_DELIVERED, FIND_READ};
use super::group_state::{self, GroupState, LOCK_GROUPS, Membership};
use super::naming::Naming;
use super::target::{self, FIND_TARGETS, TargetMessage, Targets};
use super::{
    Batch, CommitPolicy, Committed, CommittedEvent, Operation, Outcome, Submission, ask, for_each,
    lost,
};
use crate::Result;
use crate::engine::{
    BatchStatement, Engine, Row, Rows, Statement, Value, for_each_row, run_batches, statements,
};
use crate::entry::{columns, entry};
use crate::event::EventBody;
use crate::node::{ADD_NOTICE, Notice, NoticeKey};
use log_row::{LogRow, SET_LOGS};
use telling::ADD_EVENTS;
use withheld::{KEEP_MARKS, NOBODY, NOTE_REACHED, WITHHOLD};

pub(super) struct BatchContext<'a> {
    pub(super) engine: &'a mut dyn Engine,
    /// The batch's time, in milliseconds.
    pub(super) at: i64,
    pub(super) submissions: &'a [Submission],
    /// The operator's settings.
    pub(super) policy: CommitPolicy,
    outcomes: Vec<Option<Outcome>>,
    /// By account. Deleted accounts have none.
    logs: BTreeMap<i64, LogRow>,
    groups: BTreeMap<i64, GroupState>,
    targets: Targets,
    /// The first submission in this batch with this `ref`, for entries.
    refs: HashMap<(AccountId, &'a str), usize>,
    event_rows: Vec<Vec<Value<'static>>>,
    /// Rows of `withheld`: entries that a block keeps from an account.
    withheld: Rows<'static>,
    /// Blocks made in this batch: who has blocked whom.
    blocks: Vec<(AccountId, AccountId)>,
    /// Who has blocked whom, as far as it was looked up for the submitters.
    blocked: BTreeSet<(AccountId, AccountId)>,
    /// Submitters whose operation reaches somebody whom they have blocked, and the last time of that.
    reached: BTreeMap<(AccountId, AccountId), i64>,
    pub(super) committed: Vec<CommittedEvent>,
    /// Names that are to go with events.
    pub(super) namings: Vec<Naming>,
}

impl<'a> BatchContext<'a> {
    /// Finds and locks everything that `batch` touches, including the messages of its receipts.
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
            blocks: Vec::new(),
            blocked: BTreeSet::new(),
            reached: BTreeMap::new(),
            committed: Vec::new(),
            namings: Vec::new(),
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
        // The repeats of posts are looked up together with their conversations.
        let others = (0..submissions.len())
            .filter(|index| !matches!(submissions[*index].operation, Operation::Post { .. }));
        let rows = ctx.repeat_rows(others);
        let repeats = ask(ctx.engine, &FIND_REPEATS, rows)?;
        ctx.note_repeats(repeats)?;
        Ok((ctx, receipts))
    }

    /// Writes the events and the logs.
    pub(super) fn close(mut self, notice: Option<NoticeKey>) -> Result<(Committed, bool)> {
        let grown = self.logs.iter().filter_map(|(account, log)| log.grown(*account));
        let heads = notice.map(|_| grown.collect()).unwrap_or_default();
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
            // Always run, so that the number of statements does not tell whether something is withheld.
            withheld.push(NOBODY.to_vec());
        }
        let reached = std::mem::take(&mut self.reached);
        let reach = |((by, id), at): ((AccountId, AccountId), i64)| {
            [by.0, id.0, at].map(Value::Int).to_vec()
        };
        let reached = reached.into_iter().map(reach).collect();
        // In the same round trip as the events, so that the time does not show whether anybody was blocked.
        let all = [
            (&ADD_EVENTS, events),
            (&SET_LOGS, logs),
            (&WITHHOLD, withheld),
            (&NOTE_REACHED, reached),
            (&ADD_NOTICE, notice.into_iter().collect()),
        ];
        run_batches(self.engine, &all)?;
        let blocks = std::mem::take(&mut self.blocks);
        let row = |(by, id): &(AccountId, AccountId)| {
            [by.0, id.0, by.0.min(id.0), by.0.max(id.0)].map(Value::Int).to_vec()
        };
        for_each(self.engine, &KEEP_MARKS, blocks.iter().map(row))?;
        self.add_names()?;
        let outcomes = std::mem::take(&mut self.outcomes).into_iter().enumerate();
        let outcomes = outcomes
            .map(|(index, outcome)| outcome.or_else(|| self.first_answer(index)))
            .collect::<Option<_>>();
        let outcomes = outcomes.ok_or_else(|| lost("ref"))?;
        Ok((Committed { outcomes, events: self.committed }, is_announced))
    }

    /// The time of a new entry in each of these conversations: not before the last entry that is there.
    pub(super) fn times_in(&mut self, conversations: BTreeSet<i64>) -> Result<HashMap<i64, i64>> {
        let mut times: HashMap<_, _> = conversations.iter().map(|id| (*id, self.at)).collect();
        if self.policy.follows_later {
            let rows = conversations.into_iter().map(|id| vec![Value::Int(id)]).collect();
            for row in ask(self.engine, &FIND_LAST, rows)? {
                times.insert(row.int(0)?, row.maybe_int(1)?.unwrap_or(0).max(self.at));
            }
        }
        Ok(times)
    }

    /// As [`BatchContext::times_in`], for one conversation.
    pub(super) fn time_in(&mut self, conversation: i64) -> Result<i64> {
        let times = self.times_in(BTreeSet::from([conversation]))?;
        Ok(times.get(&conversation).copied().unwrap_or(self.at))
    }

    pub(super) fn record_outcome(&mut self, index: usize, outcome: Outcome) {
        self.outcomes[index] = Some(outcome);
    }

    /// Whether a submission has its outcome already, because it is a repeat.
    pub(super) fn has_outcome(&self, index: usize) -> bool {
        self.outcomes[index].is_some()
    }

    /// Claims the submission's `ref` for an entry. False if an earlier submission of the batch has it, whose reply it gets.
    pub(super) fn claim_ref(&mut self, index: usize) -> bool {
        let Some(reference) = self.reference(index) else { return true };
        *self.refs.entry((self.submissions[index].by, reference)).or_insert(index) == index
    }

    /// The `ref` that the entry of this submission keeps. A deleted account keeps none: it has no log to lock, so two nodes could
    /// store the same `ref`.
    pub(super) fn reference(&self, index: usize) -> Option<&'a str> {
        let submission = &self.submissions[index];
        submission
            .reference
            .as_deref()
            .filter(|_| submission.operation.is_entry() && self.has_log(submission.by))
    }

    /// Releases the submission's `ref`, because it made no entry.
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

    /// The message that a submission refers to, if the submitter can see it.
    pub(super) fn target(&self, index: usize) -> Option<&TargetMessage> {
        self.targets.get(&index)
    }

    /// Later submissions of `by` in the batch do not see these messages.
    pub(super) fn forget_targets(
        &mut self,
        by: AccountId,
        is_hidden: impl Fn(&TargetMessage) -> bool,
    ) {
        let submissions = self.submissions;
        self.targets.retain(|index, target| submissions[*index].by != by || !is_hidden(target));
    }

    /// Later submissions of the batch see this message as deleted.
    pub(super) fn note_deletion(&mut self, id: MessageId) {
        for target in self.targets.values_mut().filter(|target| target.id == id) {
            target.deleted = true;
        }
    }

    /// The reply to the first submission with the same `ref`.
    fn first_answer(&self, index: usize) -> Option<Outcome> {
        let submission = &self.submissions[index];
        let first = self.refs.get(&(submission.by, self.reference(index)?))?;
        let news = self.committed.iter().find(|news| news.submission == Some(*first))?;
        let (_, seq) = news.to.iter().find(|(account, _)| *account == submission.by)?;
        Some(Outcome::Repeat(news.body.clone(), *seq))
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
    pub(super) fn note_repeats(&mut self, rows: Vec<Row>) -> Result<()> {
        for mut row in rows {
            let (index, seq) = (row.int(0)? as usize, Seq(row.int(1)?));
            let first = entry(&mut row, 2)?.ok_or_else(|| lost("ref"))?;
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
    static FIND_LAST: BatchStatement = for_each_row!(
        r(conversation bigint),
        "select r.conversation, (select m.at from message m where m.id = (select e.message from entry e \
         where e.conversation = r.conversation order by e.message desc limit 1)) from r"
    );

    /// To be run once the logs of the senders are locked: from then on nobody else can store the same `ref`.
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
