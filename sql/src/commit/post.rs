//! Things said, many at once.

use std::collections::{BTreeSet, HashMap};

use wire::{AccountId, GroupId, MessageId, Seq, To};

use super::blocker::{FIND_BLOCKED, blockers, few};
use super::ledger::{FIND_REPEATS, Ledger};
use super::pair::{self, FIND_PAIRS, Pair, Shared, pair};
use super::request::{self, Manner, Reached, Requests};
use super::{Act, Deed, Outcome, Refusal, ask, lost};
use crate::Result;
use crate::engine::{ForEach, Row, Rows, Type, Value, run_all};
use crate::entry::{Entry, Message, REQUEST};
use crate::event::{Kind, What};

/// A post that will be stored.
struct Fresh<'a> {
    place: usize,
    act: &'a Act,
    to: To,
    content: &'a str,
    reply_to: Option<MessageId>,
    conversation: i64,
    at: i64,
    sender_seq: Seq,
    id: MessageId,
    manner: Manner,
    /// What the receiver is told first: how far its request had come that this answers.
    reached: Vec<(Seq, Reached)>,
}

/// By the place of a post: who does not get it, and from where on what came before the batch's first post in its conversation is
/// withheld from them as well; 0: the last entry is not.
type Blocks = HashMap<usize, HashMap<AccountId, i64>>;

/// Posts that have their places in the logs, and are to be inserted.
pub(super) struct Posts<'a> {
    fresh: Vec<Fresh<'a>>,
    /// Who gets which post not, since it has blocked the sender or declined its request.
    blocks: Blocks,
    /// Who gets them, and where.
    receivers: Vec<Vec<(AccountId, Seq)>>,
}

/// Stores the posts at these places of the batch, in their order.
pub(super) fn store(ledger: &mut Ledger<'_>, places: &[usize]) -> Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let posts = prepare(ledger, places)?;
    let ids = ask(ledger.engine, &ADD_MESSAGES, posts.rows())?;
    posts.tell(ledger, &ids)?;
    ledger.withhold()
}

/// Does all that comes before inserting them.
pub(super) fn prepare<'a>(ledger: &mut Ledger<'a>, places: &[usize]) -> Result<Posts<'a>> {
    let all = [
        (&FIND_REPEATS, ledger.repeat_rows(places.iter().copied())),
        (&FIND_PAIRS, pair::rows(&pairs(ledger.acts, places.iter().copied()))),
        (&FIND_BLOCKERS, block_rows(ledger.acts, places)),
        (&FIND_BLOCKED, block_rows(ledger.acts, places)),
    ];
    let [repeats, shared, blocks, blocked] = run_all(ledger.engine, &all)?;
    ledger.note_all_blocked(&blocked)?;
    ledger.note_repeats(repeats)?;
    let shared = pair::found(&shared)?;
    let people = people(ledger.acts, places.iter().copied());
    let mut requests = Requests::begin(ledger, &shared, people)?;
    let mut fresh = admit(ledger, &mut requests, places);
    let shared = requests.store(ledger.engine, shared)?;
    let mut blocks = blocks_of(ledger.acts, places, &blocks)?;
    find_conversations(ledger, &mut fresh, &shared, &mut blocks)?;
    let times = ledger.times_in(fresh.iter().map(|post| post.conversation).collect())?;
    for post in &mut fresh {
        post.at = times.get(&post.conversation).copied().unwrap_or(ledger.at);
    }
    let receivers = number(ledger, &mut fresh, &blocks);
    Ok(Posts { fresh, blocks, receivers })
}

impl<'a> Posts<'a> {
    /// The rows for [`ADD_MESSAGES`].
    pub(super) fn rows(&self) -> Rows<'a> {
        self.fresh.iter().map(message_row).collect()
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
                at: post.at,
                reply_to: post.reply_to,
                edited_at: None,
                deleted: false,
                request: matches!(post.manner, Manner::Request { .. }),
            };
            if let To::Account(asker) = post.to {
                for (seq, reached) in &post.reached {
                    let (kind, what) = reached.told(post.act.by);
                    let about = (kind, Some(reached.id), Some(post.act.by));
                    ledger.tell_at(vec![(asker, *seq)], about, what, None);
                }
            }
            ledger.note_reached(post.act.by, post.at, to.iter().map(|(account, _)| *account));
            let what = What::Entry(Entry::Message(message));
            ledger.tell_at(to, (Kind::Entry, Some(post.id), None), what, Some(post.place));
        }
        if !self.blocks.is_empty() {
            withhold(ledger, &mut self.fresh, &self.blocks);
        }
        Ok(())
    }
}

