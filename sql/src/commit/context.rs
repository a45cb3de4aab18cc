//! What a batch works on: the logs and groups that it touches, found, locked and kept in memory until they are written back.
//!
//! Lock order, also of whoever deletes an account: groups by number, logs by account, then the rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wire::{AccountId, GroupId, MessageId, Seq};

use super::group_state::{self, GroupState, LOCK_GROUPS, Membership};
use super::receipt::{self, BatchReceipts, FIND_DELIVERED, FIND_READ};
use super::{
    Batch, CommitPolicy, Committed, CommittedEvent, Operation, Outcome, Submission, ask, for_each,
    lost,
};
use crate::Result;
use crate::engine::{Engine, ForEach, Row, Rows, Type, Value, run_all};
use crate::entry::{REQUEST, columns, entry};
use crate::event::{EventBody, EventKind};
use crate::log::LOCK_LOGS;

pub(super) struct BatchContext<'a> {
    pub(super) engine: &'a mut dyn Engine,
    /// The batch's time, in milliseconds.
    pub(super) at: i64,
    pub(super) submissions: &'a [Submission],
    /// What the operator has set.
    pub(super) policy: CommitPolicy,
    outcomes: Vec<Option<Outcome>>,
    /// By account; deleted ones have none.
    logs: BTreeMap<i64, LogRow>,
    groups: BTreeMap<i64, GroupState>,
    /// The message that an submission is about, by the submission's place; not there if who submissions cannot see it.
    targets: HashMap<usize, TargetMessage>,
    /// Who used which `ref` for an entry first in this batch.
    refs: HashMap<(AccountId, &'a str), usize>,
    event_rows: Vec<Vec<Value<'static>>>,
    /// Entries that a block withholds from somebody.
    withheld: Rows<'static>,
    /// Who has blocked whom in this batch.
    blocks: Vec<(AccountId, AccountId)>,
    /// Who has blocked whom, as far as it has been looked up for who says or does something.
    blocked: BTreeSet<(AccountId, AccountId)>,
    /// Who has blocked whom, and reaches it all the same, and when last.
    reached: BTreeMap<(AccountId, AccountId), i64>,
    committed: Vec<CommittedEvent>,
}

/// Where an account's log stands.
struct LogRow {
    /// The last event before this batch.
    stored: i64,
    /// The last event.
    head: i64,
    /// The last event that a device has acknowledged.
    acknowledged: i64,
    /// Bytes of text that the account has sent and that are kept.
    bytes: i64,
    /// How many groups the account is in.
    groups: i64,
    is_changed: bool,
}

/// A message that somebody does something about.
#[derive(Clone)]
pub(super) struct TargetMessage {
    pub(super) id: MessageId,
    pub(super) conversation: i64,
    pub(super) from: AccountId,
    /// `None`: it is in a group.
    pub(super) recipient: Option<AccountId>,
    pub(super) at: i64,
    pub(super) deleted: bool,
    /// Whether it came as a message request.
    pub(super) request: bool,
}

impl LogRow {
    /// Its row for [`SET_LOGS`].
    fn row(&self, account: i64) -> Vec<Value<'static>> {
        [account, self.head, self.acknowledged, self.bytes, self.groups].map(Value::Int).to_vec()
    }
}

