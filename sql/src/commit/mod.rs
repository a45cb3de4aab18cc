//! Group commit: the operations of many connections in one transaction.
//!
//! A commit has three steps.
//!
//! 1. [`BatchContext::open`] finds and locks the rows that the batch touches. The order is always the same, so nodes cannot
//!    deadlock.
//! 2. The operations are carried out in their order. Each kind of operation has a file in this folder. Consecutive posts, and all
//!    receipts of the batch, share their statements: one round trip serves many operations.
//! 3. [`BatchContext::finish`] writes the events into the logs of the accounts.
//!
//! Statements that do not need each other's results are sent to the database together.

mod attach;
mod audience;
mod batch_receipts;
mod block;
mod blocker;
mod context;
mod group;
mod group_progress;
mod group_state;
mod invitation;
mod invite;
mod member;
mod naming;
mod new_entry;
mod operation;
mod pair;
mod personal;
mod post;
mod receipt;
mod report;
mod request;
mod retention;
mod revise;
mod target;
mod withheld_posts;

use std::collections::{BTreeMap, BTreeSet};

use wire::limit::{SESSION_LIFE_MS, SESSION_USE_MS};
use wire::{AccountId, Code, Seq, SessionId};

use crate::engine::{BatchStatement, Engine, Row, Rows, Statement, Value, run_batches, statements};
use crate::event::{EventBody, EventNames};
use crate::node::NoticeKey;
use crate::{ContactPolicy, Error, Result, Store};
use context::BatchContext;
pub use operation::{GroupAction, Operation};
use post::ADD_MESSAGES;
use receipt::ADVANCE_DELIVERED;

/// An operation that an account has submitted.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The account that submits the operation.
    pub by: AccountId,
    /// The client's `ref`. The `ref` of an entry is unique among those of the account.
    pub reference: Option<String>,
    /// The operation.
    pub operation: Operation,
}

/// What one transaction stores.
#[derive(Debug, Default)]
pub struct Batch {
    /// Operations, in the order in which they are carried out.
    pub submissions: Vec<Submission>,
    /// Sessions that have an open connection at the time of the batch. From then on they count as in use for
    /// [`SESSION_USE_MS`] and live for [`SESSION_LIFE_MS`].
    pub session_uses: Vec<SessionId>,
    /// Accounts whose last connection has closed, each with the time of the close in milliseconds.
    pub disconnections: Vec<(AccountId, i64)>,
}

/// The result of a batch.
#[derive(Debug)]
pub struct Committed {
    /// The outcome of each submission, in the order of [`Batch::submissions`].
    pub outcomes: Vec<Outcome>,
    /// The events of the batch. Those of each log are in order.
    pub events: Vec<CommittedEvent>,
}

/// An event that was written to one or several logs.
#[derive(Debug)]
pub struct CommittedEvent {
    /// The content of the event.
    pub body: EventBody,
    /// The accounts whose logs have the event, and its position in each log.
    pub to: Vec<(AccountId, Seq)>,
    /// The index of the submission that this event answers. The submitter finds the event in its own log.
    pub submission: Option<usize>,
    /// The names that are sent with the event, and the accounts that get them.
    named: Option<(EventNames, BTreeSet<AccountId>)>,
}

impl CommittedEvent {
    /// An event that is sent without names.
    #[must_use]
    pub fn new(body: EventBody, to: Vec<(AccountId, Seq)>, submission: Option<usize>) -> Self {
        Self { body, to, submission, named: None }
    }

    /// The names that one of the accounts gets with the event.
    #[must_use]
    pub fn names(&self, to: AccountId) -> Option<&EventNames> {
        let (names, named) = self.named.as_ref()?;
        named.contains(&to).then_some(names)
    }
}

/// The outcome of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The operation is stored. One of the events of the batch is the reply.
    Done,
    /// An entry with the same `ref` was stored before. The values are the reply that the first submission got.
    Repeat(EventBody, Seq),
    /// The operation changed nothing, or operations of its kind cause no event.
    Unchanged,
    /// The operation was not carried out.
    Rejected(Rejection),
}

/// Why a submission was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The error code, for programs.
    pub code: Code,
    /// The text, for people.
    pub message: &'static str,
}

impl Rejection {
    const fn not_found(message: &'static str) -> Self {
        Self { code: Code::NotFound, message }
    }

    const fn forbidden(message: &'static str) -> Self {
        Self { code: Code::Forbidden, message }
    }

