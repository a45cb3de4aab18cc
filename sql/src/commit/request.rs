//! Message requests: who writes to somebody who does not know it waits for an answer, and for no more than a few messages.
//!
//! That the other has declined, or has blocked it, changes nothing of what it can tell.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wire::limit::{REQUEST_MESSAGES_MAX, REQUESTS_OPEN_MAX};
use wire::{AccountId, Code, MessageId, To};

use super::ledger::Ledger;
use super::pair::{self, Pair, Request, Shared, pair};
use super::{Done, Outcome, Refusal, ask};
use crate::engine::{Engine, ForEach, Type, Value};
use crate::event::{Kind, Receipt, What};
use crate::{Contact, Result};

const TOO_MANY_MESSAGES: Refusal = Refusal {
    code: Code::NotAccepted,
    message: "five messages or invitations wait for this account; write again once it has answered",
};
const TOO_MANY_OPEN: Refusal = Refusal {
    code: Code::NotAccepted,
    message: "50 of your requests wait for an answer; write to somebody new once one is answered",
};
pub(super) const STRANGERS: Refusal = Refusal {
    code: Code::NotAccepted,
    message: "you do not know each other yet; do that once one has accepted the other",
};
const NOTHING_WAITS: Refusal =
    Refusal::not_found("no request of this account waits for you to accept or decline it");
const KNOWN: Refusal = Refusal::forbidden("you know this account: block it instead");

/// How something comes to who it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// They know each other.
    Known,
    /// As a request.
    Request {
        /// Which the other has declined before: it does not come.
        is_declined: bool,
    },
    /// It answers the other's request: now they know each other.
    Answer,
}

/// Who asks whom, as a batch goes on.
pub(super) struct Requests {
    contact: Contact,
    /// Of the pairs that the batch is about; those that are new are not there before somebody has asked.
    now: HashMap<Pair, Request>,
    /// How many requests of an account are open, of those who may begin one.
    open: HashMap<AccountId, i64>,
    changed: BTreeSet<Pair>,
}

static COUNT_OPEN: ForEach = ForEach {
    sql: "select r.account, (select count(*) from conversation c where c.asker = r.account and c.open = 1) \
          from {rows}",
    columns: &[("account", Type::Int)],
};

impl Requests {
    /// As it is now: `found` is what there is of the pairs of these people, of whom the first wants something of the second.
    pub(super) fn begin(
        ledger: &mut Ledger<'_>,
        found: &HashMap<Pair, Shared>,
        people: impl Iterator<Item = (AccountId, AccountId)>,
    ) -> Result<Self> {
        let contact = ledger.rules.contact;
        let now = found.iter().map(|(pair, shared)| (*pair, shared.request)).collect();
        let mut requests = Self { contact, now, open: HashMap::new(), changed: BTreeSet::new() };
        if contact == Contact::Request {
            let opens = |by: AccountId, pair: Pair| {
                let request = found.get(&pair).map(|shared| shared.request);
                request.is_none_or(|it| it.asker == Some(by) && !it.is_open)
            };
            let begins = |(by, other): &(AccountId, AccountId)| {
                by != other && pair(*by, To::Account(*other)).is_some_and(|it| opens(*by, it))
            };
            let beginners: BTreeSet<i64> = people.filter(begins).map(|(by, _)| by.0).collect();
            let rows = beginners.into_iter().map(|by| vec![Value::Int(by)]).collect();
            for row in ask(ledger.engine, &COUNT_OPEN, rows)? {
                requests.open.insert(AccountId(row.int(0)?), row.int(1)?);
            }
        }
        Ok(requests)
    }

