//! Contact requests: an account that writes to a stranger waits for an answer, and may send only a few messages until then.
//!
//! The asker cannot tell whether the other has declined or blocked it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wire::limit::{REQUEST_MESSAGES_MAX, REQUESTS_OPEN_MAX};
use wire::{AccountId, Code, MessageId, Recipient};

use super::context::BatchContext;
use super::pair::{self, AccountPair, ContactRequest, PairConversation, pair};
use super::{OpResult, Outcome, Rejection, ask};
use crate::engine::{BatchStatement, Engine, Statement, Value, for_each_row, statements};
use crate::event::{EventBody, EventKind, Receipt};
use crate::{ContactPolicy, Result};

const TOO_MANY_MESSAGES: Rejection = Rejection {
    code: Code::NotAccepted,
    message: "five messages or invitations wait for this account, which does not know you yet; write again once it has answered or accepted",
};
const TOO_MANY_OPEN: Rejection = Rejection {
    code: Code::NotAccepted,
    message: "50 of your requests wait for people who do not know you yet; write to somebody new once one of them has answered or accepted",
};
pub(super) const STRANGERS: Rejection = Rejection {
    code: Code::NotAccepted,
    message: "you do not know each other yet: write to each other, or have your request accepted, and then do that",
};
const NOTHING_WAITS: Rejection =
    Rejection::not_found("no request of this account waits for you to accept or decline it");
const KNOWN: Rejection = Rejection::forbidden("you know this account: block it instead");

/// What a message or invitation is between two accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContactStage {
    /// They know each other.
    Known,
    /// It is part of a contact request.
    Request {
        /// Whether the request was declined before: then it is not delivered.
        is_declined: bool,
    },
    /// It answers the other's request: from now on they know each other.
    Answer,
}

/// The contact requests of a batch, as they are after the operations so far.
pub(super) struct ContactRequests {
    contact: ContactPolicy,
    /// By pair. A pair that has no conversation yet is missing until one asks.
    now: HashMap<AccountPair, ContactRequest>,
    /// The number of open requests of each account that may open another.
    open: HashMap<AccountId, i64>,
    changed: BTreeSet<AccountPair>,
}

impl ContactRequests {
    /// The requests before the batch. `people`: pairs of sender and recipient; `found`: their conversations.
    pub(super) fn begin(
        ctx: &mut BatchContext<'_>,
        found: &HashMap<AccountPair, PairConversation>,
        people: impl Iterator<Item = (AccountId, AccountId)>,
    ) -> Result<Self> {
        let contact = ctx.policy.contact;
        let now = found.iter().map(|(pair, shared)| (*pair, shared.request)).collect();
        let mut requests = Self { contact, now, open: HashMap::new(), changed: BTreeSet::new() };
        if contact == ContactPolicy::Request {
            let opens = |by: AccountId, pair: AccountPair| {
                let request = found.get(&pair).map(|shared| shared.request);
                request.is_none_or(|it| it.asker == Some(by) && !it.is_open)
            };
            let begins = |(by, other): &(AccountId, AccountId)| {
                by != other
                    && pair(*by, Recipient::Account(*other)).is_some_and(|it| opens(*by, it))
            };
            let beginners: BTreeSet<i64> = people.filter(begins).map(|(by, _)| by.0).collect();
            let rows = beginners.into_iter().map(|by| vec![Value::Int(by)]).collect();
            for row in ask(ctx.engine, &COUNT_OPEN, rows)? {
                requests.open.insert(AccountId(row.int(0)?), row.int(1)?);
            }
        }
        Ok(requests)
    }

