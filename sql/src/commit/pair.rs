//! The conversation of two accounts. It is created when it is first needed, and records whether the two know each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wire::{AccountId, Recipient};

use super::{execute_each, missing_row, query_each};
use crate::Result;
use crate::engine::{BatchStatement, Engine, Row, Rows, Statement, Value, statements};

/// Two accounts, the lower number first.
pub(super) type AccountPair = (i64, i64);

/// The conversation of a pair, with the blocks and the contact request between the two.
#[derive(Clone, Copy)]
pub(super) struct PairConversation {
    /// The number of the conversation.
    pub(super) conversation: i64,
    /// For each of the two accounts, if it has blocked the other: the first of the consecutive entries up to the last one that are
    /// withheld from it; 0 if the last entry is not withheld.
    blockers: [(i64, Option<i64>); 2],
    /// The same number for the account that has declined the other's request.
    declined: Option<i64>,
    /// The contact request between them.
    pub(super) request: ContactRequest,
    /// The accounts whose name was sent with a message, as a sum: 1 for the lower account, 2 for the higher one.
    pub(super) named: i64,
}

/// The contact request between two accounts. The default is no request: they know each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ContactRequest {
    /// The account that waits for an answer; `None`: the two know each other.
    pub(super) asker: Option<AccountId>,
    /// The number of the asker's messages and pending invitations.
    pub(super) asks: i64,
    /// The number of pending invitations of the asker by the other account. An invitation is no answer to the request.
    pub(super) invites: i64,
    /// Whether the request counts among the open requests of the asker. It stops counting once the other account has accepted an
    /// invitation and only withdrawn invitations are left.
    pub(super) is_open: bool,
    /// Whether the other account has declined the request.
    pub(super) is_declined: bool,
}

impl PairConversation {
    /// If `account` has blocked the other: the first of the consecutive entries up to the last one that are withheld from
    /// `account`; 0 if the last entry is not withheld.
    pub(super) fn withheld_from(&self, account: AccountId) -> Option<i64> {
        let blocker = self.blockers.iter().find(|(blocker, _)| *blocker == account.0);
        blocker.and_then(|(_, run)| *run)
    }

    /// As [`PairConversation::withheld_from`], for the account that has declined the other's request.
    pub(super) fn withheld_as_declined(&self) -> i64 {
        self.declined.unwrap_or(0)
    }

    /// Whether one of the two has blocked the other.
    pub(super) fn is_blocked(&self) -> bool {
        self.blockers.iter().any(|(_, run)| run.is_some())
    }
}

/// The pair of a sender and a recipient; `None` for a group.
pub(super) fn pair(by: AccountId, to: Recipient) -> Option<AccountPair> {
    match to {
        Recipient::Account(account) => Some((by.0.min(account.0), by.0.max(account.0))),
        Recipient::Group(_) => None,
    }
}

/// The first of the consecutive entries up to the last one of `conversation c` that are withheld from an account, or 0.
macro_rules! withheld_run {
    ($account:literal) => {
        concat!(
            "coalesce((select w.run from withheld w where w.account = ",
            $account,
            " and w.message = \
             (select e.message from entry e where e.conversation = c.id order by e.message desc limit 1)), 0)"
        )
    };
}

/// See [`PairConversation::withheld_from`].
macro_rules! withheld_from {
    ($account:literal, $blocked:literal) => {
        concat!(
            "(select ",
            withheld_run!("b.account"),
            " from block b where b.blocked = ",
            $blocked,
            " and b.account = ",
            $account,
            ")"
        )
    };
}

/// Finds the conversation of two accounts; `None` if they have none.
pub(super) fn find(
    engine: &mut dyn Engine,
    by: AccountId,
    other: AccountId,
) -> Result<Option<PairConversation>> {
    let pairs = BTreeSet::from_iter(pair(by, Recipient::Account(other)));
    Ok(parse_pairs(&query_each(engine, &FIND_PAIRS, rows(&pairs))?)?.into_values().next())
}

/// Finds the conversation of two accounts, or creates it without a contact request.
pub(super) fn find_or_create(
    engine: &mut dyn Engine,
    by: AccountId,
    other: AccountId,
) -> Result<PairConversation> {
    let new = pair(by, Recipient::Account(other)).map(|pair| (pair, ContactRequest::default()));
    let pairs = BTreeMap::from_iter(new);
    let mut found = parse_pairs(&query_each(engine, &FIND_PAIRS, rows(pairs.keys()))?)?;
    create_missing(engine, pairs, &mut found)?;
    found.into_values().next().ok_or_else(|| missing_row("conversation"))
}

/// Stores contact requests, each with its conversation.
pub(super) fn set_requests(
    engine: &mut dyn Engine,
    requests: impl IntoIterator<Item = (i64, ContactRequest)>,
) -> Result<()> {
    let row = |(id, request): (i64, ContactRequest)| {
        let ContactRequest { asker, asks, invites, is_open, is_declined } = request;
        let asker = asker.map_or(Value::Null, |asker| Value::Int(asker.0));
        let [open, declined] = [is_open, is_declined].map(|is| Value::Int(is.into()));
        vec![Value::Int(id), asker, Value::Int(asks), Value::Int(invites), open, declined]
    };
    execute_each(engine, &SET_REQUESTS, requests.into_iter().map(row))
}

/// Stores [`PairConversation::named`] for these conversations.
pub(super) fn set_named(
    engine: &mut dyn Engine,
    named: impl IntoIterator<Item = (i64, i64)>,
) -> Result<()> {
    let row = |(conversation, named)| [conversation, named].map(Value::Int).to_vec();
    execute_each(engine, &SET_NAMED, named.into_iter().map(row))
}

