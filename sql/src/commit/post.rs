//! Stores posts. All posts that follow each other in a batch share the round trips to the database.

use std::collections::{BTreeSet, HashMap, HashSet};

use wire::{AccountId, MessageId, Recipient, Seq};

use super::attach::{self, Attached};
use super::blocker::FIND_BLOCKED;
use super::context::{BatchContext, FIND_REPEATS};
use super::naming::{PairNames, SET_NAMED, members_without_name, record_name_sent};
use super::new_entry::others;
use super::pair::{self, AccountPair, FIND_PAIRS, PairConversation, pair};
use super::request::{self, ContactRequests, ContactStage, RequestProgress};
use super::withheld_posts::{
    FIND_BLOCKERS, WithheldPosts, block_rows, note_withheld, withheld_posts,
};
use super::{Operation, Outcome, Rejection, Submission, execute_each, missing_row, query_each};
use crate::Result;
use crate::engine::{BatchStatement, Known, Row, Rows, Statement, Value, run_batches, statements};
use crate::entry::{Message, REQUEST};
use crate::quota::Size;

/// A message that will be stored.
struct NewMessage<'a> {
    index: usize,
    submission: &'a Submission,
    to: Recipient,
    content: &'a str,
    attached: Option<Attached>,
    reply_to: Option<MessageId>,
    conversation: i64,
    /// The members from whom a block may withhold it.
    others: usize,
    at: i64,
    sender_seq: Seq,
    id: MessageId,
    stage: ContactStage,
    /// If the message answers a contact request of the recipient: the receipts that the recipient gets before the message.
    progress: Vec<(Seq, RequestProgress)>,
    /// The recipients who get the sender's name with the message.
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
    /// The accounts that do not get a post, because they have blocked the sender or declined its request.
    withheld: WithheldPosts,
    /// The recipients of each post, with the positions in their logs.
    receivers: Vec<Vec<(AccountId, Seq)>>,
}

/// Stores the posts with these indexes, in their order.
pub(super) fn store(ctx: &mut BatchContext<'_>, indexes: &[usize]) -> Result<()> {
    if indexes.is_empty() {
        return Ok(());
    }
    let posts = prepare(ctx, indexes)?;
    let ids = query_each(ctx.engine, &ADD_MESSAGES, posts.rows())?;
    posts.write_events(ctx, &ids)?;
    ctx.write_withheld()
}

/// Prepares posts: looks up what they need, rejects those that are not allowed, and assigns positions to the others.
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
    let [repeats, shared, blockers, blocked] = run_batches(ctx.engine, &all)?;
    ctx.note_known_blocks(&blocked)?;
    ctx.record_repeats(repeats)?;
    let shared = pair::parse_pairs(&shared)?;
    let people = people(ctx.submissions, indexes.iter().copied());
    let mut requests = ContactRequests::load(ctx, &shared, people)?;
    let attached = attach::find(ctx, indexes)?;
    let mut messages = admit(ctx, &mut requests, indexes, attached);
    let shared = requests.store(ctx.engine, shared)?;
    let mut withheld = withheld_posts(ctx.submissions, indexes, &blockers)?;
    resolve_conversations(ctx, &mut messages, &shared, &mut withheld)?;
    let times = ctx.entry_times(messages.iter().map(|post| post.conversation).collect())?;
    for post in &mut messages {
        post.at = times.get(&post.conversation).copied().unwrap_or(ctx.at);
    }
    let receivers = assign_positions(ctx, &mut messages, &withheld);
    Ok(PreparedPosts { messages, withheld, receivers })
}

impl PreparedPosts<'_> {
    /// The rows for [`ADD_MESSAGES`].
    pub(super) fn rows(&self) -> Rows<'_> {
        self.messages.iter().map(message_row).collect()
    }

    /// Writes the events of the posts. `ids`: the rows of [`ADD_MESSAGES`].
    pub(super) fn write_events(mut self, ctx: &mut BatchContext<'_>, ids: &[Row]) -> Result<()> {
        set_ids(&mut self.messages, ids)?;
        attach::add_message_files(ctx, self.messages.iter().filter_map(NewMessage::attached))?;
        let mut named_in_groups = Vec::new();
        for (post, to) in self.messages.iter_mut().zip(self.receivers) {
            let (by, id) = (post.submission.by, post.id);
            named_in_groups.extend(record_name_sent(ctx, post.to, by, id, &post.named));
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
                for (seq, progress) in &post.progress {
                    let (kind, body) = progress.receipt_event(post.submission.by);
                    let about = (kind, Some(progress.id), Some(post.submission.by));
                    ctx.write_event(vec![(asker, *seq)], about, body, None);
                }
            }
            ctx.advance_seen_at(by, post.at, to.iter().map(|(account, _)| *account));
            ctx.write_message_event(to, message, std::mem::take(&mut post.named), post.index);
        }
        execute_each(ctx.engine, &SET_NAMED, named_in_groups)?;
        if !self.withheld.is_empty() {
            let messages =
                self.messages.iter().map(|post| (post.id, post.conversation, post.index));
            note_withheld(ctx, messages.collect(), &self.withheld);
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
            to if reply_to.is_some() && !can_reply_to_target(ctx, index, submission.by, to) => {
                Some(Rejection::NO_MESSAGE)
            }
            _ if !files.is_empty() && !attached.contains_key(&index) => Some(attach::NO_FILE),
            _ => None,
        };
        if let Some(refusal) = refusal {
            ctx.record_outcome(index, Outcome::Rejected(refusal));
        } else if ctx.claim_ref(index) {
            let about_files = attached.get(&index).map_or_else(Size::default, Attached::size);
            let others = match *to {
                Recipient::Account(_) => 0,
                Recipient::Group(group) => ctx.other_members(group),
            };
            let size = Size::of_entry(content, others) + about_files;
            let stage = match *to {
                _ if !ctx.has_room(submission.by, size) => Err(Rejection::OVER_QUOTA),
                Recipient::Account(account) => requests.admit(submission.by, account),
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
                others,
                at: ctx.at,
                sender_seq: Seq(0),
                id: MessageId(0),
                stage,
                progress: Vec::new(),
                named: BTreeSet::new(),
            });
        }
    }
    messages
}

