//! Contact requests: an account that writes to a stranger may send only a few messages before the stranger answers.
//!
//! The asker cannot tell whether the other account has declined its request or blocked it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wire::limit::{REQUEST_MESSAGES_MAX, REQUESTS_OPEN_MAX};
use wire::{AccountId, Code, MessageId, Recipient};

use super::context::BatchContext;
use super::pair::{self, AccountPair, ContactRequest, PairConversation, pair};
use super::{OpResult, Outcome, Rejection, query_each};
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

/// What a message or an invitation means for two accounts that may not know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContactStage {
    /// The two know each other.
    Known,
    /// It belongs to a contact request.
    Request {
        /// Whether the request was declined before. Then nothing of it is delivered.
        is_declined: bool,
    },
    /// It answers the other's request. From now on the two know each other.
    Answer,
}

/// The contact requests that a batch concerns, in their state after the operations so far.
pub(super) struct ContactRequests {
    contact: ContactPolicy,
    /// The request of each pair. A pair without a conversation is missing until one of the two writes to the other.
    current: HashMap<AccountPair, ContactRequest>,
    /// The number of open requests of each account that may open another one in this batch.
    open_counts: HashMap<AccountId, i64>,
    /// The pairs whose request must be stored.
    changed: BTreeSet<AccountPair>,
}

impl ContactRequests {
    /// Loads the requests as they are before the operations. `people`: pairs of sender and recipient; `found`: their conversations.
    pub(super) fn load(
        ctx: &mut BatchContext<'_>,
        found: &HashMap<AccountPair, PairConversation>,
        people: impl Iterator<Item = (AccountId, AccountId)>,
    ) -> Result<Self> {
        let contact = ctx.policy.contact;
        let current = found.iter().map(|(pair, shared)| (*pair, shared.request)).collect();
        let mut requests =
            Self { contact, current, open_counts: HashMap::new(), changed: BTreeSet::new() };
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
            for row in query_each(ctx.engine, &COUNT_OPEN, rows)? {
                requests.open_counts.insert(AccountId(row.int(0)?), row.int(1)?);
            }
        }
        Ok(requests)
    }

    /// Records a message of `by` to `other`, or says why it is not allowed.
    pub(super) fn admit(
        &mut self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<ContactStage, Rejection> {
        let stage = self.stage(by, other)?;
        self.record(by, other, stage);
        Ok(stage)
    }

    /// The stage of a message of `by` to `other`, or the reason why it is not allowed. Records nothing.
    pub(super) fn stage(
        &self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<ContactStage, Rejection> {
        if by == other || self.contact == ContactPolicy::Open {
            return Ok(ContactStage::Known);
        }
        let now = pair(by, Recipient::Account(other)).and_then(|pair| self.current.get(&pair));
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
            _ if self.open_counts.get(&by).is_none_or(|open| *open >= REQUESTS_OPEN_MAX) => {
                Err(TOO_MANY_OPEN)
            }
            now => Ok(ContactStage::Request { is_declined: now.is_some_and(|it| it.is_declined) }),
        }
    }

    /// Records a message of `by` to `other`.
    pub(super) fn record(&mut self, by: AccountId, other: AccountId, stage: ContactStage) {
        let Some(pair) = pair(by, Recipient::Account(other)) else { return };
        match stage {
            ContactStage::Known => drop(self.current.entry(pair).or_default()),
            ContactStage::Answer => {
                if self.current.insert(pair, ContactRequest::default()).is_some_and(|it| it.is_open)
                {
                    self.open_counts.entry(other).and_modify(|open| *open -= 1);
                }
                self.changed.insert(pair);
            }
            ContactStage::Request { .. } => {
                let now = self.current.entry(pair).or_default();
                now.asker = Some(by);
                now.asks += 1;
                if !std::mem::replace(&mut now.is_open, true) {
                    self.open_counts.entry(by).and_modify(|open| *open += 1);
                }
                self.changed.insert(pair);
            }
        }
    }

    /// The stage of an invitation of `other` by `by`, or the reason why it is not allowed. Inviting the asker of a request is no
    /// answer to the request. Such invitations have the same bound as the messages of a request.
    pub(super) fn invitation_stage(
        &self,
        by: AccountId,
        other: AccountId,
    ) -> std::result::Result<ContactStage, Rejection> {
        let stage = self.stage(by, other)?;
        let now = pair(by, Recipient::Account(other)).and_then(|pair| self.current.get(&pair));
        let invites = now.map_or(0, |request| request.invites);
        if stage == ContactStage::Answer && invites >= REQUEST_MESSAGES_MAX {
            return Err(TOO_MANY_MESSAGES);
        }
        Ok(stage)
    }

    /// Records an invitation of `other` by `by`.
    pub(super) fn record_invitation(
        &mut self,
        by: AccountId,
        other: AccountId,
        stage: ContactStage,
    ) {
        match stage {
            ContactStage::Known => {}
            ContactStage::Request { .. } => self.record(by, other, stage),
            ContactStage::Answer => {
                let Some(pair) = pair(by, Recipient::Account(other)) else { return };
                self.current.entry(pair).and_modify(|request| request.invites += 1);
                self.changed.insert(pair);
            }
        }
    }

    /// Stores the requests that have changed, and creates the conversations that are missing in `found`. Returns all of them.
    pub(super) fn store(
        self,
        engine: &mut dyn Engine,
        mut found: HashMap<AccountPair, PairConversation>,
    ) -> Result<HashMap<AccountPair, PairConversation>> {
        let Self { current, changed, .. } = self;
        let set = changed
            .iter()
            .filter_map(|pair| Some((found.get(pair)?.conversation, *current.get(pair)?)));
        let set: Vec<_> = set.collect();
        pair::set_requests(engine, set)?;
        pair::create_missing(engine, current.into_iter().collect::<BTreeMap<_, _>>(), &mut found)?;
        Ok(found)
    }
}

