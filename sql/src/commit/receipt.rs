//! Receipts: how far an account has received its log and read its conversations, and who is told.
//!
//! A member's row keeps one message number for each of the two; a sender is told only of messages of its own, and the
//! highest of them stands for all before it.

use std::collections::{BTreeMap, HashMap, HashSet};

use wire::{AccountId, MessageId};

use super::ledger::Ledger;
use super::whole::Groups;
use super::{Deed, Outcome, Refusal};
use crate::Result;
use crate::engine::{Engine, ForEach, Row, Type, Value};
use crate::event::{Kind, Receipt, What};

/// What a batch's receipts are about.
#[derive(Default)]
pub(super) struct Receipts {
    /// How far each account has received its log.
    acknowledged: BTreeMap<AccountId, i64>,
    delivered: Vec<Progress>,
    /// How far each account has read each conversation, and which act says so.
    positions: BTreeMap<(AccountId, i64), (MessageId, usize)>,
    read: Vec<Progress>,
}

/// Somebody has come to a message of `sender`.
#[derive(Clone, Copy)]
struct Progress {
    by: AccountId,
    conversation: i64,
    sender: AccountId,
    id: MessageId,
    is_group: bool,
}

impl Receipts {
    /// Whose logs may get a receipt.
    pub(super) fn senders(&self) -> impl Iterator<Item = AccountId> {
        self.delivered.iter().chain(&self.read).map(|progress| progress.sender)
    }
}

static FIND_DELIVERED: ForEach = ForEach {
    // By `not exists` PostgreSQL would look at all members of a group for each event. `cross` keeps SQLite from writing the
    // events down before it looks at their messages.
    sql: "select r.account, m.conversation, m.sender, max(m.id), \
          max(case when m.recipient is null then 1 else 0 end) \
          from {rows} cross join event e cross join message m cross join member s \
          where e.account = r.account and e.seq > r.since and e.seq <= r.seq and e.kind = 1 \
          and m.id = e.message and m.kind = 0 and m.sender <> r.account \
          and s.conversation = m.conversation and s.account = r.account and s.delivered < m.id \
          and not exists (select 1 from withheld w where w.message = m.id and w.account = r.account) \
          and not exists (select 1 from block b where (b.blocked = r.account and b.account = m.sender) \
          or (b.blocked = m.sender and b.account = r.account)) \
          group by r.account, m.conversation, m.sender",
    columns: &[("account", Type::Int), ("since", Type::Int), ("seq", Type::Int)],
};

static FIND_READ: ForEach = ForEach {
    // With `member` in it PostgreSQL would read all of the conversation.
    sql: "select r.account, r.conversation, e.sender, max(e.message), r.is_group from {rows} cross join entry e \
          where e.conversation = r.conversation and e.message > r.since and e.message <= r.message \
          and e.kind = 0 and e.sender <> r.account \
          and not exists (select 1 from withheld w where w.message = e.message and w.account = r.account) \
          and not exists (select 1 from block b where (b.blocked = r.account and b.account = e.sender) \
          or (b.blocked = e.sender and b.account = r.account)) \
          group by r.account, r.conversation, e.sender, r.is_group",
    columns: &[
        ("account", Type::Int),
        ("conversation", Type::Int),
        ("since", Type::Int),
        ("message", Type::Int),
        ("is_group", Type::Int),
    ],
};

/// Looks up what the batch's receipts are about.
pub(super) fn find(ledger: &mut Ledger<'_>) -> Result<Receipts> {
    let mut receipts = Receipts::default();
    for (place, act) in ledger.acts.iter().enumerate() {
        match (&act.deed, ledger.target(place)) {
            (Deed::Received { seq }, _) => {
                let furthest = receipts.acknowledged.entry(act.by).or_default();
                *furthest = seq.0.max(*furthest);
            }
            (Deed::Read { id }, Some(target)) => {
                let key = (act.by, target.conversation);
                let furthest = receipts.positions.entry(key).or_insert((*id, place));
                *furthest = (*id, place).max(*furthest);
            }
            _ => {}
        }
    }
    receipts.delivered = delivered(ledger.engine, &receipts.acknowledged)?;
    receipts.read = read(ledger, &receipts.positions)?;
    Ok(receipts)
}

