//! Group commit: what many connections want done, in one transaction.
//!
//! A batch is carried out on a [`ledger`]: it finds and locks what the batch touches, always in the same order, so that
//! nodes cannot block each other in a circle; then each deed has a file here; then the ledger writes the events.
//! Posts that follow each other, and all receipts, are done together: a round trip for many, not for each. And what does
//! not need the answer to another is asked together with it.

mod block;
mod blocker;
mod deed;
mod group;
mod invite;
mod ledger;
mod pair;
mod post;
mod reader;
mod receipt;
mod request;
mod retain;
mod revise;
mod room;
mod whole;

use std::collections::BTreeMap;

use wire::limit::{SESSION_LIFE_MS, SESSION_USE_MS};
use wire::{AccountId, Code, Seq, SessionId};

use crate::engine::{Engine, ForEach, Row, Rows, Type, Value, run_all};
use crate::event::What;
use crate::{Contact, Error, Result, Store};
pub use deed::{Alteration, Deed};
use ledger::Ledger;
use post::ADD_MESSAGES;
use receipt::ADVANCE_DELIVERED;

/// Something that an account wants done.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who wants it.
    pub by: AccountId,
    /// Its own name for it; that of an entry is unique among the account's.
    pub reference: Option<String>,
    /// What.
    pub deed: Deed,
}

/// What is to be done together.
#[derive(Debug, Default)]
pub struct Batch {
    /// What accounts want, in the order in which it is done.
    pub acts: Vec<Act>,
    /// Sessions that have an open socket at the batch's time: they count as in use for [`SESSION_USE_MS`], and end
    /// [`SESSION_LIFE_MS`] later.
    pub uses: Vec<SessionId>,
    /// Accounts whose last connection has ended, and when, in milliseconds.
    pub departures: Vec<(AccountId, i64)>,
}

/// What has been done.
#[derive(Debug)]
pub struct Committed {
    /// What became of each act.
    pub outcomes: Vec<Outcome>,
    /// The events that came of it, those of each log in order.
    pub news: Vec<News>,
}

/// The same event in several logs.
#[derive(Debug)]
pub struct News {
    /// What happened.
    pub what: What,
    /// In whose log it is, and where there.
    pub to: Vec<(AccountId, Seq)>,
    /// The act whose answer this is, in the log of who wanted it.
    pub answers: Option<usize>,
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done: one of the news is its answer.
    Done,
    /// It was done before, under the same `ref`: the first answer.
    Repeat(What, Seq),
    /// There was nothing left to do.
    Nothing,
    /// It is not done.
    Refused(Refusal),
}

/// Why an act is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For a program.
    pub code: Code,
    /// For a person.
    pub message: &'static str,
}

impl Refusal {
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
        let rules = Rules { contact: self.contact, quota, follows_later };
        self.write_messages(|engine| commit(engine, batch, at, rules))
    }
}

/// What the operator has set.
#[derive(Clone, Copy)]
struct Rules {
    /// How strangers come together.
    contact: Contact,
    /// Bytes that one account may have stored.
    quota: i64,
    /// Whether there may be messages that seem to come from later than now, since a clock was wrong.
    follows_later: bool,
}

fn commit(engine: &mut dyn Engine, batch: &Batch, at: i64, rules: Rules) -> Result<Committed> {
    let (mut ledger, receipts) = Ledger::open(engine, batch, at, rules)?;
    let mut posts = Vec::new();
    for (place, act) in batch.acts.iter().enumerate() {
        match &act.deed {
            Deed::Post { .. } => posts.push(place),
            Deed::Received { .. } | Deed::Read { .. } => {}
            // What it does must meet what was said before it.
            deed => {
                post::store(&mut ledger, &std::mem::take(&mut posts))?;
                if !ledger.is_settled(place) && ledger.claim(place) {
                    let outcome = alone(&mut ledger, place, act, deed)?;
                    if outcome != Outcome::Done {
                        ledger.release(place);
                    }
                    ledger.settle(place, outcome);
                }
            }
        }
    }
    let posts = post::prepare(&mut ledger, &posts)?;
    let all = [(&ADD_MESSAGES, posts.rows()), (&ADVANCE_DELIVERED, receipts.delivered_positions())];
    let [ids, advanced] = run_all(ledger.engine, &all)?;
    posts.tell(&mut ledger, &ids)?;
    receipt::store(&mut ledger, &receipts, &advanced)?;
    let committed = ledger.close()?;
    note_departures(engine, &batch.departures)?;
    note_uses(engine, &batch.uses, at)?;
    engine.move_recent()?;
    Ok(committed)
}

