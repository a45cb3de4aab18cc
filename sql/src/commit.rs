//! Group commit: what many connections want stored, in one transaction.

use std::collections::{BTreeMap, HashMap};

use wire::limit::SESSION_LIFE_MS;
use wire::{AccountId, MessageId, Seq, SessionId};

use crate::engine::{Engine, ForEach, Row, Type, Value};
use crate::{Error, Result, Store};

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct Post {
    /// Who sends it.
    pub from: AccountId,
    /// Who is to have it; may be the sender.
    pub to: AccountId,
    /// Its text.
    pub content: String,
    /// The sender's name for it, unique among the sender's messages.
    pub reference: Option<String>,
}

/// A device has everything up to `seq`.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement {
    /// Whose log.
    pub account: AccountId,
    /// Up to where; beyond the head it means the head.
    pub seq: Seq,
}

/// What is to be stored together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Messages, in the order in which they get their ids.
    pub posts: Vec<Post>,
    /// Acknowledgements, in any order.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Sessions seen to be in use at the batch's time: they end [`SESSION_LIFE_MS`] later.
    pub uses: Vec<SessionId>,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The message.
    pub id: MessageId,
    /// When it was taken, in milliseconds.
    pub at: i64,
    /// Its place in the sender's log.
    pub sender_seq: Seq,
    /// Its place in the receiver's log; the same if the sender wrote to itself.
    pub recipient_seq: Seq,
}

/// What became of one [`Post`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored now.
    Stored(Stored),
    /// This `ref` was stored before: the first answer. (Its `recipient_seq` is not looked up again, and is 0.)
    Repeat(Stored),
    /// There is no such receiver, or it is deleted.
    NoRecipient,
    /// The sender was deleted meanwhile.
    NoSender,
}

/// The kind of an event that is a message.
pub(crate) const KIND_MESSAGE: i64 = 1;

impl Store {
    /// Stores `batch` in one transaction and says what became of each post, in order.
    ///
    /// `at` is the time it carries, in milliseconds. Each account's log stays without a hole whoever else writes.
    ///
    /// # Errors
    /// None of the batch is stored, except that [`crate::Error::InDoubt`] leaves it open.
    pub fn commit(&self, batch: &Batch, at: i64) -> Result<Vec<Outcome>> {
        // Two nodes may store the same ref at once: the loser finds it on its second try.
        let again = |error| match error {
            Error::Conflict => self.write_messages(|engine| commit(engine, batch, at)),
            error => Err(error),
        };
        self.write_messages(|engine| commit(engine, batch, at)).or_else(again)
    }
}

fn commit(engine: &mut dyn Engine, batch: &Batch, at: i64) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![None; batch.posts.len()];
    find_repeats(engine, batch, &mut outcomes)?;
    let mut heads = lock_logs(engine, batch, &outcomes)?;
    let fresh = number(batch, at, &mut heads, &mut outcomes);
    if !fresh.is_empty() {
        insert(engine, batch, at, &fresh, &mut outcomes)?;
        let rows: Vec<_> = heads
            .iter()
            .map(|(account, head)| vec![Value::Int(*account), Value::Int(*head)])
            .collect();
        engine.run_for_each(&SET_HEADS, &rows)?;
    }
    acknowledge(engine, &batch.acknowledgements)?;
    note_uses(engine, &batch.uses, at)?;
    resolve(batch, outcomes)
}

static FIND_REPEATS: ForEach = ForEach {
    sql: "select r.place, m.id, m.at, m.seq from {rows} join message m on m.sender = r.sender and m.ref = r.ref",
    columns: &[("place", Type::Int), ("sender", Type::Int), ("ref", Type::Text)],
};