/// Whether a post may reply to its target: the sender sees the target, and it is in the conversation of the post.
fn can_reply_to_target(ctx: &BatchContext<'_>, index: usize, by: AccountId, to: Recipient) -> bool {
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

/// The sender and the recipient of each of these posts, if the recipient is an account.
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

/// Sets the conversation of each post, and the receipts of the contact request that it answers. If the recipient has blocked the
/// sender or declined its request, that is added to `withheld`. Blocks of senders are recorded in the context.
fn resolve_conversations(
    ctx: &mut BatchContext<'_>,
    messages: &mut [NewMessage<'_>],
    shared: &HashMap<AccountPair, PairConversation>,
    withheld: &mut WithheldPosts,
) -> Result<()> {
    let mut names = PairNames::default();
    for post in messages {
        post.conversation = match post.to {
            Recipient::Group(group) => group.0,
            Recipient::Account(account) => {
                let shared = pair(post.submission.by, post.to).and_then(|pair| shared.get(&pair));
                let shared = shared.ok_or_else(|| missing_row("conversation"))?;
                let is_declined = post.stage == ContactStage::Request { is_declined: true };
                let declined = is_declined.then(|| shared.withheld_as_declined());
                if let Some(run) = shared.withheld_from(account).or(declined) {
                    withheld.entry(post.index).or_default().insert(account, run);
                }
                if shared.withheld_from(post.submission.by).is_some() {
                    ctx.note_known_block(post.submission.by, account);
                }
                let is_request = matches!(post.stage, ContactStage::Request { .. });
                if names.is_due(shared, post.submission.by, account, is_request) {
                    post.named = BTreeSet::from([account]);
                }
                if post.stage == ContactStage::Answer {
                    let progress =
                        request::reveal_to_asker(ctx.engine, shared, account, post.submission.by)?;
                    post.progress = progress.into_iter().map(|it| (Seq(0), it)).collect();
                }
                shared.conversation
            }
        };
    }
    pair::set_named(ctx.engine, names.changed())
}

/// Assigns each post its positions in the logs of the sender and of the recipients, and returns them.
fn assign_positions(
    ctx: &mut BatchContext<'_>,
    messages: &mut [NewMessage<'_>],
    withheld: &WithheldPosts,
) -> Vec<Vec<(AccountId, Seq)>> {
    let mut all = Vec::with_capacity(messages.len());
    let mut named = HashSet::new();
    for post in messages {
        let by = post.submission.by;
        if let Recipient::Group(group) = post.to
            && named.insert((group, by))
        {
            post.named = members_without_name(ctx, group, by);
        }
        let mut to = Vec::new();
        if let Some(seq) = ctx.next_seq(by) {
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
            let numbered = |(_, progress)| Some((ctx.next_seq(asker)?, progress));
            post.progress =
                std::mem::take(&mut post.progress).into_iter().filter_map(numbered).collect();
        }
        for account in receivers {
            if account != by
                && !withheld.get(&post.index).is_some_and(|from| from.contains_key(&account))
                && let Some(seq) = ctx.next_seq(account)
            {
                to.push((account, seq));
            }
        }
        all.push(to);
    }
    all
}

/// Sets the ids of the stored messages.
fn set_ids(messages: &mut [NewMessage<'_>], ids: &[Row]) -> Result<()> {
    let id = |row: &Row| Ok(((row.int(0)?, row.int(1)?), MessageId(row.int(2)?)));
    let ids = ids.iter().map(id).collect::<Result<HashMap<_, _>>>()?;
    for post in messages {
        let key = (post.submission.by.0, post.sender_seq.0);
        post.id = *ids.get(&key).ok_or_else(|| missing_row("message"))?;
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
        others(post.others),
        Value::Terms(attached.map_or(post.content, |it| it.searched.as_str())),
    ]
}

statements! {
    pub(super) static ADD_MESSAGES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into message (conversation, sender, recipient, content, subject, at, ref, seq, reply_to, files, \
             names, others, words) select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], \
             $5::bigint[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], \
             $12::bigint[], $13::text[]) as r(conversation, sender, recipient, content, subject, at, ref, seq, \
             reply_to, files, names, others, words) \
             returning sender, seq, id",
        sqlite:
            "insert or fail into message (conversation, sender, recipient, content, subject, at, ref, seq, \
             reply_to, files, names, others) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    })
    .with_sqlite_answer(&[Known::Parameter(2), Known::Parameter(8), Known::NewId]);
}