// SQLite looks for a range in a view only where it knows its ends, so these are looked up before what lies between.

static FIND_ACKNOWLEDGED: ForEach = ForEach {
    sql: "select account, acknowledged from log where account in (select r.account from {rows})",
    columns: &[("account", Type::Int)],
};

fn delivered(
    engine: &mut dyn Engine,
    acknowledged: &BTreeMap<AccountId, i64>,
) -> Result<Vec<Progress>> {
    let rows: Vec<_> = acknowledged.keys().map(|account| vec![Value::Int(account.0)]).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::with_capacity(rows.len());
    for row in engine.run_for_each(&FIND_ACKNOWLEDGED, &rows)? {
        let (account, since) = (row.int(0)?, row.int(1)?);
        let upto = acknowledged.get(&AccountId(account)).filter(|upto| **upto > since);
        ranges.extend(upto.map(|upto| [account, since, *upto].map(Value::Int).to_vec()));
    }
    progress(engine, &FIND_DELIVERED, &ranges)
}

static FIND_POSITIONS: ForEach = ForEach {
    sql: "select s.account, s.conversation, s.read, s.since from {rows} join member s \
          on s.conversation = r.conversation and s.account = r.account where s.until is null",
    columns: &[("conversation", Type::Int), ("account", Type::Int)],
};

fn read(
    ledger: &mut Ledger<'_>,
    positions: &BTreeMap<(AccountId, i64), (MessageId, usize)>,
) -> Result<Vec<Progress>> {
    let row = |(account, conversation): &(AccountId, i64)| {
        vec![Value::Int(*conversation), Value::Int(account.0)]
    };
    let rows: Vec<_> = positions.keys().map(row).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::with_capacity(rows.len());
    for row in ledger.engine.run_for_each(&FIND_POSITIONS, &rows)? {
        let (account, conversation) = (row.int(0)?, row.int(1)?);
        let since = row.int(2)?.max(row.int(3)?);
        if let Some((upto, place)) = positions.get(&(AccountId(account), conversation)) {
            let is_group = ledger.target(*place).is_some_and(|target| target.recipient.is_none());
            let range = [account, conversation, since, upto.0, is_group.into()];
            ranges.push(range.map(Value::Int).to_vec());
        }
    }
    progress(ledger.engine, &FIND_READ, &ranges)
}

fn progress(
    engine: &mut dyn Engine,
    statement: &'static ForEach,
    rows: &[Vec<Value<'_>>],
) -> Result<Vec<Progress>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let turn = |row: &Row| {
        Ok(Progress {
            by: AccountId(row.int(0)?),
            conversation: row.int(1)?,
            sender: AccountId(row.int(2)?),
            id: MessageId(row.int(3)?),
            is_group: row.int(4)? != 0,
        })
    };
    let mut found: Vec<Progress> =
        engine.run_for_each(statement, rows)?.iter().map(turn).collect::<Result<_>>()?;
    // The engines answer in any order; who is told of two messages is told of the earlier one first.
    found.sort_unstable_by_key(|progress| (progress.id, progress.by));
    Ok(found)
}

/// Writes the receipts down and tells the senders.
pub(super) fn store(ledger: &mut Ledger<'_>, receipts: &Receipts) -> Result<()> {
    settle(ledger, receipts);
    let highest = highest(receipts.delivered.iter().map(|it| ((it.by, it.conversation), it.id)));
    let advanced = advance(ledger.engine, &ADVANCE_DELIVERED, &highest)?;
    tell(ledger, &receipts.delivered, &advanced, false)?;
    receipts.acknowledged.iter().for_each(|(account, seq)| ledger.acknowledge(*account, *seq));

    let highest: HashMap<_, _> =
        receipts.positions.iter().map(|(key, (id, _))| (*key, *id)).collect();
    let advanced = advance(ledger.engine, &ADVANCE_READ, &highest)?;
    for ((by, conversation), (id, place)) in &receipts.positions {
        if advanced.contains(&(*by, *conversation)) {
            let what = What::Read(Receipt { id: *id, by: *by, all: false });
            ledger.tell([*by], (Kind::Read, Some(*id), Some(*by)), what, Some(*place));
        }
    }
    tell(ledger, &receipts.read, &advanced, true)
}

