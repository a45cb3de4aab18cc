//! Posts: many messages in one round trip.

use std::collections::{BTreeSet, HashMap, HashSet};

use wire::{AccountId, MessageId, Recipient, Seq};

use super::attach::{self, Attached};
use super::blocker::FIND_BLOCKED;
use super::context::{BatchContext, FIND_REPEATS};
use super::naming::{PairNames, SET_NAMED, note_named, without_name};
use super::pair::{self, AccountPair, FIND_PAIRS, PairConversation, pair};
use super::request::{self, ContactRequests, ContactStage, RequestProgress};
use super::withheld_posts::{FIND_BLOCKERS, WithheldPosts, block_rows, blocks_of};
use super::{Operation, Outcome, Rejection, Submission, ask, for_each, lost};
use crate::Result;
use crate::engine::{BatchStatement, Known, Row, Rows, Statement, Value, run_batches, statements};
use crate::entry::{Message, REQUEST};
use crate::quota::Size;

/// A post that will be stored.
struct NewMessage<'a> {
    index: usize,
    submission: &'a Submission,
    to: Recipient,
    content: &'a str,
    attached: Option<Attached>,
    reply_to: Option<MessageId>,
    conversation: i64,
    at: i64,
    sender_seq: Seq,
    id: MessageId,
    stage: ContactStage,
    /// The receipts that the recipient gets before this answer to its contact request.
    reached: Vec<(Seq, RequestProgress)>,
    /// The recipients to whom the sender's name goes with it.
    named: BTreeSet<AccountId>,
}

impl NewMessage<'_> {
    fn attached(&self) -> Option<(MessageId, i64, &Attached)> {
        Some((self.id, self.conversation, self.attached.as_ref()?))
    }
}

/// Posts with their positions in the logs, ready to be inserted.
pub(super) struct PreparedPosts<'a> {
    messages: Vec<NewMessage<'a>>,
    /// From whom each post is withheld: they have blocked the sender or declined its request.
    blocks: WithheldPosts,
    /// The recipients of each post, with the positions in their logs.
    receivers: Vec<Vec<(AccountId, Seq)>>,
}

/// Stores the posts with these indexes, in order.
pub(super) fn store(ctx: &mut BatchContext<'_>, indexes: &[usize]) -> Result<()> {
    if indexes.is_empty() {
        return Ok(());
    }
    let posts = prepare(ctx, indexes)?;
    let ids = ask(ctx.engine, &ADD_MESSAGES, posts.rows())?;
    posts.tell(ctx, &ids)?;
    ctx.withhold()
}

/// Looks up, checks and numbers posts, up to their insertion.
pub(super) fn prepare<'a>(
    ctx: &mut BatchContext<'a>,
    indexes: &[usize],
) -> Result<PreparedPosts<'a>> {
    let all = [
        (&FIND_REPEATS, ctx.repeat_rows(indexes.iter().copied())),
        (&FIND_PAIRS, pair::rows(&pairs(ctx.submissions, indexes.iter().copied()))),
        (&FIND_BLOCKERS, block_rows(ctx.submissions, indexes)),
        (&FIND_BLOCKED, block_rows(ctx.submissions, indexes)),
    ];
    let [repeats, shared, blocks, blocked] = run_batches(ctx.engine, &all)?;
    ctx.note_all_blocked(&blocked)?;
    ctx.note_repeats(repeats)?;
    let shared = pair::found(&shared)?;
    let people = people(ctx.submissions, indexes.iter().copied());
    let mut requests = ContactRequests::begin(ctx, &shared, people)?;
    let attached = attach::find(ctx, indexes)?;
    let mut messages = admit(ctx, &mut requests, indexes, attached);
    let shared = requests.store(ctx.engine, shared)?;
    let mut blocks = blocks_of(ctx.submissions, indexes, &blocks)?;
    find_conversations(ctx, &mut messages, &shared, &mut blocks)?;
    let times = ctx.times_in(messages.iter().map(|post| post.conversation).collect())?;
    for post in &mut messages {
        post.at = times.get(&post.conversation).copied().unwrap_or(ctx.at);
    }
    let receivers = number(ctx, &mut messages, &blocks);
    Ok(PreparedPosts { messages, blocks, receivers })
}