/// Accepts a contact request. From now on the two accounts know each other.
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
    pair::set_requests(ctx.engine, [(shared.conversation, ContactRequest::default())])?;
    ctx.append_event(
        [by],
        (EventKind::Accept, None, Some(id)),
        EventBody::Accept { id },
        Some(index),
    );
    for progress in reveal_to_asker(ctx.engine, &shared, id, by)? {
        let (kind, body) = progress.receipt_event(by);
        ctx.append_event([id], (kind, Some(progress.id), Some(by)), body, None);
    }
    Ok(Outcome::Done)
}

/// Declines the contact request of `id`. Nothing from `id` is delivered until `by` writes to `id` or accepts the request. `id` gets
/// no event of it.
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
    pair::set_requests(
        ctx.engine,
        [(conversation, ContactRequest { is_declined: true, ..request })],
    )?;
    ctx.append_event(
        [by],
        (EventKind::Decline, None, Some(id)),
        EventBody::Decline { id },
        Some(index),
    );
    Ok(Outcome::Done)
}

/// The last message of a contact request that an account had received or read before it answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestProgress {
    pub(super) id: MessageId,
    is_read: bool,
}

impl RequestProgress {
    /// The event of the receipt that the asker gets after the answer.
    pub(super) fn receipt_event(self, by: AccountId) -> (EventKind, EventBody) {
        let receipt = Receipt { id: self.id, by, all: false };
        match self.is_read {
            true => (EventKind::Read, EventBody::Read(receipt)),
            false => (EventKind::Delivered, EventBody::Delivered(receipt)),
        }
    }
}

/// After `by` has answered `asker`: makes the reactions of `by` to the messages of the request visible, and returns the receipts
/// that `asker` gets. If one of the two has blocked the other, `asker` gets neither.
pub(super) fn reveal_to_asker(
    engine: &mut dyn Engine,
    shared: &PairConversation,
    asker: AccountId,
    by: AccountId,
) -> Result<Vec<RequestProgress>> {
    // After a block the statements run for no account, so that the time does not show `by` that it is blocked.
    let asker = if shared.is_blocked() { AccountId(0) } else { asker };
    engine.run(&SHOW_REACTIONS, &[asker.0, by.0, shared.conversation].map(Value::Int))?;
    let rows =
        engine.run(&LATEST_POSITIONS, &[shared.conversation, by.0, asker.0].map(Value::Int))?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let progress = [(row.maybe_int(0)?, false), (row.maybe_int(1)?, true)].into_iter();
    let progress =
        progress.filter_map(|(id, is_read)| Some(RequestProgress { id: MessageId(id?), is_read }));
    Ok(progress.collect())
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

    /// A request has only a few messages, so all entries of the conversation are read. The read position is left out if one of the two
    /// accounts hides what it has read.
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