fn find_repeats(
    engine: &mut dyn Engine,
    batch: &Batch,
    outcomes: &mut [Option<Outcome>],
) -> Result<()> {
    let rows: Vec<_> = (0..)
        .zip(&batch.posts)
        .filter_map(|(place, post)| {
            let reference = Value::Text(post.reference.as_deref()?);
            Some(vec![Value::Int(place), Value::Int(post.from.0), reference])
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    for row in engine.run_for_each(&FIND_REPEATS, &rows)? {
        let stored = Stored {
            id: MessageId(row.int(1)?),
            at: row.int(2)?,
            sender_seq: Seq(row.int(3)?),
            recipient_seq: Seq(0),
        };
        outcomes[place(&row)?] = Some(Outcome::Repeat(stored));
    }
    Ok(())
}

fn place(row: &Row) -> Result<usize> {
    Ok(row.int(0)? as usize)
}

static LOCK_LOGS: ForEach = ForEach {
    sql: "select account, head from log where account in (select r.account from {rows}) order by account {lock}",
    columns: &[("account", Type::Int)],
};

/// Locks the logs of everybody in the batch, always in the same order so that nodes cannot block each other in a circle.
/// Deleted accounts have no log, so they are missing from the answer.
fn lock_logs(
    engine: &mut dyn Engine,
    batch: &Batch,
    outcomes: &[Option<Outcome>],
) -> Result<BTreeMap<i64, i64>> {
    let fresh = batch.posts.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_none());
    let mut accounts: Vec<i64> = fresh.flat_map(|(post, _)| [post.from.0, post.to.0]).collect();
    accounts.extend(batch.acknowledgements.iter().map(|one| one.account.0));
    accounts.sort_unstable();
    accounts.dedup();
    let rows: Vec<_> = accounts.into_iter().map(|account| vec![Value::Int(account)]).collect();
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    engine
        .run_for_each(&LOCK_LOGS, &rows)?
        .iter()
        .map(|row| Ok((row.int(0)?, row.int(1)?)))
        .collect()
}

/// Gives each fresh post its places in the logs. Returns which posts are fresh: neither repeats nor without a receiver.
fn number(
    batch: &Batch,
    at: i64,
    heads: &mut BTreeMap<i64, i64>,
    outcomes: &mut [Option<Outcome>],
) -> Vec<usize> {
    let mut refs = HashMap::new();
    let mut fresh = Vec::with_capacity(batch.posts.len());
    for (place, (post, outcome)) in batch.posts.iter().zip(outcomes).enumerate() {
        if outcome.is_some() {
            continue;
        }
        if !heads.contains_key(&post.from.0) {
            *outcome = Some(Outcome::NoSender);
            continue;
        }
        if !heads.contains_key(&post.to.0) {
            *outcome = Some(Outcome::NoRecipient);
            continue;
        }
        if let Some(reference) = &post.reference {
            // Twice in one batch: `resolve` gives the second the answer of the first.
            if refs.insert((post.from, reference), place).is_some() {
                continue;
            }
        }
        let mut next = |account: AccountId| {
            let head = heads.entry(account.0).or_default();
            *head += 1;
            Seq(*head)
        };
        let sender_seq = next(post.from);
        let recipient_seq = if post.from == post.to { sender_seq } else { next(post.to) };
        let stored = Stored { id: MessageId(0), at, sender_seq, recipient_seq };
        *outcome = Some(Outcome::Stored(stored));
        fresh.push(place);
    }
    fresh
}

static FIND_CONVERSATIONS: ForEach = ForEach {
    sql: "select c.low, c.high, c.id from {rows} join conversation c on c.low = r.low and c.high = r.high",
    columns: &[("low", Type::Int), ("high", Type::Int)],
};

static ADD_CONVERSATIONS: ForEach = ForEach {
    sql: "insert into conversation (low, high) select r.low, r.high from {rows} where true \
          on conflict (low, high) do nothing",
    columns: &[("low", Type::Int), ("high", Type::Int)],
};

static ADD_MESSAGES: ForEach = ForEach {
    sql: "insert into message (conversation, sender, recipient, content, at, ref, seq) \
          select r.conversation, r.sender, r.recipient, r.content, r.at, r.ref, r.seq from {rows} \
          returning sender, seq, id",
    columns: &[
        ("conversation", Type::Int),
        ("sender", Type::Int),
        ("recipient", Type::Int),
        ("content", Type::Text),
        ("at", Type::Int),
        ("ref", Type::Text),
        ("seq", Type::Int),
    ],
};

static ADD_EVENTS: ForEach = ForEach {
    sql: "insert into event (account, seq, kind, message) \
          select r.account, r.seq, r.kind, r.message from {rows}",
    columns: &[
        ("account", Type::Int),
        ("seq", Type::Int),
        ("kind", Type::Int),
        ("message", Type::Int),
    ],
};

static SET_HEADS: ForEach = ForEach {
    sql: "update log set head = r.head from {rows} where log.account = r.account",
    columns: &[("account", Type::Int), ("head", Type::Int)],
};

/// Inserts the fresh posts and their events, and fills in the ids.
fn insert(
    engine: &mut dyn Engine,
    batch: &Batch,
    at: i64,
    fresh: &[usize],
    outcomes: &mut [Option<Outcome>],
) -> Result<()> {
    let conversations =
        conversations(engine, fresh.iter().map(|place| pair(&batch.posts[*place])))?;
    let mut messages = Vec::with_capacity(fresh.len());
    let mut by_seq = HashMap::with_capacity(fresh.len());
    for place in fresh {
        let post = &batch.posts[*place];
        let Some(Outcome::Stored(stored)) = &outcomes[*place] else { continue };
        by_seq.insert((post.from.0, stored.sender_seq.0), *place);
        messages.push(vec![
            Value::Int(*conversations.get(&pair(post)).ok_or_else(|| lost("conversation"))?),
            Value::Int(post.from.0),
            Value::Int(post.to.0),
            Value::Text(&post.content),
            Value::Int(at),
            Value::maybe_text(post.reference.as_deref()),
            Value::Int(stored.sender_seq.0),
        ]);
    }
    let mut events = Vec::with_capacity(2 * fresh.len());
    for row in engine.run_for_each(&ADD_MESSAGES, &messages)? {
        let (sender, seq, id) = (row.int(0)?, row.int(1)?, row.int(2)?);
        let place = *by_seq.get(&(sender, seq)).ok_or_else(|| lost("message"))?;
        let Some(Outcome::Stored(stored)) = &mut outcomes[place] else { continue };
        stored.id = MessageId(id);
        let mut event = |account: i64, seq: Seq| {
            let kind = Value::Int(KIND_MESSAGE);
            events.push(vec![Value::Int(account), Value::Int(seq.0), kind, Value::Int(id)]);
        };
        event(sender, stored.sender_seq);
        let recipient = batch.posts[place].to.0;
        if recipient != sender {
            event(recipient, stored.recipient_seq);
        }
    }
    engine.run_for_each(&ADD_EVENTS, &events).map(drop)
}

fn lost(what: &str) -> Error {
    Error::Broken(format!("a {what} that was just written is not there"))
}

/// The two people of a post, the lower id first.
fn pair(post: &Post) -> (i64, i64) {
    (post.from.0.min(post.to.0), post.from.0.max(post.to.0))
}

/// Finds the conversation of each pair, or makes it.
fn conversations(
    engine: &mut dyn Engine,
    pairs: impl Iterator<Item = (i64, i64)>,
) -> Result<HashMap<(i64, i64), i64>> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut found = HashMap::with_capacity(pairs.len());
    for statement in [None, Some(&ADD_CONVERSATIONS)] {
        let missing: Vec<_> = pairs
            .iter()
            .filter(|pair| !found.contains_key(*pair))
            .map(|(low, high)| vec![Value::Int(*low), Value::Int(*high)])
            .collect();
        if missing.is_empty() {
            break;
        }
        if let Some(statement) = statement {
            engine.run_for_each(statement, &missing)?;
        }
        for row in engine.run_for_each(&FIND_CONVERSATIONS, &missing)? {
            found.insert((row.int(0)?, row.int(1)?), row.int(2)?);
        }
    }
    Ok(found)
}