impl PreparedPosts<'_> {
    /// The rows for [`ADD_MESSAGES`].
    pub(super) fn rows(&self) -> Rows<'_> {
        self.messages.iter().map(message_row).collect()
    }

    /// Writes the events of the posts. `ids`: the result of [`ADD_MESSAGES`].
    pub(super) fn tell(mut self, ctx: &mut BatchContext<'_>, ids: &[Row]) -> Result<()> {
        identify(&mut self.messages, ids)?;
        attach::note(ctx, self.messages.iter().filter_map(NewMessage::attached))?;
        let mut named_in_groups = Vec::new();
        for (post, to) in self.messages.iter_mut().zip(self.receivers) {
            let (by, id) = (post.submission.by, post.id);
            named_in_groups.extend(note_named(ctx, post.to, by, id, &post.named));
            let message = Message {
                id: post.id,
                from: post.submission.by,
                to: post.to,
                content: post.content.to_owned(),
                at: post.at,
                files: post.attached.take().map(|it| it.files).unwrap_or_default(),
                reply_to: post.reply_to,
                edited_at: None,
                deleted: false,
                request: matches!(post.stage, ContactStage::Request { .. }),
            };
            if let Recipient::Account(asker) = post.to {
                for (seq, reached) in &post.reached {
                    let (kind, body) = reached.told(post.submission.by);
                    let about = (kind, Some(reached.id), Some(post.submission.by));
                    ctx.tell_at(vec![(asker, *seq)], about, body, None);
                }
            }
            ctx.note_reached(post.submission.by, post.at, to.iter().map(|(account, _)| *account));
            ctx.tell_message(to, message, std::mem::take(&mut post.named), post.index);
        }
        for_each(ctx.engine, &SET_NAMED, named_in_groups)?;
        if !self.blocks.is_empty() {
            withhold(ctx, &mut self.messages, &self.blocks);
        }
        Ok(())
    }
}

/// Selects the posts that may be stored, and rejects the others.
fn admit<'a>(
    ctx: &mut BatchContext<'a>,
    requests: &mut ContactRequests,
    indexes: &[usize],
    mut attached: HashMap<usize, Attached>,
) -> Vec<NewMessage<'a>> {
    let submissions = ctx.submissions;
    let mut messages = Vec::with_capacity(indexes.len());
    for &index in indexes {
        let submission = &submissions[index];
        let Operation::Post { to, content, files, reply_to } = &submission.operation else {
            continue;
        };
        if ctx.has_outcome(index) {
            continue;
        }
        let refusal = match *to {
            _ if !ctx.has_log(submission.by) => Some(Rejection::GONE),
            Recipient::Account(account) if !ctx.has_log(account) => Some(Rejection::NO_ACCOUNT),
            Recipient::Group(group) if ctx.membership(group, submission.by).is_none() => {
                Some(Rejection::NO_GROUP)
            }
            to if reply_to.is_some() && !answers_something_here(ctx, index, submission.by, to) => {
                Some(Rejection::NO_MESSAGE)
            }
            _ if !files.is_empty() && !attached.contains_key(&index) => Some(attach::NO_FILE),
            _ => None,
        };
        if let Some(refusal) = refusal {
            ctx.record_outcome(index, Outcome::Rejected(refusal));
        } else if ctx.claim_ref(index) {
            let about_files = attached.get(&index).map_or_else(Size::default, Attached::size);
            let size = Size::of_entry(content) + about_files;
            let stage = match *to {
                _ if !ctx.has_room(submission.by, size) => Err(Rejection::OVER_QUOTA),
                Recipient::Account(account) => requests.take(submission.by, account),
                Recipient::Group(_) => Ok(ContactStage::Known),
            };
            let stage = match stage {
                Ok(stage) => stage,
                Err(refusal) => {
                    ctx.release_ref(index);
                    ctx.record_outcome(index, Outcome::Rejected(refusal));
                    continue;
                }
            };
            ctx.add_size(submission.by, size);
            messages.push(NewMessage {
                index,
                submission,
                to: *to,
                content,
                attached: attached.remove(&index),
                reply_to: *reply_to,
                conversation: 0,
                at: ctx.at,
                sender_seq: Seq(0),
                id: MessageId(0),
                stage,
                reached: Vec::new(),
                named: BTreeSet::new(),
            });
        }
    }
    messages
}

