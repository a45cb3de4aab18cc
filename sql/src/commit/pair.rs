//! The conversation of two people. It is made when it is first needed.

use std::collections::{BTreeSet, HashMap};

use wire::{AccountId, To};

use super::{ask, for_each, lost};
use crate::Result;
use crate::engine::{Engine, ForEach, Row, Rows, Type, Value};

/// Two people, the lower account first.
pub(super) type Pair = (i64, i64);

/// What they share.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    /// Their conversation.
    pub(super) conversation: i64,
    /// Who of them has blocked the other.
    blockers: [Option<i64>; 2],
}

impl Shared {
    /// Whether this one of them has blocked the other.
    pub(super) fn is_blocker(&self, account: AccountId) -> bool {
        self.blockers.contains(&Some(account.0))
    }
}

/// The pair that `by` is with whom it writes to; nothing in a group.
pub(super) fn pair(by: AccountId, to: To) -> Option<Pair> {
    match to {
        To::Account(account) => Some((by.0.min(account.0), by.0.max(account.0))),
        To::Group(_) => None,
    }
}

/// To be run when the logs of both are locked: who blocks locks its own as well.
pub(super) static FIND_PAIRS: ForEach = ForEach {
    sql: "select c.low, c.high, c.id, \
          (select b.account from block b where b.blocked = r.high and b.account = r.low), \
          (select b.account from block b where b.blocked = r.low and b.account = r.high) \
          from {rows} join conversation c on c.low = r.low and c.high = r.high",
    columns: PAIR,
};

static ADD_CONVERSATIONS: ForEach = ForEach {
    sql: "insert into conversation (low, high) {values} on conflict (low, high) do nothing",
    columns: PAIR,
};

const PAIR: &[(&str, Type)] = &[("low", Type::Int), ("high", Type::Int)];

static ADD_PEOPLE: ForEach = ForEach {
    sql: "insert into member (conversation, account) {values} on conflict (conversation, account) do nothing",
    columns: &[("conversation", Type::Int), ("account", Type::Int)],
};

/// What these two share.
pub(super) fn shared(engine: &mut dyn Engine, by: AccountId, other: AccountId) -> Result<Shared> {
    let pairs = BTreeSet::from_iter(pair(by, To::Account(other)));
    let rows = ask(engine, &FIND_PAIRS, rows(&pairs))?;
    let found = complete(engine, pairs, &rows)?;
    found.into_values().next().ok_or_else(|| lost("conversation"))
}

/// The rows for [`FIND_PAIRS`].
pub(super) fn rows<'p>(pairs: impl IntoIterator<Item = &'p Pair>) -> Rows<'static> {
    pairs.into_iter().map(|(low, high)| vec![Value::Int(*low), Value::Int(*high)]).collect()
}

/// What each of `pairs` shares, of which [`FIND_PAIRS`] has answered with `rows`: the conversations that are missing are made.
pub(super) fn complete(
    engine: &mut dyn Engine,
    mut pairs: BTreeSet<Pair>,
    rows: &[Row],
) -> Result<HashMap<Pair, Shared>> {
    let mut found = HashMap::with_capacity(pairs.len());
    add(&mut found, rows)?;
    pairs.retain(|pair| !found.contains_key(pair));
    if pairs.is_empty() {
        return Ok(found);
    }
    for_each(engine, &ADD_CONVERSATIONS, self::rows(&pairs))?;
    add(&mut found, &ask(engine, &FIND_PAIRS, self::rows(&pairs))?)?;
    let mut people = Vec::with_capacity(2 * pairs.len());
    for pair in &pairs {
        let conversation = found.get(pair).ok_or_else(|| lost("conversation"))?.conversation;
        people.push(vec![Value::Int(conversation), Value::Int(pair.0)]);
        if pair.0 != pair.1 {
            people.push(vec![Value::Int(conversation), Value::Int(pair.1)]);
        }
    }
    for_each(engine, &ADD_PEOPLE, people)?;
    Ok(found)
}

fn add(found: &mut HashMap<Pair, Shared>, rows: &[Row]) -> Result<()> {
    for row in rows {
        let blockers = [row.maybe_int(3)?, row.maybe_int(4)?];
        let shared = Shared { conversation: row.int(2)?, blockers };
        found.insert((row.int(0)?, row.int(1)?), shared);
    }
    Ok(())
}