    const NO_ACCOUNT: Self = Self::not_found("no such account");
    const NO_MESSAGE: Self = Self::not_found("no such message that you can see");
    const NO_GROUP: Self = Self::not_found("you are in no such group");
    const OVER_QUOTA: Self = Self {
        code: Code::OverQuota,
        message: "you have as many bytes stored as an account may: delete messages, have conversations keep them for \
                  fewer days, or ask the operator for more",
    };
    const GONE: Self = Self { code: Code::Unauthorized, message: "this account is deleted" };
}

impl Store {
    /// Carries out a batch in one transaction. `at` is the time of its events, in milliseconds.
    ///
    /// The positions in each account's log stay without gaps, also while several nodes write to the log.
    ///
    /// # Errors
    /// After an error nothing of the batch is stored. After [`Error::InDoubt`] either the whole batch or nothing is stored.
    pub fn commit(&self, batch: &Batch, at: i64) -> Result<Committed> {
        let quota = self.quota().unwrap_or(i64::MAX);
        let follows_later = self.clock.has_given_later(at);
        let policy = CommitPolicy { contact: self.contact, quota, follows_later };
        let mut announcing = self.announcer.lock();
        let notice = self.announcer.next(&announcing);
        let done = self.write_messages(|engine| commit(engine, batch, at, policy, notice));
        match &done {
            Ok((_, is_announced)) if !is_announced => {}
            Ok(_) | Err(Error::InDoubt(_)) => self.announcer.advance(&mut announcing),
            Err(_) => {}
        }
        done.map(|(committed, _)| committed)
    }
}

/// The settings of the operator that commits obey, and the state of the clock.
#[derive(Clone, Copy)]
struct CommitPolicy {
    /// How accounts that do not know each other make contact.
    contact: ContactPolicy,
    /// The quota of one account, in bytes.
    quota: i64,
    /// Whether the database may have messages with a later time than now, because a clock was wrong.
    follows_later: bool,
}

/// Carries out a batch in the transaction of `engine`. Also returns whether `notice` was written, which tells other nodes of the
/// batch.
fn commit(
    engine: &mut dyn Engine,
    batch: &Batch,
    at: i64,
    policy: CommitPolicy,
    notice: Option<NoticeKey>,
) -> Result<(Committed, bool)> {
    let (mut ctx, receipts) = BatchContext::open(engine, batch, at, policy)?;
    let mut posts = Vec::new();
    for (index, submission) in batch.submissions.iter().enumerate() {
        match &submission.operation {
            Operation::Post { .. } => posts.push(index),
            Operation::Received { .. } | Operation::Read { .. } => {}
            // The operation must see the posts that come before it in the batch.
            operation => {
                post::store(&mut ctx, &std::mem::take(&mut posts))?;
                if !ctx.has_outcome(index) && ctx.claim_ref(index) {
                    let outcome = carry_out(&mut ctx, index, submission, operation)?;
                    if outcome != Outcome::Done {
                        ctx.release_ref(index);
                    }
                    ctx.record_outcome(index, outcome);
                }
            }
        }
    }
    let posts = post::prepare(&mut ctx, &posts)?;
    let all = [(&ADD_MESSAGES, posts.rows()), (&ADVANCE_DELIVERED, receipts.delivered_positions())];
    let [ids, advanced] = run_batches(ctx.engine, &all)?;
    posts.write_events(&mut ctx, &ids)?;
    receipt::store(&mut ctx, &receipts, &advanced)?;
    let committed = ctx.finish(notice)?;
    record_disconnections(engine, &batch.disconnections)?;
    record_session_uses(engine, &batch.session_uses, at)?;
    engine.move_recent()?;
    Ok(committed)
}

