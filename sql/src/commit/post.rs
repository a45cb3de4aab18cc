//! Things said, many at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wire::{AccountId, MessageId, Seq, To};

use super::ledger::{FIND_REPEATS, Ledger};
use super::pair::{self, FIND_PAIRS, Pair, Shared, pair};
use super::{Act, Deed, Outcome, Refusal, ask, for_each, lost};
use crate::Result;
use crate::engine::{Engine, ForEach, Row, Rows, Type, Value, run_all};
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

/// Posts that have their places in the logs, and are to be inserted.
pub(super) struct Posts<'a> {
    fresh: Vec<Fresh<'a>>,
    /// Who gets which post not, since it has blocked the sender.
    blocks: HashSet<(usize, AccountId)>,
    /// Who gets them, and where.
    receivers: Vec<Vec<(AccountId, Seq)>>,
}

/// Stores the posts at these places of the batch, in their order.
pub(super) fn store(ledger: &mut Ledger<'_>, places: &[usize]) -> Result<()> {
    let posts = prepare(ledger, places)?;
    let ids = ask(ledger.engine, &ADD_MESSAGES, posts.rows(ledger.at))?;
    posts.tell(ledger, &ids)
}

/// Does all that comes before inserting them.
pub(super) fn prepare<'a>(ledger: &mut Ledger<'a>, places: &[usize]) -> Result<Posts<'a>> {
    let all = [
        (&FIND_REPEATS, ledger.repeat_rows(places.iter().copied())),
        (&FIND_PAIRS, pair::rows(&pairs(ledger.acts, places.iter().copied()))),
        (&FIND_BLOCKS, block_rows(ledger.acts, places)),
    ];
    let [repeats, shared, blocks] = run_all(ledger.engine, &all)?;
    ledger.note_repeats(repeats)?;
    let mut fresh = admit(ledger, places);
    let pairs = pairs(ledger.acts, fresh.iter().map(|post| post.place));
    let shared = pair::complete(ledger.engine, pairs, &shared)?;
    let block = |row: &Row| Ok((row.int(0)? as usize, AccountId(row.int(1)?)));
    let mut blocks = blocks.iter().map(block).collect::<Result<_>>()?;
    find_conversations(&mut fresh, &shared, &mut blocks)?;
    let receivers = number(ledger, &mut fresh, &blocks);
    Ok(Posts { fresh, blocks, receivers })
}

impl<'a> Posts<'a> {
    /// The rows for [`ADD_MESSAGES`].
    pub(super) fn rows(&self, at: i64) -> Rows<'a> {
        self.fresh.iter().map(|post| message_row(post, at)).collect()
    }

    /// Tells everybody who gets them, now that [`ADD_MESSAGES`] has answered with `ids`.
    pub(super) fn tell(mut self, ledger: &mut Ledger<'_>, ids: &[Row]) -> Result<()> {
        identify(&mut self.fresh, ids)?;
        for (post, to) in self.fresh.iter().zip(self.receivers) {
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
        withhold(ledger.engine, &self.fresh, &self.blocks)
    }
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
            let bytes = content.len() as i64;
            if !ledger.has_room(act.by, bytes) {
                ledger.release(place);
                ledger.settle(place, Outcome::Refused(Refusal::OVER_QUOTA));
                continue;
            }
            ledger.add_bytes(act.by, bytes);
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

/// The pairs that the posts at these places are between.
fn pairs(acts: &[Act], places: impl Iterator<Item = usize>) -> BTreeSet<Pair> {
    let pair = |place: usize| match &acts[place].deed {
        Deed::Post { to, .. } => pair(acts[place].by, *to),
        _ => None,
    };
    places.filter_map(pair).collect()
}

/// Says in which conversation each post is, and adds to `blocks` who gets none of what the other of a pair says.
fn find_conversations(
    fresh: &mut [Fresh<'_>],
    shared: &HashMap<Pair, Shared>,
    blocks: &mut HashSet<(usize, AccountId)>,
) -> Result<()> {
    for post in fresh {
        post.conversation = match post.to {
            To::Group(group) => group.0,
            To::Account(account) => {
                let shared = pair(post.act.by, post.to).and_then(|pair| shared.get(&pair));
                let shared = shared.ok_or_else(|| lost("conversation"))?;
                if shared.is_blocker(account) {
                    blocks.insert((post.place, account));
                }
                shared.conversation
            }
        };
    }
    Ok(())
}

/// Who has blocked the sender of a post to a group. To be run when the logs of its members are locked.
static FIND_BLOCKS: ForEach = ForEach {
    // Joined with `member`, SQLite may look at each of a thousand members first, and PostgreSQL at all groups of each.
    sql: "select r.place, b.account from {rows} join block b on b.blocked = r.sender \
          where (select m.until is null from member m where m.conversation = r.conversation and m.account = b.account)",
    columns: &[("place", Type::Int), ("sender", Type::Int), ("conversation", Type::Int)],
};

fn block_rows(acts: &[Act], places: &[usize]) -> Rows<'static> {
    let row = |place: &usize| match &acts[*place] {
        Act { by, deed: Deed::Post { to: To::Group(group), .. }, .. } => {
            Some([*place as i64, by.0, group.0].map(Value::Int).to_vec())
        }
        _ => None,
    };
    places.iter().filter_map(row).collect()
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

pub(super) static ADD_MESSAGES: ForEach = ForEach {
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

/// Fills in the ids.
fn identify(fresh: &mut [Fresh<'_>], ids: &[Row]) -> Result<()> {
    let id = |row: &Row| Ok(((row.int(0)?, row.int(1)?), MessageId(row.int(2)?)));
    let ids = ids.iter().map(id).collect::<Result<HashMap<_, _>>>()?;
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