/// Takes the posts that may be stored, and says why the others may not.
fn admit<'a>(ledger: &mut Ledger<'a>, requests: &mut Requests, places: &[usize]) -> Vec<Fresh<'a>> {
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
            let manner = match *to {
                _ if !ledger.has_room(act.by, bytes) => Err(Refusal::OVER_QUOTA),
                To::Account(account) => requests.take(act.by, account),
                To::Group(_) => Ok(Manner::Known),
            };
            let manner = match manner {
                Ok(manner) => manner,
                Err(refusal) => {
                    ledger.release(place);
                    ledger.settle(place, Outcome::Refused(refusal));
                    continue;
                }
            };
            ledger.add_bytes(act.by, bytes);
            fresh.push(Fresh {
                place,
                act,
                to: *to,
                content,
                reply_to: *reply_to,
                conversation: 0,
                at: ledger.at,
                sender_seq: Seq(0),
                id: MessageId(0),
                manner,
                reached: Vec::new(),
            });
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

/// The same, as who wants something of whom.
fn people(
    acts: &[Act],
    places: impl Iterator<Item = usize>,
) -> impl Iterator<Item = (AccountId, AccountId)> {
    places.filter_map(|place| match &acts[place].deed {
        Deed::Post { to: To::Account(account), .. } => Some((acts[place].by, *account)),
        _ => None,
    })
}

/// Says in which conversation each post is, and how far the request had come that it answers; and adds to `blocks` who gets
/// none of what the other of a pair says. Notes whom the sender has blocked.
fn find_conversations(
    ledger: &mut Ledger<'_>,
    fresh: &mut [Fresh<'_>],
    shared: &HashMap<Pair, Shared>,
    blocks: &mut Blocks,
) -> Result<()> {
    for post in fresh {
        post.conversation = match post.to {
            To::Group(group) => group.0,
            To::Account(account) => {
                let shared = pair(post.act.by, post.to).and_then(|pair| shared.get(&pair));
                let shared = shared.ok_or_else(|| lost("conversation"))?;
                let is_declined = post.manner == Manner::Request { is_declined: true };
                let declined = is_declined.then(|| shared.withheld_as_declined());
                if let Some(run) = shared.withheld_from(account).or(declined) {
                    blocks.entry(post.place).or_default().insert(account, run);
                }
                if shared.withheld_from(post.act.by).is_some() {
                    ledger.note_blocked(post.act.by, account);
                }
                if post.manner == Manner::Answer {
                    let reached = request::meet(ledger.engine, shared, account, post.act.by)?;
                    post.reached = reached.into_iter().map(|it| (Seq(0), it)).collect();
                }
                shared.conversation
            }
        };
    }
    Ok(())
}

/// Who in a group has blocked the sender of a post to it. To be run when the logs of its members are locked.
static FIND_BLOCKERS: ForEach = ForEach {
    sql: blockers!(
        "r.sender, r.conversation, b.account, coalesce((select w.run from withheld w where w.account = b.account \
         and w.message = (select e.message from entry e where e.conversation = r.conversation \
         order by e.message desc limit 1)), 0)",
        ""
    ),
    columns: &[("sender", Type::Int), ("conversation", Type::Int)],
};

/// Who in a group has blocked `sender`, each as [`Blocks`] has it.
pub(super) fn blocks_in(
    ledger: &mut Ledger<'_>,
    sender: AccountId,
    group: GroupId,
) -> Result<HashMap<AccountId, i64>> {
    let row = [sender.0, group.0].map(Value::Int).to_vec();
    let blocks = ask(ledger.engine, &FIND_BLOCKERS, vec![row])?;
    blocks.iter().map(|row| Ok((AccountId(row.int(2)?), row.int(3)?))).collect()
}

/// The sender of a post to a group, and the group.
fn sender(act: &Act) -> Option<(i64, i64)> {
    match act {
        Act { by, deed: Deed::Post { to: To::Group(group), .. }, .. } => Some((by.0, group.0)),
        _ => None,
    }
}

/// The rows for [`FIND_BLOCKERS`] and [`FIND_BLOCKED`]: one for all posts of a sender to a group.
fn block_rows(acts: &[Act], places: &[usize]) -> Rows<'static> {
    let senders: BTreeSet<_> = places.iter().filter_map(|place| sender(&acts[*place])).collect();
    senders.into_iter().map(|(by, group)| [by, group].map(Value::Int).to_vec()).collect()
}