impl<'a> BatchContext<'a> {
    /// Finds and locks everything that `batch` touches, also what its receipts are about.
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
            targets: HashMap::new(),
            refs: HashMap::new(),
            event_rows: Vec::new(),
            withheld: Vec::new(),
            blocks: Vec::new(),
            blocked: BTreeSet::new(),
            reached: BTreeMap::new(),
            committed: Vec::new(),
        };
        let acknowledged = receipt::acknowledged(submissions);
        let all = [
            (&FIND_TARGETS, target_rows(submissions)),
            (&FIND_DELIVERED, receipt::delivered_rows(&acknowledged)),
        ];
        let [targets, delivered] = run_all(ctx.engine, &all)?;
        ctx.note_targets(&targets)?;
        let positions = receipt::positions(&ctx);
        let all =
            [(&LOCK_GROUPS, ctx.group_rows()), (&FIND_READ, receipt::read_rows(&ctx, &positions))];
        let [groups, read] = run_all(ctx.engine, &all)?;
        ctx.groups = group_state::complete(ctx.engine, submissions, groups)?;
        let receipts = BatchReceipts::new(acknowledged, &delivered, positions, &read)?;
        let mut accounts: BTreeSet<i64> = receipts.senders().map(|account| account.0).collect();
        accounts.extend(batch.disconnections.iter().map(|(account, _)| account.0));
        ctx.lock_logs(accounts)?;
        // Those of posts are looked up with their conversations.
        let others = (0..submissions.len())
            .filter(|index| !matches!(submissions[*index].operation, Operation::Post { .. }));
        let rows = ctx.repeat_rows(others);
        let repeats = ask(ctx.engine, &FIND_REPEATS, rows)?;
        ctx.note_repeats(repeats)?;
        Ok((ctx, receipts))
    }

    /// Writes events and logs back.
    pub(super) fn close(mut self) -> Result<Committed> {
        let changed = self.logs.iter().filter(|(_, log)| log.is_changed);
        let logs: Vec<_> = changed.map(|(account, log)| log.row(*account)).collect();
        let events = std::mem::take(&mut self.event_rows);
        let withheld = std::mem::take(&mut self.withheld);
        let reached = std::mem::take(&mut self.reached);
        let reach = |((by, id), at): ((AccountId, AccountId), i64)| {
            [by.0, id.0, at].map(Value::Int).to_vec()
        };
        let reached = reached.into_iter().map(reach).collect();
        // Together with what there is to write anyway, so that nobody has to wait longer whom somebody has blocked.
        let all = [
            (&ADD_EVENTS, events),
            (&SET_LOGS, logs),
            (&WITHHOLD, withheld),
            (&NOTE_REACHED, reached),
        ];
        run_all(self.engine, &all)?;
        let blocks = std::mem::take(&mut self.blocks);
        let row = |(by, id): &(AccountId, AccountId)| {
            [by.0, id.0, by.0.min(id.0), by.0.max(id.0)].map(Value::Int).to_vec()
        };
        for_each(self.engine, &KEEP_MARKS, blocks.iter().map(row))?;
        let outcomes = std::mem::take(&mut self.outcomes).into_iter().enumerate();
        let outcomes = outcomes
            .map(|(index, outcome)| outcome.or_else(|| self.first_answer(index)))
            .collect::<Option<_>>();
        Ok(Committed { outcomes: outcomes.ok_or_else(|| lost("ref"))?, events: self.committed })
    }

    /// When something that is stored now happens in each of these conversations: not before what is there already.
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

    /// The same, in one.
    pub(super) fn time_in(&mut self, conversation: i64) -> Result<i64> {
        let times = self.times_in(BTreeSet::from([conversation]))?;
        Ok(times.get(&conversation).copied().unwrap_or(self.at))
    }

    pub(super) fn record_outcome(&mut self, index: usize, outcome: Outcome) {
        self.outcomes[index] = Some(outcome);
    }

    /// Whether it is known what becomes of an submission: it is a repeat.
    pub(super) fn has_outcome(&self, index: usize) -> bool {
        self.outcomes[index].is_some()
    }

    /// Takes the submission's `ref` for an entry. False if the batch has an entry of that `ref` already, whose answer it gets.
    pub(super) fn claim_ref(&mut self, index: usize) -> bool {
        let Some(reference) = self.reference(index) else { return true };
        *self.refs.entry((self.submissions[index].by, reference)).or_insert(index) == index
    }

    /// The `ref` that an entry of this submission keeps. A deleted account has none: there is no log of it to lock, and so nothing that
    /// would keep two nodes from storing the same one.
    pub(super) fn reference(&self, index: usize) -> Option<&'a str> {
        let submission = &self.submissions[index];
        submission
            .reference
            .as_deref()
            .filter(|_| submission.operation.is_entry() && self.has_log(submission.by))
    }

    /// Gives the submission's `ref` back: it became no entry.
    pub(super) fn release_ref(&mut self, index: usize) {
        self.refs.retain(|_, first| *first != index);
    }

    /// Whether the account is there and not deleted.
    pub(super) fn has_log(&self, account: AccountId) -> bool {
        self.logs.contains_key(&account.0)
    }

    /// The next place in the account's log; nothing if it has none.
    pub(super) fn next(&mut self, account: AccountId) -> Option<Seq> {
        let log = self.logs.get_mut(&account.0)?;
        log.head += 1;
        log.is_changed = true;
        Some(Seq(log.head))
    }

    /// A device of the account has all events up to `seq`; what is beyond those that there were means those.
    pub(super) fn acknowledge(&mut self, account: AccountId, seq: i64) {
        let Some(log) = self.logs.get_mut(&account.0) else { return };
        let seq = seq.min(log.stored);
        if seq > log.acknowledged {
            log.acknowledged = seq;
            log.is_changed = true;
        }
    }

    /// Whether the account's quota has room for so many more bytes. A deleted account has no quota.
    pub(super) fn has_room(&self, account: AccountId, bytes: i64) -> bool {
        self.logs.get(&account.0).is_none_or(|log| log.bytes + bytes <= self.policy.quota)
    }

    /// The account has stored so many more bytes, or fewer.
    pub(super) fn add_bytes(&mut self, account: AccountId, bytes: i64) {
        let Some(log) = self.logs.get_mut(&account.0) else { return };
        log.bytes += bytes;
        log.is_changed = true;
    }

    /// How many groups the account is in.
    pub(super) fn groups(&self, account: AccountId) -> i64 {
        self.logs.get(&account.0).map_or(0, |log| log.groups)
    }

    /// The account has come into so many groups, or out of them.
    pub(super) fn add_groups(&mut self, account: AccountId, groups: i64) {
        let Some(log) = self.logs.get_mut(&account.0) else { return };
        log.groups += groups;
        log.is_changed = true;
    }

    /// Puts one event into several logs, at places that [`BatchContext::next`] gave.
    pub(super) fn tell_at(
        &mut self,
        to: Vec<(AccountId, Seq)>,
        (kind, message, other): (EventKind, Option<MessageId>, Option<AccountId>),
        body: EventBody,
        reply_of: Option<usize>,
    ) {
        for (account, seq) in &to {
            self.event_rows.push(vec![
                Value::Int(account.0),
                Value::Int(seq.0),
                Value::Int(kind as i64),
                message.map_or(Value::Null, |id| Value::Int(id.0)),
                other.map_or(Value::Null, |id| Value::Int(id.0)),
            ]);
        }
        if let Some(index) = reply_of {
            self.record_outcome(index, Outcome::Done);
        }
        self.committed.push(CommittedEvent { body, to, submission: reply_of });
    }

    /// Puts one event at the end of several logs.
    pub(super) fn tell(
        &mut self,
        accounts: impl IntoIterator<Item = AccountId>,
        about: (EventKind, Option<MessageId>, Option<AccountId>),
        body: EventBody,
        reply_of: Option<usize>,
    ) {
        let to = accounts.into_iter().filter_map(|account| Some((account, self.next(account)?)));
        let to = to.collect();
        self.tell_at(to, about, body, reply_of);
    }

    /// An entry is withheld from somebody, and so is everything in its conversation from `run` on.
    pub(super) fn note_withheld(
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
    pub(super) fn withhold(&mut self) -> Result<()> {
        let mut withheld = std::mem::take(&mut self.withheld);
        withheld.push([0; 4].map(Value::Int).to_vec());
        for_each(self.engine, &WITHHOLD, withheld)
    }

    /// `by` has blocked `id`: what `id` sees of how far it has come stays as it is at the end of this batch.
    pub(super) fn note_block(&mut self, by: AccountId, id: AccountId) {
        self.blocks.push((by, id));
        self.note_blocked(by, id);
    }

    /// It has not, after all.
    pub(super) fn forget_block(&mut self, by: AccountId, id: AccountId) {
        self.blocks.retain(|block| *block != (by, id));
    }

    /// `by` has blocked `id`.
    pub(super) fn note_blocked(&mut self, by: AccountId, id: AccountId) {
        self.blocked.insert((by, id));
    }

    /// What [`super::blocker::FIND_BLOCKED`] has answered.
    pub(super) fn note_all_blocked(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            self.note_blocked(AccountId(row.int(0)?), AccountId(row.int(1)?));
        }
        Ok(())
    }

    /// What `by` says or does, at `at`, reaches these. For those of them whom it has blocked it was here now, so that its last seen is not
    /// before what they have of it. Whom it has blocked is to be looked up before.
    pub(super) fn note_reached(
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

    /// A group that is locked.
    pub(super) fn group(&self, group: GroupId) -> Option<&GroupState> {
        self.groups.get(&group.0)
    }

    /// The same, to be changed.
    pub(super) fn group_mut(&mut self, group: GroupId) -> &mut GroupState {
        self.groups.entry(group.0).or_default()
    }

    /// What somebody is in a group.
    pub(super) fn membership(&self, group: GroupId, account: AccountId) -> Option<Membership> {
        self.groups.get(&group.0)?.members.get(&account).copied()
    }

    /// The message that an submission is about, if who submissions can see it.
    pub(super) fn target(&self, index: usize) -> Option<&TargetMessage> {
        self.targets.get(&index)
    }

    /// What is done to this message later in the batch is done to a deleted one.
    pub(super) fn note_deletion(&mut self, id: MessageId) {
        for target in self.targets.values_mut().filter(|target| target.id == id) {
            target.deleted = true;
        }
    }

    /// The answer to the first entry of the same `ref`.
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

    /// Settles the submissions that are repeats, as [`FIND_REPEATS`] has answered.
    pub(super) fn note_repeats(&mut self, rows: Vec<Row>) -> Result<()> {
        for mut row in rows {
            let (index, seq) = (row.int(0)? as usize, Seq(row.int(1)?));
            let first = entry(&mut row, 2)?.ok_or_else(|| lost("ref"))?;
            self.record_outcome(index, Outcome::Repeat(EventBody::Entry(first), seq));
        }
        Ok(())
    }

    fn note_targets(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            let target = TargetMessage {
                id: MessageId(row.int(1)?),
                conversation: row.int(2)?,
                from: AccountId(row.int(3)?),
                recipient: row.maybe_int(4)?.map(AccountId),
                at: row.int(5)?,
                deleted: row.int(6)? != 0,
                request: row.maybe_int(7)? == Some(REQUEST),
            };
            self.targets.insert(row.int(0)? as usize, target);
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

    fn lock_logs(&mut self, mut accounts: BTreeSet<i64>) -> Result<()> {
        for submission in self.submissions {
            accounts.insert(submission.by.0);
            accounts.extend(submission.operation.others().iter().map(|account| account.0));
        }
        for target in self.targets.values() {
            accounts.insert(target.from.0);
            accounts.extend(target.recipient.map(|account| account.0));
        }
        for group_state in self.groups.values() {
            accounts.extend(group_state.members.keys().map(|account| account.0));
            // If nobody is left in the group, they are invited no more.
            let ends = group_state.members.len() <= self.submissions.len();
            let invited = group_state.invitations.keys().filter(|_| ends);
            accounts.extend(invited.map(|account| account.0));
        }
        let rows = accounts.into_iter().map(|account| vec![Value::Int(account)]).collect();
        let logs = ask(self.engine, &LOCK_LOGS, rows)?;
        for row in logs {
            let (stored, acknowledged) = (row.int(1)?, row.int(2)?);
            let (bytes, groups) = (row.int(3)?, row.int(4)?);
            let log =
                LogRow { stored, head: stored, acknowledged, bytes, groups, is_changed: false };
            self.logs.insert(row.int(0)?, log);
        }
        Ok(())
    }
}

fn target_rows(submissions: &[Submission]) -> Rows<'static> {
    let row = |(index, submission): (i64, &Submission)| {
        let id = submission.operation.target()?;
        Some(vec![Value::Int(index), Value::Int(submission.by.0), Value::Int(id.0)])
    };
    (0..).zip(submissions).filter_map(row).collect()
}