/// Deletes a conversation without entries.
pub(super) fn delete(engine: &mut dyn Engine, shared: &PairConversation) -> Result<()> {
    let conversation = [Value::Int(shared.conversation)];
    engine.run(&DELETE_MEMBERS, &conversation)?;
    engine.run(&DELETE_CONVERSATION, &conversation).map(drop)
}

/// The rows for [`FIND_PAIRS`].
pub(super) fn rows<'p>(pairs: impl IntoIterator<Item = &'p AccountPair>) -> Rows<'static> {
    pairs.into_iter().map(|(low, high)| vec![Value::Int(*low), Value::Int(*high)]).collect()
}

/// Parses the rows of [`FIND_PAIRS`].
pub(super) fn parse_pairs(rows: &[Row]) -> Result<HashMap<AccountPair, PairConversation>> {
    let map_row = |row: &Row| {
        let request = ContactRequest {
            asker: row.maybe_int(5)?.map(AccountId),
            asks: row.int(6)?,
            invites: row.int(7)?,
            is_open: row.int(8)? != 0,
            is_declined: row.int(9)? != 0,
        };
        let (low, high) = (row.int(0)?, row.int(1)?);
        let blockers = [(low, row.maybe_int(3)?), (high, row.maybe_int(4)?)];
        let (conversation, declined) = (row.int(2)?, row.maybe_int(10)?);
        let named = row.int(11)?;
        Ok(((low, high), PairConversation { conversation, blockers, declined, request, named }))
    };
    rows.iter().map(map_row).collect()
}

/// Creates the conversations of the `pairs` that are missing in `found`, and adds them to `found`.
pub(super) fn create_missing(
    engine: &mut dyn Engine,
    mut pairs: BTreeMap<AccountPair, ContactRequest>,
    found: &mut HashMap<AccountPair, PairConversation>,
) -> Result<()> {
    pairs.retain(|pair, _| !found.contains_key(pair));
    if pairs.is_empty() {
        return Ok(());
    }
    let row = |((low, high), request): (&AccountPair, &ContactRequest)| {
        let asker = request.asker.map_or(Value::Null, |asker| Value::Int(asker.0));
        vec![Value::Int(*low), Value::Int(*high), asker, Value::Int(request.asks)]
    };
    execute_each(engine, &ADD_CONVERSATIONS, pairs.iter().map(row))?;
    found.extend(parse_pairs(&query_each(engine, &FIND_PAIRS, rows(pairs.keys()))?)?);
    let mut people = Vec::with_capacity(2 * pairs.len());
    for pair in pairs.keys() {
        let conversation = found.get(pair).ok_or_else(|| missing_row("conversation"))?.conversation;
        people.push(vec![Value::Int(conversation), Value::Int(pair.0)]);
        if pair.0 != pair.1 {
            people.push(vec![Value::Int(conversation), Value::Int(pair.1)]);
        }
    }
    execute_each(engine, &ADD_PEOPLE, people)
}

statements! {
    /// Must run after the logs of both accounts are locked. A block locks the blocker's log as well, so it cannot change meanwhile.
    pub(super) static FIND_PAIRS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            concat!(
                "select c.low, c.high, c.id, ",
                withheld_from!("r.low", "r.high"),
                ", ",
                withheld_from!("r.high", "r.low"),
                ", c.asker, c.asks, c.invites, c.open, c.declined, case when c.declined = 1 then ",
                withheld_run!("case when c.asker = c.low then c.high else c.low end"),
                " end, c.named from unnest($1::bigint[], $2::bigint[]) as r(low, high) \
                 join conversation c on c.low = r.low and c.high = r.high",
            ),
        sqlite:
            concat!(
                "select c.low, c.high, c.id, ",
                withheld_from!("?1", "?2"),
                ", ",
                withheld_from!("?2", "?1"),
                ", c.asker, c.asks, c.invites, c.open, c.declined, case when c.declined = 1 then ",
                withheld_run!("case when c.asker = c.low then c.high else c.low end"),
                " end, c.named from conversation c where c.low = ?1 and c.high = ?2",
            ),
    });

    static ADD_CONVERSATIONS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into conversation (low, high, asker, asks) select * \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as r(low, high, asker, asks) on \
             conflict (low, high) do nothing",
        sqlite:
            "insert or fail into conversation (low, high, asker, asks) values (?1, ?2, ?3, ?4) \
             on conflict (low, high) do nothing",
    });

    static SET_REQUESTS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update conversation set asker = r.asker, asks = r.asks, invites = r.invites, open = r.open, declined = \
             r.declined from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], \
             $6::bigint[]) as r(id, asker, asks, invites, open, declined) where conversation.id = r.id",
        sqlite:
            "update conversation set asker = ?2, asks = ?3, invites = ?4, open = ?5, declined = ?6 \
             where conversation.id = ?1",
    });

    static SET_NAMED: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update conversation set named = r.named from unnest($1::bigint[], $2::bigint[]) as r(id, named) \
             where conversation.id = r.id",
        sqlite: "update conversation set named = ?2 where conversation.id = ?1",
    });

    static ADD_PEOPLE: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into member (conversation, account) select * from unnest($1::bigint[], $2::bigint[]) as \
             r(conversation, account) on conflict (conversation, account) do nothing",
        sqlite:
            "insert or fail into member (conversation, account) values (?1, ?2) \
             on conflict (conversation, account) do nothing",
    });

    static DELETE_MEMBERS: Statement = Statement::both("delete from member where conversation = $1");

    static DELETE_CONVERSATION: Statement = Statement::both("delete from conversation where id = $1");
}