/// What [`FIND_BLOCKERS`] has answered, by the posts at these places.
fn blocks_of(acts: &[Act], places: &[usize], rows: &[Row]) -> Result<Blocks> {
    let mut found = HashMap::<(i64, i64), HashMap<AccountId, i64>>::new();
    for row in rows {
        let blockers = found.entry((row.int(0)?, row.int(1)?)).or_default();
        blockers.insert(AccountId(row.int(2)?), row.int(3)?);
    }
    let of = |place: &usize| Some((*place, found.get(&sender(&acts[*place])?)?.clone()));
    Ok(places.iter().filter_map(of).collect())
}

/// Gives each post its places in the logs of its sender and its receivers.
fn number(
    ledger: &mut Ledger<'_>,
    fresh: &mut [Fresh<'_>],
    blocks: &Blocks,
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
        if let To::Account(asker) = post.to {
            let numbered = |(_, reached)| Some((ledger.next(asker)?, reached));
            post.reached =
                std::mem::take(&mut post.reached).into_iter().filter_map(numbered).collect();
        }
        for account in receivers {
            if account != by
                && !blocks.get(&post.place).is_some_and(|blocks| blocks.contains_key(&account))
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
    sql: "insert into message (conversation, sender, recipient, content, subject, at, ref, seq, reply_to{words , words}) \
          {values} returning sender, seq, id",
    columns: &[
        ("conversation", Type::Int),
        ("sender", Type::Int),
        ("recipient", Type::Int),
        ("content", Type::Text),
        ("subject", Type::Int),
        ("at", Type::Int),
        ("ref", Type::Text),
        ("seq", Type::Int),
        ("reply_to", Type::Int),
        ("words", Type::Words),
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

fn message_row<'a>(post: &Fresh<'a>) -> Vec<Value<'a>> {
    let recipient = match post.to {
        To::Account(account) => Value::Int(account.0),
        To::Group(_) => Value::Null,
    };
    vec![
        Value::Int(post.conversation),
        Value::Int(post.act.by.0),
        recipient,
        Value::Text(post.content),
        match post.manner {
            Manner::Request { .. } => Value::Int(REQUEST),
            Manner::Known | Manner::Answer => Value::Null,
        },
        Value::Int(post.at),
        Value::maybe_text(post.act.reference.as_deref()),
        Value::Int(post.sender_seq.0),
        post.reply_to.map_or(Value::Null, |id| Value::Int(id.0)),
        Value::Text(post.content),
    ]
}

/// Notes who does not get which post. What is withheld from somebody without a gap is one run.
fn withhold(ledger: &mut Ledger<'_>, fresh: &mut [Fresh<'_>], blocks: &Blocks) {
    fresh.sort_unstable_by_key(|post| post.id);
    // From whom the last post in a conversation is withheld, and since when everything is.
    let mut last = HashMap::<i64, HashMap<AccountId, i64>>::new();
    for post in fresh {
        let before = last.get(&post.conversation);
        let mine = blocks.get(&post.place).into_iter().flatten();
        let run = |(account, stored): (&AccountId, &i64)| {
            let run = before.map_or(Some(*stored), |before| before.get(account).copied());
            (*account, run.filter(|run| *run > 0).unwrap_or(post.id.0))
        };
        let runs: HashMap<_, _> = mine.map(run).collect();
        for (account, run) in &runs {
            ledger.note_withheld(post.id, *account, post.conversation, *run);
        }
        last.insert(post.conversation, runs);
    }
}