    /// Records a message of `by` to `other`, if it is allowed.
    pub(super) fn take(
        &mut self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<ContactStage, Rejection> {
        let stage = self.stage(by, other)?;
        self.note(by, other, stage);
        Ok(stage)
    }

    /// What a message of `by` to `other` would be, if it is allowed.
    pub(super) fn stage(
        &self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<ContactStage, Rejection> {
        if by == other || self.contact == ContactPolicy::Open {
            return Ok(ContactStage::Known);
        }
        let now = pair(by, Recipient::Account(other)).and_then(|pair| self.now.get(&pair));
        match now {
            Some(ContactRequest { asker: None, .. }) => Ok(ContactStage::Known),
            Some(ContactRequest { asker: Some(asker), .. }) if *asker != by => {
                Ok(ContactStage::Answer)
            }
            Some(ContactRequest { asks, .. }) if *asks >= REQUEST_MESSAGES_MAX => {
                Err(TOO_MANY_MESSAGES)
            }
            Some(ContactRequest { is_declined, is_open: true, .. }) => {
                Ok(ContactStage::Request { is_declined: *is_declined })
            }
            _ if self.open.get(&by).is_none_or(|open| *open >= REQUESTS_OPEN_MAX) => {
                Err(TOO_MANY_OPEN)
            }
            now => Ok(ContactStage::Request { is_declined: now.is_some_and(|it| it.is_declined) }),
        }
    }

    /// Records a message.
    pub(super) fn note(&mut self, by: AccountId, other: AccountId, stage: ContactStage) {
        let Some(pair) = pair(by, Recipient::Account(other)) else { return };
        match stage {
            ContactStage::Known => drop(self.now.entry(pair).or_default()),
            ContactStage::Answer => {
                if self.now.insert(pair, ContactRequest::default()).is_some_and(|it| it.is_open) {
                    self.open.entry(other).and_modify(|open| *open -= 1);
                }
                self.changed.insert(pair);
            }
            ContactStage::Request { .. } => {
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

    /// What an invitation of `other` by `by` would be, if it is allowed. To invite the asker is no answer; there may be as many
    /// such invitations as messages of a request.
    pub(super) fn invitation(
        &self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<ContactStage, Rejection> {
        let stage = self.stage(by, other)?;
        let now = pair(by, Recipient::Account(other)).and_then(|pair| self.now.get(&pair));
        let invites = now.map_or(0, |request| request.invites);
        if stage == ContactStage::Answer && invites >= REQUEST_MESSAGES_MAX {
            return Err(TOO_MANY_MESSAGES);
        }
        Ok(stage)
    }

    /// Records an invitation.
    pub(super) fn note_invitation(&mut self, by: AccountId, other: AccountId, stage: ContactStage) {
        match stage {
            ContactStage::Known => {}
            ContactStage::Request { .. } => self.note(by, other, stage),
            ContactStage::Answer => {
                let Some(pair) = pair(by, Recipient::Account(other)) else { return };
                self.now.entry(pair).and_modify(|request| request.invites += 1);
                self.changed.insert(pair);
            }
        }
    }

    /// Stores the requests that have changed, and creates the new conversations.
    pub(super) fn store(
        self,
        engine: &mut dyn Engine,
        mut found: HashMap<AccountPair, PairConversation>,
    ) -> Result<HashMap<AccountPair, PairConversation>> {
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

/// Accepts a contact request: the two know each other.
pub(super) fn accept(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    id: AccountId,
) -> OpResult {
    if !ctx.has_log(id) {
        return Err(Rejection::NO_ACCOUNT.into());
    }
    let shared = pair::find(ctx.engine, by, id)?;
    let (shared, asker) = match shared.map(|shared| (shared, shared.request.asker)) {
        Some((shared, Some(asker))) => (shared, asker),
        Some((_, None)) => return Ok(Outcome::Unchanged),
        None if by == id || ctx.policy.contact == ContactPolicy::Open => {
            return Ok(Outcome::Unchanged);
        }
        None => return Err(NOTHING_WAITS.into()),
    };
    if asker != id {
        return Err(NOTHING_WAITS.into());
    }
    pair::set(ctx.engine, [(shared.conversation, ContactRequest::default())])?;
    ctx.tell([by], (EventKind::Accept, None, Some(id)), EventBody::Accept { id }, Some(index));
    for reached in meet(ctx.engine, &shared, id, by)? {
        let (kind, body) = reached.told(by);
        ctx.tell([id], (kind, Some(reached.id), Some(by)), body, None);
    }
    Ok(Outcome::Done)
}

/// Declines a contact request: nothing from `id` is delivered until `by` writes to it or accepts it. `id` is not told.
pub(super) fn decline(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    id: AccountId,
) -> OpResult {
    if !ctx.has_log(id) {
        return Err(Rejection::NO_ACCOUNT.into());
    }
    let shared = pair::find(ctx.engine, by, id)?;
    let (conversation, request) = match shared.map(|it| (it.conversation, it.request)) {
        Some((_, ContactRequest { asker: None, .. })) => return Err(KNOWN.into()),
        Some(found) => found,
        None if by == id || ctx.policy.contact == ContactPolicy::Open => return Err(KNOWN.into()),
        None => return Err(NOTHING_WAITS.into()),
    };
    if request.asker != Some(id) {
        return Err(NOTHING_WAITS.into());
    }
    if request.is_declined {
        return Ok(Outcome::Unchanged);
    }
    pair::set(ctx.engine, [(conversation, ContactRequest { is_declined: true, ..request })])?;
    ctx.tell([by], (EventKind::Decline, None, Some(id)), EventBody::Decline { id }, Some(index));
    Ok(Outcome::Done)
}

/// How far an account had received or read the messages of a request before it answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestProgress {
    pub(super) id: MessageId,
    is_read: bool,
}

impl RequestProgress {
    /// The receipt that the asker gets now.
    pub(super) fn told(self, by: AccountId) -> (EventKind, EventBody) {
        let receipt = Receipt { id: self.id, by, all: false };
        match self.is_read {
            true => (EventKind::Read, EventBody::Read(receipt)),
            false => (EventKind::Delivered, EventBody::Delivered(receipt)),
        }
    }
}

/// After `by` has answered `asker`: shows the reactions of `by` to the messages of the request, and returns the receipts that
/// `asker` gets now. No receipts if one of the two has blocked the other.
pub(super) fn meet(
    engine: &mut dyn Engine,
    shared: &PairConversation,
    asker: AccountId,
    by: AccountId,
) -> Result<Vec<RequestProgress>> {
    // Then the statements run for no account, so that `by` cannot tell by the round trips.
    let asker = if shared.is_blocked() { AccountId(0) } else { asker };
    engine.run(&SHOW_REACTIONS, &[asker.0, by.0, shared.conversation].map(Value::Int))?;
    let rows =
        engine.run(&LATEST_POSITIONS, &[shared.conversation, by.0, asker.0].map(Value::Int))?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let reached = [(row.maybe_int(0)?, false), (row.maybe_int(1)?, true)].into_iter();
    let reached =
        reached.filter_map(|(id, is_read)| Some(RequestProgress { id: MessageId(id?), is_read }));
    Ok(reached.collect())
}

statements! {
    static COUNT_OPEN: BatchStatement = for_each_row!(
        r(account bigint),
        "select r.account, (select count(*) from conversation c where c.asker = r.account and c.open = 1) from r"
    );

    static SHOW_REACTIONS: Statement = Statement::both(
        "delete from withheld_reaction where account = $1 and reactor = $2 and message in (select e.message \
         from entry e where e.conversation = $3)"
    );

    /// There are a few messages. What is read is not told if one of the two hides that.
    static LATEST_POSITIONS: Statement = Statement::both(
        "select max(case when e.message <= s.delivered then e.message end), max(case \
         when e.message <= coalesce(s.read_hidden, s.read) and (select l.shows_read from log l \
         where l.account = s.account) = 1 and (select l.shows_read from log l where l.account = e.sender) = 1 \
         then e.message end) from member s \
         join entry e on e.conversation = s.conversation where s.conversation = $1 and s.account = $2 \
         and e.kind = 0 and e.sender = $3 and not exists (select 1 from withheld w where w.message = e.message \
         and w.account = s.account and w.hidden = 0)"
    );
}