/// Whether the message that a post replies to is in the same conversation and visible to the sender.
fn answers_something_here(
    ctx: &BatchContext<'_>,
    index: usize,
    by: AccountId,
    to: Recipient,
) -> bool {
    ctx.target(index).is_some_and(|target| match (target.recipient, to) {
        (Some(recipient), to) => pair(target.from, Recipient::Account(recipient)) == pair(by, to),
        (None, Recipient::Group(group)) => target.conversation == group.0,
        (None, Recipient::Account(_)) => false,
    })
}

/// The pairs of sender and recipient of these posts.
fn pairs(
    submissions: &[Submission],
    indexes: impl Iterator<Item = usize>,
) -> BTreeSet<AccountPair> {
    let pair = |index: usize| match &submissions[index].operation {
        Operation::Post { to, .. } => pair(submissions[index].by, *to),
        _ => None,
    };
    indexes.filter_map(pair).collect()
}

/// As [`pairs`], the sender first.
fn people(
    submissions: &[Submission],
    indexes: impl Iterator<Item = usize>,
) -> impl Iterator<Item = (AccountId, AccountId)> {
    indexes.filter_map(|index| match &submissions[index].operation {
        Operation::Post { to: Recipient::Account(account), .. } => {
            Some((submissions[index].by, *account))
        }
        _ => None,
    })
}