    /// Has `by` say something to `other`, if it may now; and tells how it comes.
    pub(super) fn take(
        &mut self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<Manner, Refusal> {
        let manner = self.manner(by, other)?;
        self.note(by, other, manner);
        Ok(manner)
    }

    /// Whether `by` may say something to `other` now, and how it comes.
    pub(super) fn manner(
        &self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<Manner, Refusal> {
        if by == other || self.contact == Contact::Open {
            return Ok(Manner::Known);
        }
        let now = pair(by, To::Account(other)).and_then(|pair| self.now.get(&pair));
        match now {
            Some(Request { asker: None, .. }) => Ok(Manner::Known),
            Some(Request { asker: Some(asker), .. }) if *asker != by => Ok(Manner::Answer),
            Some(Request { asks, .. }) if *asks >= REQUEST_MESSAGES_MAX => Err(TOO_MANY_MESSAGES),
            Some(Request { is_declined, is_open: true, .. }) => {
                Ok(Manner::Request { is_declined: *is_declined })
            }
            _ if self.open.get(&by).is_none_or(|open| *open >= REQUESTS_OPEN_MAX) => {
                Err(TOO_MANY_OPEN)
            }
            now => Ok(Manner::Request { is_declined: now.is_some_and(|it| it.is_declined) }),
        }
    }

    /// It is said.
    pub(super) fn note(&mut self, by: AccountId, other: AccountId, manner: Manner) {
        let Some(pair) = pair(by, To::Account(other)) else { return };
        match manner {
            Manner::Known => drop(self.now.entry(pair).or_default()),
            Manner::Answer => {
                if self.now.insert(pair, Request::default()).is_some_and(|it| it.is_open) {
                    self.open.entry(other).and_modify(|open| *open -= 1);
                }
                self.changed.insert(pair);
            }
            Manner::Request { .. } => {
                let now = self.now.entry(pair).or_default();
                now.asker = Some(by);
                now.asks += 1;
                if !std::mem::replace(&mut now.is_open, true) {
                    self.open.entry(by).and_modify(|open| *open += 1);
                }
                self.changed.insert(pair);
            }
        }
    }

    /// Whether `by` may invite `other` now. Who was asked by it does not answer so, and may invite as often as one may ask.
    pub(super) fn invitation(
        &self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<Manner, Refusal> {
        let manner = self.manner(by, other)?;
        let now = pair(by, To::Account(other)).and_then(|pair| self.now.get(&pair));
        let invites = now.map_or(0, |request| request.invites);
        if manner == Manner::Answer && invites >= REQUEST_MESSAGES_MAX {
            return Err(TOO_MANY_MESSAGES);
        }
        Ok(manner)
    }

    /// It is invited.
    pub(super) fn note_invitation(&mut self, by: AccountId, other: AccountId, manner: Manner) {
        match manner {
            Manner::Known => {}
            Manner::Request { .. } => self.note(by, other, manner),
            Manner::Answer => {
                let Some(pair) = pair(by, To::Account(other)) else { return };
                self.now.entry(pair).and_modify(|request| request.invites += 1);
                self.changed.insert(pair);
            }
        }
    }

    /// Writes it down, and makes the conversations that are new.
    pub(super) fn store(
        self,
        engine: &mut dyn Engine,
        mut found: HashMap<Pair, Shared>,
    ) -> Result<HashMap<Pair, Shared>> {
        let Self { now, changed, .. } = self;
        let set = changed
            .iter()
            .filter_map(|pair| Some((found.get(pair)?.conversation, *now.get(pair)?)));
        let set: Vec<_> = set.collect();
        pair::set(engine, set)?;
        pair::add(engine, now.into_iter().collect::<BTreeMap<_, _>>(), &mut found)?;
        Ok(found)
    }
}

/// From now on the two know each other.
pub(super) fn accept(ledger: &mut Ledger<'_>, place: usize, by: AccountId, id: AccountId) -> Done {
    if !ledger.has_log(id) {
        return Ok(Err(Refusal::NO_ACCOUNT));
    }
    let shared = pair::find(ledger.engine, by, id)?;
    let (shared, asker) = match shared.map(|shared| (shared, shared.request.asker)) {
        Some((shared, Some(asker))) => (shared, asker),
        Some((_, None)) => return Ok(Ok(Outcome::Nothing)),
        None if by == id || ledger.rules.contact == Contact::Open => {
            return Ok(Ok(Outcome::Nothing));
        }
        None => return Ok(Err(NOTHING_WAITS)),
    };
    if asker != id {
        return Ok(Err(NOTHING_WAITS));
    }
    pair::set(ledger.engine, [(shared.conversation, Request::default())])?;
    ledger.tell([by], (Kind::Accept, None, Some(id)), What::Accept { id }, Some(place));
    for reached in meet(ledger.engine, &shared, id, by)? {
        let (kind, what) = reached.told(by);
        ledger.tell([id], (kind, Some(reached.id), Some(by)), what, None);
    }
    Ok(Ok(Outcome::Done))
}

/// From now on nothing from `id` arrives, until one writes to it or accepts it. It is not told.
pub(super) fn decline(ledger: &mut Ledger<'_>, place: usize, by: AccountId, id: AccountId) -> Done {
    if !ledger.has_log(id) {
        return Ok(Err(Refusal::NO_ACCOUNT));
    }
    let shared = pair::find(ledger.engine, by, id)?;
    let (conversation, request) = match shared.map(|it| (it.conversation, it.request)) {
        Some((_, Request { asker: None, .. })) => return Ok(Err(KNOWN)),
        Some(found) => found,
        None if by == id || ledger.rules.contact == Contact::Open => return Ok(Err(KNOWN)),
        None => return Ok(Err(NOTHING_WAITS)),
    };
    if request.asker != Some(id) {
        return Ok(Err(NOTHING_WAITS));
    }
    if request.is_declined {
        return Ok(Ok(Outcome::Nothing));
    }
    pair::set(ledger.engine, [(conversation, Request { is_declined: true, ..request })])?;
    ledger.tell([by], (Kind::Decline, None, Some(id)), What::Decline { id }, Some(place));
    Ok(Ok(Outcome::Done))
}

/// How far somebody had come in what a request said before it was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub(super) id: MessageId,
    is_read: bool,
}

impl Reached {
    /// The receipt that its sender gets now.
    pub(super) fn told(self, by: AccountId) -> (Kind, What) {
        let receipt = Receipt { id: self.id, by, all: false };
        match self.is_read {
            true => (Kind::Read, What::Read(receipt)),
            false => (Kind::Delivered, What::Delivered(receipt)),
        }
    }
}

/// `by` knows `asker` now: what it did to the messages of the request is shown to `asker`, and how far it had come with them is
/// returned. Nothing if one of the two has blocked the other.
pub(super) fn meet(
    engine: &mut dyn Engine,
    shared: &Shared,
    asker: AccountId,
    by: AccountId,
) -> Result<Vec<Reached>> {
    // The statements are run for nobody then, so that `by` cannot tell by the round trips.
    let asker = if shared.is_blocked() { AccountId(0) } else { asker };
    let sql = "delete from withheld_reaction where account = $1 and reactor = $2 \
               and message in (select e.message from entry e where e.conversation = $3)";
    engine.run(sql, &[asker.0, by.0, shared.conversation].map(Value::Int))?;
    // There are a few messages.
    let sql = "select max(case when e.message <= s.delivered then e.message end), \
               max(case when e.message <= s.read then e.message end) \
               from member s join entry e on e.conversation = s.conversation \
               where s.conversation = $1 and s.account = $2 and e.kind = 0 and e.sender = $3 \
               and not exists (select 1 from withheld w where w.message = e.message and w.account = s.account)";
    let rows = engine.run(sql, &[shared.conversation, by.0, asker.0].map(Value::Int))?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let reached = [(row.maybe_int(0)?, false), (row.maybe_int(1)?, true)].into_iter();
    let reached = reached.filter_map(|(id, is_read)| Some(Reached { id: MessageId(id?), is_read }));
    Ok(reached.collect())
}
