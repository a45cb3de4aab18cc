//! Group commit: the operations of many connections in one transaction.
//!
//! The [`context`] of a batch finds and locks the rows that the batch touches, always in the same order, so that nodes cannot
//! deadlock. Then the operations are carried out; each kind has a file here. At the end the context writes the events.
//! Consecutive posts, and all receipts, share their statements: one round trip for many operations. Statements that do not
//! need each other's results are sent together.

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
mod own;
mod pair;
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
    /// The account that submits it.
    pub by: AccountId,
    /// The client's `ref`. The `ref` of an entry is unique among those of the account.
    pub reference: Option<String>,
    /// The operation.
    pub operation: Operation,
}

/// What is stored in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// Operations, in the order in which they are carried out.
    pub submissions: Vec<Submission>,
    /// Sessions with an open connection at the time of the batch. They count as in use for [`SESSION_USE_MS`], and expire
    /// after [`SESSION_LIFE_MS`].
    pub session_uses: Vec<SessionId>,
    /// Accounts whose last connection has closed, and the time of that in milliseconds.
    pub disconnections: Vec<(AccountId, i64)>,
}

/// The result of a batch.
#[derive(Debug)]
pub struct Committed {
    /// The outcome of each submission.
    pub outcomes: Vec<Outcome>,
    /// The events of the batch. Those of each log are in order.
    pub events: Vec<CommittedEvent>,
}

/// An event that was written to one or several logs.
#[derive(Debug)]
pub struct CommittedEvent {
    /// The content of the event.
    pub body: EventBody,
    /// The accounts whose logs have it, and its position in each.
    pub to: Vec<(AccountId, Seq)>,
    /// The index of the submission whose reply this is, in the log of the account that submitted it.
    pub submission: Option<usize>,
    /// The names that go with it, and to whom.
    named: Option<(EventNames, BTreeSet<AccountId>)>,
}

impl CommittedEvent {
    /// An event with which no names go.
    #[must_use]
    pub fn new(body: EventBody, to: Vec<(AccountId, Seq)>, submission: Option<usize>) -> Self {
        Self { body, to, submission, named: None }
    }

    /// The names that go with it to one of the accounts.
    #[must_use]
    pub fn names(&self, to: AccountId) -> Option<&EventNames> {
        let (names, named) = self.named.as_ref()?;
        named.contains(&to).then_some(names)
    }
}

/// The outcome of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored; one of the events is its reply.
    Done,
    /// It was stored before under the same `ref`. This is the first reply.
    Repeat(EventBody, Seq),
    /// There was nothing to change, or operations of its kind cause no event.
    Unchanged,
    /// It was not carried out.
    Rejected(Rejection),
}

/// Why a submission was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// For a program.
    pub code: Code,
    /// For a person.
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
    /// Carries out a batch in one transaction.
    ///
    /// `at` is the time of its events, in milliseconds. Each account's log stays without a gap, whichever nodes write to it.
    ///
    /// # Errors
    /// Nothing of the batch is stored, except that after [`Error::InDoubt`] all of it may be.
    pub fn commit(&self, batch: &Batch, at: i64) -> Result<Committed> {
        let quota = self.quota().unwrap_or(i64::MAX);
        let follows_later = self.clock.has_given_later(at);
        let policy = CommitPolicy { contact: self.contact, quota, follows_later };
        let mut announcing = self.announcer.lock();
        let notice = announcing.next();
        let done = self.write_messages(|engine| commit(engine, batch, at, policy, notice));
        match &done {
            Ok((_, is_announced)) if !is_announced => {}
            Ok(_) | Err(Error::InDoubt(_)) => announcing.advance(),
            Err(_) => {}
        }
        done.map(|(committed, _)| committed)
    }
}

/// Settings of the operator that a commit obeys.
#[derive(Clone, Copy)]
struct CommitPolicy {
    /// How accounts that do not know each other make contact.
    contact: ContactPolicy,
    /// The quota of one account, in bytes.
    quota: i64,
    /// Whether messages may carry a later time than now, because a clock was wrong.
    follows_later: bool,
}

/// Also returns whether other nodes are told of it by this `notice`.
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
            // The operation must see the posts before it.
            operation => {
                post::store(&mut ctx, &std::mem::take(&mut posts))?;
                if !ctx.has_outcome(index) && ctx.claim_ref(index) {
                    let outcome = alone(&mut ctx, index, submission, operation)?;
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
    posts.tell(&mut ctx, &ids)?;
    receipt::store(&mut ctx, &receipts, &advanced)?;
    let committed = ctx.close(notice)?;
    record_disconnections(engine, &batch.disconnections)?;
    record_session_uses(engine, &batch.session_uses, at)?;
    engine.move_recent()?;
    Ok(committed)
}

/// Carries out an operation that shares its statements with no other.
fn alone(
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
            own::set(ctx, index, submission.by, *with, change)
        }
        Operation::ClearConversation { with } => own::clear(ctx, index, submission.by, *with),
        Operation::Hide { id } => own::hide(ctx, index, submission.by, *id),
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

/// Why an operation has no outcome.
#[derive(Debug)]
enum OpError {
    /// It may not be carried out. The rest of the batch goes on.
    Rejected(Rejection),
    /// The database has failed, and the batch with it.
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
    for_each(engine, &RECORD_SESSION_USES, uses.iter().map(row))
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
    for_each(engine, &RECORD_DISCONNECTIONS, disconnections.map(row))
}

/// Runs one statement for each of `rows`, unless there are none.
fn ask(
    engine: &mut dyn Engine,
    statement: &'static BatchStatement,
    rows: Rows<'_>,
) -> Result<Vec<Row>> {
    run_batches(engine, &[(statement, rows)]).map(|[answer]| answer)
}

/// As [`ask`], for a statement that returns nothing.
fn for_each<'v>(
    engine: &mut dyn Engine,
    statement: &'static BatchStatement,
    rows: impl IntoIterator<Item = Vec<Value<'v>>>,
) -> Result<()> {
    ask(engine, statement, rows.into_iter().collect()).map(drop)
}

fn lost(what: &str) -> Error {
    Error::Internal(format!("a {what} that was just written is not there"))
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