/// Sets the conversation of each post, and the receipts of a request that it answers. Adds blocks and declined requests of pairs
/// to `blocks`, and notes whom the sender has blocked.
fn find_conversations(
    ctx: &mut BatchContext<'_>,
    messages: &mut [NewMessage<'_>],
    shared: &HashMap<AccountPair, PairConversation>,
    blocks: &mut WithheldPosts,
) -> Result<()> {
    let mut names = PairNames::default();
    for post in messages {
        post.conversation = match post.to {
            Recipient::Group(group) => group.0,
            Recipient::Account(account) => {
                let shared = pair(post.submission.by, post.to).and_then(|pair| shared.get(&pair));
                let shared = shared.ok_or_else(|| lost("conversation"))?;
                let is_declined = post.stage == ContactStage::Request { is_declined: true };
                let declined = is_declined.then(|| shared.withheld_as_declined());
                if let Some(run) = shared.withheld_from(account).or(declined) {
                    blocks.entry(post.index).or_default().insert(account, run);
                }
                if shared.withheld_from(post.submission.by).is_some() {
                    ctx.note_blocked(post.submission.by, account);
                }
                let is_request = matches!(post.stage, ContactStage::Request { .. });
                if names.goes(shared, post.submission.by, account, is_request) {
                    post.named = BTreeSet::from([account]);
                }
                if post.stage == ContactStage::Answer {
                    let reached = request::meet(ctx.engine, shared, account, post.submission.by)?;
                    post.reached = reached.into_iter().map(|it| (Seq(0), it)).collect();
                }
                shared.conversation
            }
        };
    }
    pair::set_named(ctx.engine, names.changed())
}

/// Assigns each post its positions in the logs of the sender and the recipients.
fn number(
    ctx: &mut BatchContext<'_>,
    messages: &mut [NewMessage<'_>],
    blocks: &WithheldPosts,
) -> Vec<Vec<(AccountId, Seq)>> {
    let mut all = Vec::with_capacity(messages.len());
    let mut named = HashSet::new();
    for post in messages {
        let by = post.submission.by;
        if let Recipient::Group(group) = post.to
            && named.insert((group, by))
        {
            post.named = without_name(ctx, group, by);
        }
        let mut to = Vec::new();
        if let Some(seq) = ctx.next(by) {
            post.sender_seq = seq;
            to.push((by, seq));
        }
        let receivers = match post.to {
            Recipient::Account(account) => vec![account],
            Recipient::Group(group) => {
                ctx.group(group).map(|group_state| group_state.accounts()).unwrap_or_default()
            }
        };
        if let Recipient::Account(asker) = post.to {
            let numbered = |(_, reached)| Some((ctx.next(asker)?, reached));
            post.reached =
                std::mem::take(&mut post.reached).into_iter().filter_map(numbered).collect();
        }
        for account in receivers {
            if account != by
                && !blocks.get(&post.index).is_some_and(|blocks| blocks.contains_key(&account))
                && let Some(seq) = ctx.next(account)
            {
                to.push((account, seq));
            }
        }
        all.push(to);
    }
    all
}

/// Sets the ids of the stored messages.
fn identify(messages: &mut [NewMessage<'_>], ids: &[Row]) -> Result<()> {
    let id = |row: &Row| Ok(((row.int(0)?, row.int(1)?), MessageId(row.int(2)?)));
    let ids = ids.iter().map(id).collect::<Result<HashMap<_, _>>>()?;
    for post in messages {
        let key = (post.submission.by.0, post.sender_seq.0);
        post.id = *ids.get(&key).ok_or_else(|| lost("message"))?;
    }
    Ok(())
}

fn message_row<'a>(post: &'a NewMessage<'_>) -> Vec<Value<'a>> {
    let attached = post.attached.as_ref();
    let recipient = match post.to {
        Recipient::Account(account) => Value::Int(account.0),
        Recipient::Group(_) => Value::Null,
    };
    vec![
        Value::Int(post.conversation),
        Value::Int(post.submission.by.0),
        recipient,
        Value::Text(post.content),
        match post.stage {
            ContactStage::Request { .. } => Value::Int(REQUEST),
            ContactStage::Known | ContactStage::Answer => Value::Null,
        },
        Value::Int(post.at),
        Value::maybe_text(post.submission.reference.as_deref()),
        Value::Int(post.sender_seq.0),
        post.reply_to.map_or(Value::Null, |id| Value::Int(id.0)),
        Value::maybe_text(attached.map(|it| it.text.as_str())),
        Value::maybe_text(attached.map(|it| it.names.as_str())),
        Value::Terms(attached.map_or(post.content, |it| it.searched.as_str())),
    ]
}

/// Notes from whom each post is withheld. Consecutive entries that are withheld from one account are a run.
fn withhold(ctx: &mut BatchContext<'_>, messages: &mut [NewMessage<'_>], blocks: &WithheldPosts) {
    messages.sort_unstable_by_key(|post| post.id);
    // By conversation: the accounts from which its last post is withheld, each with the start of the run.
    let mut last = HashMap::<i64, HashMap<AccountId, i64>>::new();
    for post in messages {
        let before = last.get(&post.conversation);
        let mine = blocks.get(&post.index).into_iter().flatten();
        let run = |(account, stored): (&AccountId, &i64)| {
            let run = before.map_or(Some(*stored), |before| before.get(account).copied());
            (*account, run.filter(|run| *run > 0).unwrap_or(post.id.0))
        };
        let runs: HashMap<_, _> = mine.map(run).collect();
        for (account, run) in &runs {
            ctx.note_withheld(post.id, *account, post.conversation, *run);
        }
        last.insert(post.conversation, runs);
    }
}

statements! {
    pub(super) static ADD_MESSAGES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into message (conversation, sender, recipient, content, subject, at, ref, seq, reply_to, files, \
             names, words) select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], \
             $6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[]) \
             as r(conversation, sender, recipient, content, subject, at, ref, seq, reply_to, files, names, words) \
             returning sender, seq, id",
        sqlite:
            "insert or fail into message (conversation, sender, recipient, content, subject, at, ref, seq, \
             reply_to, files, names) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    })
    .with_sqlite_answer(&[Known::Parameter(2), Known::Parameter(8), Known::NewId]);
}