/// The table of what is done act by act.
fn alone(ledger: &mut Ledger<'_>, place: usize, act: &Act, deed: &Deed) -> Result<Outcome> {
    let is_leaving = matches!(deed, Deed::Change { how: Alteration::Leave, .. });
    // A deleted account can do one thing still: go out of its groups.
    if !is_leaving && !ledger.has_log(act.by) {
        return Ok(Outcome::Refused(Refusal::GONE));
    }
    let done = match deed {
        Deed::Edit { content, .. } => revise::edit(ledger, place, act.by, content),
        Deed::Delete { .. } => revise::delete(ledger, place, act.by),
        Deed::React { emoji, .. } => revise::react(ledger, place, act.by, emoji.as_deref()),
        Deed::Block { id } => block::block(ledger, place, act.by, *id),
        Deed::Unblock { id } => block::unblock(ledger, place, act.by, *id),
        Deed::Accept { id } => request::accept(ledger, place, act.by, *id),
        Deed::Decline { id } => request::decline(ledger, place, act.by, *id),
        Deed::Retain { with, days } => retain::retain(ledger, place, act, *with, *days),
        Deed::Create { name, members } => group::create(ledger, place, act, name, members),
        Deed::Change { group, how } => group::change(ledger, place, act, *group, how),
        Deed::Join { group } => invite::join(ledger, place, act.by, *group),
        Deed::DeclineInvitation { group } => invite::decline(ledger, place, act.by, *group),
        Deed::Post { .. } | Deed::Received { .. } | Deed::Read { .. } => Ok(Ok(Outcome::Nothing)),
    };
    Ok(done?.unwrap_or_else(Outcome::Refused))
}

/// What a deed makes: an outcome or a refusal, if the database does its part.
type Done = Result<std::result::Result<Outcome, Refusal>>;

static NOTE_USES: ForEach = ForEach {
    sql: "update session set seen_at = r.at, expires_at = r.expires_at from {rows} \
          where session.id = r.session and seen_at < r.at",
    columns: &[("session", Type::Int), ("at", Type::Int), ("expires_at", Type::Int)],
};

fn note_uses(engine: &mut dyn Engine, uses: &[SessionId], at: i64) -> Result<()> {
    let row = |session: &SessionId| {
        let (used, ends) = (at + SESSION_USE_MS, at + SESSION_LIFE_MS);
        vec![Value::Int(session.0), Value::Int(used), Value::Int(ends)]
    };
    for_each(engine, &NOTE_USES, uses.iter().map(row))
}

static NOTE_DEPARTURES: ForEach = ForEach {
    sql: "update log set seen_at = r.at from {rows} where log.account = r.account",
    columns: &[("account", Type::Int), ("at", Type::Int)],
};

fn note_departures(engine: &mut dyn Engine, departures: &[(AccountId, i64)]) -> Result<()> {
    let mut latest = BTreeMap::new();
    for (account, at) in departures {
        let so_far = latest.entry(account.0).or_insert(*at);
        *so_far = *at.max(so_far);
    }
    let departures = latest.iter();
    let row = |(account, at): (&i64, &i64)| [*account, *at].map(Value::Int).to_vec();
    for_each(engine, &NOTE_DEPARTURES, departures.map(row))
}

/// Runs one statement, if there are rows for it.
fn ask(engine: &mut dyn Engine, statement: &'static ForEach, rows: Rows<'_>) -> Result<Vec<Row>> {
    run_all(engine, &[(statement, rows)]).map(|[answer]| answer)
}

/// Runs one that returns nothing.
fn for_each<'v>(
    engine: &mut dyn Engine,
    statement: &'static ForEach,
    rows: impl IntoIterator<Item = Vec<Value<'v>>>,
) -> Result<()> {
    ask(engine, statement, rows.into_iter().collect()).map(drop)
}

fn lost(what: &str) -> Error {
    Error::Broken(format!("a {what} that was just written is not there"))
}
