//! Group commit: what many connections want done, in one transaction.
//!
//! A batch is carried out on a [`context`]: it finds and locks what the batch touches, always in the same order, so that
//! nodes cannot block each other in a circle; then each operation has a file here; then the ledger writes the events.
//! PreparedPosts that follow each other, and all receipts, are done together: a round trip for many, not for each. And what does
//! not need the answer to another is asked together with it.

mod audience;
mod block;
mod blocker;
mod context;
mod group;
mod group_progress;
mod group_state;
mod invite;
mod new_entry;
mod operation;
mod pair;
mod post;
mod receipt;
mod request;
mod retention;
mod revise;
mod withheld_posts;

use std::collections::BTreeMap;

use wire::limit::{SESSION_LIFE_MS, SESSION_USE_MS};
use wire::{AccountId, Code, Seq, SessionId};

use crate::engine::{BatchStatement, Engine, Row, Rows, Statement, Value, run_batches, statements};
use crate::event::EventBody;
use crate::{ContactPolicy, Error, Result, Store};
use context::BatchContext;
pub use operation::{GroupAction, Operation};
use post::ADD_MESSAGES;
use receipt::ADVANCE_DELIVERED;

/// Something that an account wants done.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who wants it.
    pub by: AccountId,
    /// Its own name for it; that of an entry is unique among the account's.
    pub reference: Option<String>,
    /// What.
    pub operation: Operation,
}

/// What is to be done together.
#[derive(Debug, Default)]
pub struct Batch {
    /// What accounts want, in the order in which it is done.
    pub submissions: Vec<Submission>,
    /// Sessions that have an open socket at the batch's time: they count as in use for [`SESSION_USE_MS`], and end
    /// [`SESSION_LIFE_MS`] later.
    pub session_uses: Vec<SessionId>,
    /// Accounts whose last connection has ended, and when, in milliseconds.
    pub disconnections: Vec<(AccountId, i64)>,
}

/// What has been done.
#[derive(Debug)]
pub struct Committed {
    /// What became of each submission.
    pub outcomes: Vec<Outcome>,
    /// The events that came of it, those of each log in order.
    pub events: Vec<CommittedEvent>,
}

/// The same event in several logs.
#[derive(Debug)]
pub struct CommittedEvent {
    /// What happened.
    pub body: EventBody,
    /// In whose log it is, and where there.
    pub to: Vec<(AccountId, Seq)>,
    /// The submission whose answer this is, in the log of who wanted it.
    pub submission: Option<usize>,
}

/// What became of an submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done: one of the news is its answer.
    Done,
    /// It was done before, under the same `ref`: the first answer.
    Repeat(EventBody, Seq),
    /// There was nothing left to do.
    Unchanged,
    /// It is not done.
    Rejected(Rejection),
}

/// Why an submission is not done.
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
    /// Does what `batch` holds in one transaction and says what became of it.
    ///
    /// `at` is the time it carries, in milliseconds. Each account's log stays without a hole whoever else writes.
    ///
    /// # Errors
    /// None of the batch is done, except that [`Error::InDoubt`] leaves it open.
    pub fn commit(&self, batch: &Batch, at: i64) -> Result<Committed> {
        let quota = self.quota().unwrap_or(i64::MAX);
        let follows_later = self.clock.has_given_later(at);
        let policy = CommitPolicy { contact: self.contact, quota, follows_later };
        self.write_messages(|engine| commit(engine, batch, at, policy))
    }
}

/// What the operator has set.
#[derive(Clone, Copy)]
struct CommitPolicy {
    /// How strangers come together.
    contact: ContactPolicy,
    /// Bytes that one account may have stored.
    quota: i64,
    /// Whether there may be messages that seem to come from later than now, since a clock was wrong.
    follows_later: bool,
}

fn commit(
    engine: &mut dyn Engine,
    batch: &Batch,
    at: i64,
    policy: CommitPolicy,
) -> Result<Committed> {
    let (mut ctx, receipts) = BatchContext::open(engine, batch, at, policy)?;
    let mut posts = Vec::new();
    for (index, submission) in batch.submissions.iter().enumerate() {
        match &submission.operation {
            Operation::Post { .. } => posts.push(index),
            Operation::Received { .. } | Operation::Read { .. } => {}
            // What it does must meet what was said before it.
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
    let committed = ctx.close()?;
    record_disconnections(engine, &batch.disconnections)?;
    record_session_uses(engine, &batch.session_uses, at)?;
    engine.move_recent()?;
    Ok(committed)
}

/// The table of what is done submission by submission.
fn alone(
    ctx: &mut BatchContext<'_>,
    index: usize,
    submission: &Submission,
    operation: &Operation,
) -> Result<Outcome> {
    let is_leaving = matches!(operation, Operation::ChangeGroup { action: GroupAction::Leave, .. });
    // A deleted account can do one thing still: go out of its groups.
    if !is_leaving && !ctx.has_log(submission.by) {
        return Ok(Outcome::Rejected(Rejection::GONE));
    }
    let done = match operation {
        Operation::Edit { content, .. } => revise::edit(ctx, index, submission.by, content),
        Operation::Delete { .. } => revise::delete(ctx, index, submission.by),
        Operation::React { emoji, .. } => {
            revise::react(ctx, index, submission.by, emoji.as_deref())
        }
        Operation::Block { id } => block::block(ctx, index, submission.by, *id),
        Operation::Unblock { id } => block::unblock(ctx, index, submission.by, *id),
        Operation::Accept { id } => request::accept(ctx, index, submission.by, *id),
        Operation::Decline { id } => request::decline(ctx, index, submission.by, *id),
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

/// Runs one statement, if there are rows for it.
fn ask(
    engine: &mut dyn Engine,
    statement: &'static BatchStatement,
    rows: Rows<'_>,
) -> Result<Vec<Row>> {
    run_batches(engine, &[(statement, rows)]).map(|[answer]| answer)
}

/// Runs one that returns nothing.
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
