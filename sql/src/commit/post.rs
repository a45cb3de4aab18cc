//! Things said, many at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use wire::{AccountId, MessageId, Seq, To};

use super::ledger::Ledger;
use super::{Act, Deed, Outcome, Refusal, for_each, lost};
use crate::Result;
use crate::engine::{Engine, ForEach, Type, Value};
use crate::entry::{Entry, Message};
use crate::event::{Kind, What};

/// A post that will be stored.
struct Fresh<'a> {
    place: usize,
    act: &'a Act,
    to: To,
    content: &'a str,
    reply_to: Option<MessageId>,
    conversation: i64,
    sender_seq: Seq,
    id: MessageId,
}

/// Stores the posts at these places of the batch, in their order.
pub(super) fn store(ledger: &mut Ledger<'_>, places: &[usize]) -> Result<()> {
    let mut fresh = admit(ledger, places);
    if fresh.is_empty() {
        return Ok(());
    }
    let pairs = fresh.iter().filter_map(|post| pair(post.act.by, post.to));
    let conversations = conversations(ledger.engine, pairs)?;
    for post in &mut fresh {
        post.conversation = match (post.to, pair(post.act.by, post.to)) {
            (To::Group(group), _) => group.0,
            (_, pair) => *pair
                .and_then(|pair| conversations.get(&pair))
                .ok_or_else(|| lost("conversation"))?,
        };
    }
    let blocks = find_blocks(ledger.engine, &fresh)?;
    let receivers = number(ledger, &mut fresh, &blocks);
    insert(ledger, &mut fresh)?;
    for (post, to) in fresh.iter().zip(receivers) {
        let message = Message {
            id: post.id,
            from: post.act.by,
            to: post.to,
            content: post.content.to_owned(),
            at: ledger.at,
            reply_to: post.reply_to,
            edited_at: None,
            deleted: false,
        };
        let what = What::Entry(Entry::Message(message));
        ledger.tell_at(to, (Kind::Entry, Some(post.id), None), what, Some(post.place));
    }
    withhold(ledger.engine, &fresh, &blocks)
}

/// Takes the posts that may be stored, and says why the others may not.
fn admit<'a>(ledger: &mut Ledger<'a>, places: &[usize]) -> Vec<Fresh<'a>> {
    let acts = ledger.acts;
    let mut fresh = Vec::with_capacity(places.len());
    for &place in places {
        let act = &acts[place];
        let Deed::Post { to, content, reply_to } = &act.deed else { continue };
        if ledger.is_settled(place) {
            continue;
        }
        let refusal = match *to {
            _ if !ledger.has_log(act.by) => Some(Refusal::GONE),
            To::Account(account) if !ledger.has_log(account) => Some(Refusal::NO_ACCOUNT),
            To::Group(group) if ledger.seat(group, act.by).is_none() => Some(Refusal::NO_GROUP),
            to if reply_to.is_some() && !answers_something_here(ledger, place, act.by, to) => {
                Some(Refusal::NO_MESSAGE)
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            ledger.settle(place, Outcome::Refused(refusal));
        } else if ledger.claim(place) {
            let (conversation, sender_seq, id) = (0, Seq(0), MessageId(0));
            let (to, reply_to) = (*to, *reply_to);
            fresh.push(Fresh { place, act, to, content, reply_to, conversation, sender_seq, id });
        }
    }
    fresh
}

/// Whether what a post answers is in the same conversation, where its sender can see it.
fn answers_something_here(ledger: &Ledger<'_>, place: usize, by: AccountId, to: To) -> bool {
    ledger.target(place).is_some_and(|target| match (target.recipient, to) {
        (Some(recipient), to) => pair(target.from, To::Account(recipient)) == pair(by, to),
        (None, To::Group(group)) => target.conversation == group.0,
        (None, To::Account(_)) => false,
    })
}

/// Gives each post its places in the logs of its sender and its receivers.
fn number(
    ledger: &mut Ledger<'_>,
    fresh: &mut [Fresh<'_>],
    blocks: &HashSet<(usize, AccountId)>,
) -> Vec<Vec<(AccountId, Seq)>> {
    let mut all = Vec::with_capacity(fresh.len());
    for post in fresh {
        let by = post.act.by;
        let mut to = Vec::new();
        if let Some(seq) = ledger.next(by) {
            post.sender_seq = seq;
            to.push((by, seq));
        }
        let receivers = match post.to {
            To::Account(account) => vec![account],
            To::Group(group) => ledger.room(group).map(|room| room.accounts()).unwrap_or_default(),
        };
        for account in receivers {
            if account != by
                && !blocks.contains(&(post.place, account))
                && let Some(seq) = ledger.next(account)
            {
                to.push((account, seq));
            }
        }
        all.push(to);
    }
    all
}

static FIND_BLOCKS: ForEach = ForEach {
    // `cross` keeps SQLite from looking at each of a thousand members first.
    sql: "select r.place, b.account from {rows} join block b on b.blocked = r.sender cross join member m \
          where m.conversation = r.conversation and m.account = b.account and m.until is null",
    columns: &[("place", Type::Int), ("sender", Type::Int), ("conversation", Type::Int)],
};

/// Who gets which post not, since it has blocked the sender.
fn find_blocks(
    engine: &mut dyn Engine,
    fresh: &[Fresh<'_>],
) -> Result<HashSet<(usize, AccountId)>> {
    let row = |post: &Fresh<'_>| {
        let place = Value::Int(post.place as i64);
        vec![place, Value::Int(post.act.by.0), Value::Int(post.conversation)]
    };
    let rows: Vec<_> = fresh.iter().map(row).collect();
    let found = engine.run_for_each(&FIND_BLOCKS, &rows)?;
    found.iter().map(|row| Ok((row.int(0)? as usize, AccountId(row.int(1)?)))).collect()
}

static ADD_MESSAGES: ForEach = ForEach {
    sql: "insert into message (conversation, sender, recipient, content, at, ref, seq, reply_to) \
          {values} returning sender, seq, id",
    columns: &[
        ("conversation", Type::Int),
        ("sender", Type::Int),
        ("recipient", Type::Int),
        ("content", Type::Text),
        ("at", Type::Int),
        ("ref", Type::Text),
        ("seq", Type::Int),
        ("reply_to", Type::Int),
    ],
};

/// Inserts the posts and fills in their ids.
fn insert(ledger: &mut Ledger<'_>, fresh: &mut [Fresh<'_>]) -> Result<()> {
    let rows: Vec<_> = fresh.iter().map(|post| message_row(post, ledger.at)).collect();
    let mut ids = HashMap::with_capacity(rows.len());
    for row in ledger.engine.run_for_each(&ADD_MESSAGES, &rows)? {
        ids.insert((row.int(0)?, row.int(1)?), MessageId(row.int(2)?));
    }
    for post in fresh {
        let key = (post.act.by.0, post.sender_seq.0);
        post.id = *ids.get(&key).ok_or_else(|| lost("message"))?;
    }
    Ok(())
}