/// Carries out one operation. Posts and receipts are not carried out here, but many at once.
fn carry_out(
    ctx: &mut BatchContext<'_>,
    index: usize,
    submission: &Submission,
    operation: &Operation,
) -> Result<Outcome> {
    let is_leaving = matches!(operation, Operation::ChangeGroup { action: GroupAction::Leave, .. });
    // A deleted account can only leave its groups.
    if !is_leaving && !ctx.has_log(submission.by) {
        return Ok(Outcome::Rejected(Rejection::GONE));
    }
    let done = match operation {
        Operation::Edit { content, .. } => revise::edit(ctx, index, submission.by, content),
        Operation::Delete { .. } => revise::delete(ctx, index, submission.by),
        Operation::React { emoji, .. } => {
            revise::react(ctx, index, submission.by, emoji.as_deref())
        }
        Operation::Report { text, .. } => report::report(ctx, index, submission.by, text),
        Operation::Block { id } => block::block(ctx, index, submission.by, *id),
        Operation::Unblock { id } => block::unblock(ctx, index, submission.by, *id),
        Operation::Accept { id } => request::accept(ctx, index, submission.by, *id),
        Operation::Decline { id } => request::decline(ctx, index, submission.by, *id),
        Operation::SetConversation { with, change } => {
            personal::set(ctx, index, submission.by, *with, change)
        }
        Operation::ClearConversation { with } => personal::clear(ctx, index, submission.by, *with),
        Operation::Hide { id } => personal::hide(ctx, index, submission.by, *id),
        Operation::SetRetention { with, days } => {
            retention::set(ctx, index, submission, *with, *days)
        }
        Operation::CreateGroup { name, members } => {
            group::create(ctx, index, submission, name, members)
        }
        Operation::ChangeGroup { group, action } => {
            group::change(ctx, index, submission, *group, action)
        }
        Operation::JoinGroup { group } => invite::join(ctx, index, submission.by, *group),
        Operation::DeclineInvitation { group } => {
            invite::decline(ctx, index, submission.by, *group)
        }
        Operation::Refused(rejection) => Err((*rejection).into()),
        Operation::Post { .. } | Operation::Received { .. } | Operation::Read { .. } => {
            Ok(Outcome::Unchanged)
        }
    };
    match done {
        Ok(outcome) => Ok(outcome),
        Err(OpError::Rejected(rejection)) => Ok(Outcome::Rejected(rejection)),
        Err(OpError::Failed(error)) => Err(error),
    }
}

/// The reason why an operation was not carried out.
#[derive(Debug)]
enum OpError {
    /// The operation is refused. The rest of the batch goes on.
    Rejected(Rejection),
    /// The database has failed. The whole batch fails.
    Failed(Error),
}

impl From<Rejection> for OpError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Error> for OpError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type OpResult<T = Outcome> = std::result::Result<T, OpError>;

fn record_session_uses(engine: &mut dyn Engine, uses: &[SessionId], at: i64) -> Result<()> {
    let row = |session: &SessionId| {
        let (used, ends) = (at + SESSION_USE_MS, at + SESSION_LIFE_MS);
        vec![Value::Int(session.0), Value::Int(used), Value::Int(ends)]
    };
    execute_each(engine, &RECORD_SESSION_USES, uses.iter().map(row))
}

fn record_disconnections(
    engine: &mut dyn Engine,
    disconnections: &[(AccountId, i64)],
) -> Result<()> {
    let mut latest = BTreeMap::new();
    for (account, at) in disconnections {
        let so_far = latest.entry(account.0).or_insert(*at);
        *so_far = *at.max(so_far);
    }
    let disconnections = latest.iter();
    let row = |(account, at): (&i64, &i64)| [*account, *at].map(Value::Int).to_vec();
    execute_each(engine, &RECORD_DISCONNECTIONS, disconnections.map(row))
}

/// Runs a statement for each row of parameters, and returns the rows of all answers. Without parameters nothing is sent to the
/// database.
fn query_each(
    engine: &mut dyn Engine,
    statement: &'static BatchStatement,
    rows: Rows<'_>,
) -> Result<Vec<Row>> {
    run_batches(engine, &[(statement, rows)]).map(|[answer]| answer)
}

/// As [`query_each`], for a statement that returns nothing.
fn execute_each<'v>(
    engine: &mut dyn Engine,
    statement: &'static BatchStatement,
    rows: impl IntoIterator<Item = Vec<Value<'v>>>,
) -> Result<()> {
    query_each(engine, statement, rows.into_iter().collect()).map(drop)
}

fn missing_row(what: &str) -> Error {
    Error::Internal(format!("the database does not return a {what} that was just written"))
}

statements! {
    static RECORD_SESSION_USES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update session set seen_at = r.at, expires_at = r.expires_at \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r(session, at, expires_at) \
             where session.id = r.session and seen_at < r.at",
        sqlite: "update session set seen_at = ?2, expires_at = ?3 where session.id = ?1 and seen_at < ?2",
    });

    static RECORD_DISCONNECTIONS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update log set seen_at = r.at from unnest($1::bigint[], $2::bigint[]) as r(account, at) \
             where log.account = r.account",
        sqlite: "update log set seen_at = ?2 where log.account = ?1",
    });
}