/// What becomes of each receipt unless it turns out to be news.
fn settle(ledger: &mut Ledger<'_>, receipts: &Receipts) {
    for (place, act) in ledger.acts.iter().enumerate() {
        let outcome = match act.deed {
            Deed::Received { .. } | Deed::Read { .. } if !ledger.has_log(act.by) => {
                Outcome::Refused(Refusal::GONE)
            }
            Deed::Received { .. } => Outcome::Nothing,
            Deed::Read { .. } if ledger.target(place).is_none() => {
                Outcome::Refused(Refusal::NO_MESSAGE)
            }
            Deed::Read { .. } => Outcome::Nothing,
            _ => continue,
        };
        ledger.settle(place, outcome);
    }
    debug_assert!(receipts.positions.values().all(|(_, place)| ledger.is_settled(*place)));
}

/// Where somebody is in a conversation.
type Positions = HashMap<(AccountId, i64), MessageId>;

fn highest(all: impl Iterator<Item = ((AccountId, i64), MessageId)>) -> Positions {
    let mut highest = Positions::new();
    for (key, id) in all {
        let so_far = highest.entry(key).or_insert(id);
        *so_far = id.max(*so_far);
    }
    highest
}

macro_rules! advance {
    ($column:literal) => {
        ForEach {
            sql: concat!(
                "update member set ",
                $column,
                " = r.message from {rows} \
                 where member.conversation = r.conversation and member.account = r.account \
                 and member.",
                $column,
                " < r.message returning member.account, member.conversation"
            ),
            columns: &[("conversation", Type::Int), ("account", Type::Int), ("message", Type::Int)],
        }
    };
}

static ADVANCE_DELIVERED: ForEach = advance!("delivered");
static ADVANCE_READ: ForEach = advance!("read");

/// Moves people forward; returns who has moved.
fn advance(
    engine: &mut dyn Engine,
    statement: &'static ForEach,
    positions: &Positions,
) -> Result<HashSet<(AccountId, i64)>> {
    let row = |((account, conversation), id): (&(AccountId, i64), &MessageId)| {
        vec![Value::Int(*conversation), Value::Int(account.0), Value::Int(id.0)]
    };
    let rows: Vec<_> = positions.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let moved = engine.run_for_each(statement, &rows)?;
    moved.iter().map(|row| Ok((AccountId(row.int(0)?), row.int(1)?))).collect()
}

/// Tells the senders of messages that somebody has now come to; in a group only those who are still in it.
fn tell(
    ledger: &mut Ledger<'_>,
    all: &[Progress],
    advanced: &HashSet<(AccountId, i64)>,
    is_read: bool,
) -> Result<()> {
    let moved = || all.iter().filter(|it| advanced.contains(&(it.by, it.conversation)));
    let in_groups = moved().filter(|it| it.is_group).map(|it| (it.conversation, it.id)).collect();
    let groups = Groups::find(ledger.engine, &in_groups, is_read)?;
    // One receipt says that everybody has come so far: the last of a batch.
    let key = |it: &Progress| (it.conversation, it.sender, it.id);
    let last: HashMap<_, _> = moved().map(|it| (key(it), it.by)).collect();
    for it in moved() {
        let mut is_whole = false;
        if it.is_group {
            let Some(seen) = groups.seen(it.conversation, it.sender, it.id) else { continue };
            is_whole = seen.by_all && last.get(&key(it)) == Some(&it.by);
            if seen.is_large && !is_whole {
                continue;
            }
        }
        let receipt = Receipt { id: it.id, by: it.by, all: is_whole };
        let (kind, what) = match (is_read, is_whole) {
            (false, false) => (Kind::Delivered, What::Delivered(receipt)),
            (false, true) => (Kind::DeliveredToAll, What::Delivered(receipt)),
            (true, false) => (Kind::Read, What::Read(receipt)),
            (true, true) => (Kind::ReadByAll, What::Read(receipt)),
        };
        ledger.tell([it.sender], (kind, Some(it.id), Some(it.by)), what, None);
    }
    Ok(())
}