fn message_row<'a>(post: &Fresh<'a>, at: i64) -> Vec<Value<'a>> {
    let recipient = match post.to {
        To::Account(account) => Value::Int(account.0),
        To::Group(_) => Value::Null,
    };
    vec![
        Value::Int(post.conversation),
        Value::Int(post.act.by.0),
        recipient,
        Value::Text(post.content),
        Value::Int(at),
        Value::maybe_text(post.act.reference.as_deref()),
        Value::Int(post.sender_seq.0),
        post.reply_to.map_or(Value::Null, |id| Value::Int(id.0)),
    ]
}

static WITHHOLD: ForEach = ForEach {
    sql: "insert into withheld (message, account) {values}",
    columns: &[("message", Type::Int), ("account", Type::Int)],
};

fn withhold(
    engine: &mut dyn Engine,
    fresh: &[Fresh<'_>],
    blocks: &HashSet<(usize, AccountId)>,
) -> Result<()> {
    let ids: BTreeMap<_, _> = fresh.iter().map(|post| (post.place, post.id)).collect();
    let rows = blocks.iter().filter_map(|(place, account)| {
        Some(vec![Value::Int(ids.get(place)?.0), Value::Int(account.0)])
    });
    for_each(engine, &WITHHOLD, rows)
}

/// Two people, the lower account first.
pub(super) fn pair(by: AccountId, to: To) -> Option<(i64, i64)> {
    match to {
        To::Account(account) => Some((by.0.min(account.0), by.0.max(account.0))),
        To::Group(_) => None,
    }
}

static FIND_CONVERSATIONS: ForEach = ForEach {
    sql: "select c.low, c.high, c.id from {rows} join conversation c on c.low = r.low and c.high = r.high",
    columns: &[("low", Type::Int), ("high", Type::Int)],
};

static ADD_CONVERSATIONS: ForEach = ForEach {
    sql: "insert into conversation (low, high) {values} on conflict (low, high) do nothing",
    columns: &[("low", Type::Int), ("high", Type::Int)],
};

static ADD_PEOPLE: ForEach = ForEach {
    sql: "insert into member (conversation, account) {values} on conflict (conversation, account) do nothing",
    columns: &[("conversation", Type::Int), ("account", Type::Int)],
};

/// Finds the conversation of each pair, or makes it.
pub(super) fn conversations(
    engine: &mut dyn Engine,
    pairs: impl Iterator<Item = (i64, i64)>,
) -> Result<HashMap<(i64, i64), i64>> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut found = HashMap::with_capacity(pairs.len());
    find_conversations(engine, &pairs, &mut found)?;
    pairs.retain(|pair| !found.contains_key(pair));
    if pairs.is_empty() {
        return Ok(found);
    }
    for_each(engine, &ADD_CONVERSATIONS, pairs.iter().map(pair_row))?;
    find_conversations(engine, &pairs, &mut found)?;
    let mut people = Vec::with_capacity(2 * pairs.len());
    for pair in &pairs {
        let conversation = *found.get(pair).ok_or_else(|| lost("conversation"))?;
        people.push(vec![Value::Int(conversation), Value::Int(pair.0)]);
        if pair.0 != pair.1 {
            people.push(vec![Value::Int(conversation), Value::Int(pair.1)]);
        }
    }
    for_each(engine, &ADD_PEOPLE, people)?;
    Ok(found)
}

fn find_conversations(
    engine: &mut dyn Engine,
    pairs: &[(i64, i64)],
    found: &mut HashMap<(i64, i64), i64>,
) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = pairs.iter().map(pair_row).collect();
    for row in engine.run_for_each(&FIND_CONVERSATIONS, &rows)? {
        found.insert((row.int(0)?, row.int(1)?), row.int(2)?);
    }
    Ok(())
}

fn pair_row(pair: &(i64, i64)) -> Vec<Value<'static>> {
    vec![Value::Int(pair.0), Value::Int(pair.1)]
}