static ACKNOWLEDGE: ForEach = ForEach {
    sql: "update log set acknowledged = case when r.seq < head then r.seq else head end from {rows} \
          where log.account = r.account and acknowledged < r.seq and acknowledged < head",
    columns: &[("account", Type::Int), ("seq", Type::Int)],
};

fn acknowledge(engine: &mut dyn Engine, all: &[Acknowledgement]) -> Result<()> {
    // One row an account; `lock_logs` has locked them all.
    let mut furthest = BTreeMap::<i64, i64>::new();
    for one in all {
        let seq = furthest.entry(one.account.0).or_default();
        *seq = one.seq.0.max(*seq);
    }
    let rows: Vec<_> = furthest
        .iter()
        .map(|(account, seq)| vec![Value::Int(*account), Value::Int(*seq)])
        .collect();
    if rows.is_empty() { Ok(()) } else { engine.run_for_each(&ACKNOWLEDGE, &rows).map(drop) }
}

static NOTE_USES: ForEach = ForEach {
    sql: "update session set seen_at = r.at, expires_at = r.expires_at from {rows} \
          where session.id = r.session and seen_at < r.at",
    columns: &[("session", Type::Int), ("at", Type::Int), ("expires_at", Type::Int)],
};

fn note_uses(engine: &mut dyn Engine, uses: &[SessionId], at: i64) -> Result<()> {
    let row = |session: &SessionId| {
        vec![Value::Int(session.0), Value::Int(at), Value::Int(at + SESSION_LIFE_MS)]
    };
    let rows: Vec<_> = uses.iter().map(row).collect();
    if rows.is_empty() { Ok(()) } else { engine.run_for_each(&NOTE_USES, &rows).map(drop) }
}

/// Gives those that stood twice in the batch the answer of the first.
fn resolve(batch: &Batch, outcomes: Vec<Option<Outcome>>) -> Result<Vec<Outcome>> {
    let mut firsts = HashMap::new();
    let mut resolved = Vec::with_capacity(outcomes.len());
    for (post, outcome) in batch.posts.iter().zip(outcomes) {
        let key = (post.from, post.reference.as_deref());
        if let Some(Outcome::Stored(stored)) = outcome {
            firsts.insert(key, stored);
        }
        // Only a second post of a `ref` stored in this batch has been left open.
        let repeat = || firsts.get(&key).map(|first| Outcome::Repeat(*first));
        resolved.push(outcome.or_else(repeat).ok_or_else(|| lost("ref"))?);
    }
    Ok(resolved)
}