/// The time of the last entry of a conversation.
static FIND_LAST: ForEach = ForEach {
    sql: "select r.conversation, (select m.at from message m where m.id = (select e.message from entry e \
          where e.conversation = r.conversation order by e.message desc limit 1)) from {rows}",
    columns: &[("conversation", Type::Int)],
};

/// To be run when the logs of the senders are locked: then there is nobody else who could store the same `ref`.
pub(super) static FIND_REPEATS: ForEach = ForEach {
    sql: concat!(
        "select r.submission, m.seq, ",
        columns!(),
        " from {rows} cross join reference k cross join message m \
         where k.sender = r.sender and k.ref = r.ref and m.id = k.message"
    ),
    columns: &[("submission", Type::Int), ("sender", Type::Int), ("ref", Type::Text)],
};

static FIND_TARGETS: ForEach = ForEach {
    // Joined with `member`, PostgreSQL may look at all members of a group.
    sql: "select r.submission, m.id, m.conversation, m.sender, m.recipient, m.at, m.deleted, m.subject from {rows} \
          join message m on m.id = r.message and m.kind = 0 \
          where (select m.id > s.since and (s.until is null or m.id <= s.until) from member s \
          where s.conversation = m.conversation and s.account = r.account) and not exists \
          (select 1 from withheld w where w.message = m.id and w.account = r.account)",
    columns: &[("submission", Type::Int), ("account", Type::Int), ("message", Type::Int)],
};

static ADD_EVENTS: ForEach = ForEach {
    sql: "insert into event (account, seq, kind, message, other) {values}",
    columns: &[
        ("account", Type::Int),
        ("seq", Type::Int),
        ("kind", Type::Int),
        ("message", Type::Int),
        ("other", Type::Int),
    ],
};

static SET_LOGS: ForEach = ForEach {
    sql: "update log set head = r.head, acknowledged = r.acknowledged, stored = r.stored, groups = r.groups from {rows} where log.account = r.account",
    columns: &[
        ("account", Type::Int),
        ("head", Type::Int),
        ("acknowledged", Type::Int),
        ("stored", Type::Int),
        ("groups", Type::Int),
    ],
};

static WITHHOLD: ForEach = ForEach {
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

static NOTE_REACHED: ForEach = ForEach {
    sql: "update block set seen_at = r.at from {rows} \
          where block.blocked = r.blocked and block.account = r.account and block.seen_at < r.at",
    columns: &[("account", Type::Int), ("blocked", Type::Int), ("at", Type::Int)],
};

/// In the conversation of the two, and in the groups that both are in or the other was in: as many as one account may be in, and
/// not all conversations of who blocks.
static KEEP_MARKS: ForEach = ForEach {
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
