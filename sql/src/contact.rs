//! Which accounts know each other, and which may see each other's names.
//!
//! Two accounts know each other if their conversation has no `asker`. Common groups and messages make no difference.

use std::collections::{BTreeSet, HashMap};
use wire::AccountId;

use wire::limit::FINDINGS_MAX;

use crate::engine::{BatchStatement, Row, Statement, Value, for_each_row, statements};
use crate::limit::REQUESTS_PAGE;
use crate::pool::Requester;
use crate::{Result, Store};

/// How two accounts that do not know each other make contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ContactPolicy {
    /// A message to a stranger is a request, which the receiver accepts, declines or ignores.
    #[default]
    Request,
    /// All accounts count as knowing each other.
    Open,
}

impl ContactPolicy {
    /// The parameter of statements: 1 if all accounts know each other.
    pub(crate) fn is_open(self) -> Value<'static> {
        Value::Int((self == Self::Open).into())
    }
}

/// An SQL expression that is 1 if the accounts `$few` and `$many` have a common group. It goes through the groups of `$few`, and looks
/// up `$many` in each.
macro_rules! in_a_group {
    ($few:literal, $many:literal) => {
        concat!(
            "(select 1 from member x where x.account = ",
            $few,
            " and x.since > 0 and x.until is null and (select g.low is null from conversation g where g.id = x.conversation) \
             and (select y.until is null from member y where y.conversation = x.conversation and y.account = ",
            $many,
            ") limit 1)"
        )
    };
}
pub(crate) use in_a_group;

/// Whether account `$viewer` may see the name of account `$other`: they know each other, or `$other` has written to
/// `$viewer`, was found by it, or is in a group with it. Common groups are checked last, because this goes through the
/// groups of one account: the one that is in fewer groups, so that an account in many groups does not make it slow.
///
/// This is the rule of [`ContactPolicy::Request`]. The statement itself checks for [`ContactPolicy::Open`].
macro_rules! sees_name {
    ($viewer:literal, $other:literal) => {
        concat!(
            concat!("(", $viewer, " = ", $other),
            concat!(" or (select k.asker is null or k.asker = ", $other, " from conversation k"),
            concat!(" where k.low = case when ", $viewer, " < ", $other),
            concat!(" then ", $viewer, " else ", $other, " end"),
            concat!(" and k.high = case when ", $viewer, " < ", $other),
            concat!(" then ", $other, " else ", $viewer, " end)"),
            " or (select 1 from finding f",
            concat!(" where f.account = ", $viewer, " and f.found = ", $other, ") = 1"),
            concat!(" or case when (select p.groups from log p where p.account = ", $viewer),
            concat!(") <= (select p.groups from log p where p.account = ", $other),
            concat!(") then ", $crate::contact::in_a_group!($viewer, $other)),
            concat!(" else ", $crate::contact::in_a_group!($other, $viewer)),
            " end = 1)"
        )
    };
}
pub(crate) use sees_name;

/// Account `by` has blocked account `blocked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The account that has blocked the other.
    pub by: AccountId,
    /// The account that is blocked.
    pub blocked: AccountId,
    /// The last-seen time of `by` that `blocked` sees, in milliseconds.
    pub last_seen: i64,
}

/// The picture of `account a`, which is `$other`, for `$viewer`, if it may see the name. A viewer that has blocked the account, or has
/// not answered its request, sees no picture, since a picture can carry a message.
macro_rules! picture_seen {
    ($viewer:literal, $other:literal) => {
        concat!(
            concat!("case when coalesce((select 1 from block b where b.blocked = ", $other),
            concat!(" and b.account = ", $viewer, "), (select 1 from conversation k"),
            concat!(" where k.low = case when ", $viewer, " < ", $other),
            concat!(" then ", $viewer, " else ", $other, " end"),
            concat!(" and k.high = case when ", $viewer, " < ", $other),
            concat!(" then ", $other, " else ", $viewer, " end"),
            concat!(" and k.asker = ", $other, ")) is null then a.picture end")
        )
    };
}
pub(crate) use picture_seen;

/// What an account may know about another account's presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactStatus {
    /// They know each other. The value is the last-seen time of the other account, in milliseconds.
    Known(Option<i64>),
    /// One of the two has blocked the other. If only the other account has blocked this one, the value is the last-seen time that
    /// this account sees, in milliseconds: the time of the block, or of the latest operation of the other account since then of
    /// which this account got an event.
    Blocked(Option<i64>),
}

impl ContactStatus {
    /// The time at which the other account was last online, as far as this account may know, in milliseconds.
    #[must_use]
    pub fn last_seen(&self) -> Option<i64> {
        match self {
            Self::Known(last_seen) | Self::Blocked(last_seen) => *last_seen,
        }
    }
}

/// What other accounts may see of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicProfile {
    /// Its name.
    pub name: String,
    /// The file that is its picture.
    pub picture: Option<String>,
}

/// An account that was found by its email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundAccount {
    /// The account.
    pub id: AccountId,
    /// The last time it was found, in milliseconds.
    pub at: i64,
}

impl Store {
    /// Under [`ContactPolicy::Open`], accepts all contact requests, so that none waits if the policy changes again.
    pub(crate) fn apply_contact_policy(&self) -> Result<()> {
        if self.contact == ContactPolicy::Request {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let params = [after, REQUESTS_PAGE].map(Value::Int);
            let ids = self.read(Requester::Server, &NEXT_REQUESTS, &params, |row| row.int(0))?;
            let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(()) };
            after = *last;
            let params = [*first, *last].map(Value::Int);
            self.write(Requester::Server, |engine| {
                engine.run(&ACCEPT_REQUESTS, &params).map(drop)
            })?;
        }
    }

    /// The name and the picture of `other`, if `viewer` may see them.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn public_profile(
        &self,
        viewer: AccountId,
        other: AccountId,
    ) -> Result<Option<PublicProfile>> {
        let params = [Value::Int(viewer.0), Value::Int(other.0), self.contact.is_open()];
        let profile =
            |row: &mut Row| Ok(PublicProfile { name: row.text(0)?, picture: row.maybe_text(1)? });
        Ok(self.read(viewer, &FIND_PUBLIC_PROFILE, &params, profile)?.pop())
    }

    /// For pairs of a viewer and another account: the name of the other account, if the viewer may see it.
    pub(crate) fn names(
        &self,
        requester: Requester,
        pairs: BTreeSet<(AccountId, AccountId)>,
    ) -> Result<HashMap<(AccountId, AccountId), String>> {
        let row = |(viewer, other)| name_row(self.contact, viewer, other);
        let rows: Vec<_> = pairs.into_iter().map(row).collect();
        let row =
            |row: &mut Row| Ok(((AccountId(row.int(0)?), AccountId(row.int(1)?)), row.text(2)?));
        Ok(self.read_each(requester, &FIND_NAMES, &rows, row)?.into_iter().collect())
    }

    /// The contact status of those of `others` that `account` knows.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn contact_statuses(
        &self,
        account: AccountId,
        others: &[AccountId],
    ) -> Result<HashMap<AccountId, ContactStatus>> {
        let row = |other: &AccountId| {
            let (low, high) = (account.0.min(other.0), account.0.max(other.0));
            vec![Value::Int(account.0), Value::Int(other.0), Value::Int(low), Value::Int(high)]
        };
        let rows: Vec<_> = others.iter().map(row).collect();
        let statement = match self.contact {
            ContactPolicy::Request => &CONTACT_STATUSES,
            ContactPolicy::Open => &EVERYBODY,
        };
        let found = self.read_each(account, statement, &rows, |row| {
            let known = match (row.maybe_int(1)?, row.maybe_int(2)?) {
                (Some(_), _) => ContactStatus::Blocked(None),
                (None, Some(seen_at)) => ContactStatus::Blocked(Some(seen_at)),
                (None, None) => ContactStatus::Known(row.maybe_int(3)?),
            };
            Ok((AccountId(row.int(0)?), known))
        })?;
        Ok(found.into_iter().collect())
    }

    /// The blocks among these pairs of a possible blocker and a possibly blocked account. This read does not queue behind those of
    /// accounts.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn blocks_among(&self, pairs: &[(AccountId, AccountId)]) -> Result<Vec<Block>> {
        let row =
            |(by, blocked): &(AccountId, AccountId)| [by.0, blocked.0].map(Value::Int).to_vec();
        let rows: Vec<_> = pairs.iter().map(row).collect();
        self.read_each(Requester::Server, &BLOCKS, &rows, |row| {
            let [by, blocked] = [row.int(0)?, row.int(1)?].map(AccountId);
            Ok(Block { by, blocked, last_seen: row.int(2)? })
        })
    }

    /// Records that `by` has found an account by its email, so that it may see the name. Beyond [`FINDINGS_MAX`] the oldest record
    /// is deleted.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn record_found_account(&self, by: AccountId, found: AccountId, now: i64) -> Result<()> {
        self.write(by, |engine| {
            engine.run(&ADD_FINDING, &[now, by.0, found.0].map(Value::Int))?;
            engine.run(&DELETE_OLDEST_FINDINGS, &[by.0, FINDINGS_MAX].map(Value::Int)).map(drop)
        })
    }

    /// The accounts that `account` has found by email, at most [`FINDINGS_MAX`].
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn found_accounts(&self, account: AccountId) -> Result<Vec<FoundAccount>> {
        self.read(account, &FINDINGS, &[Value::Int(account.0)], |row| {
            Ok(FoundAccount { id: AccountId(row.int(0)?), at: row.int(1)? })
        })
    }
}

/// A row for [`FIND_NAMES`].
pub(crate) fn name_row(
    contact: ContactPolicy,
    viewer: AccountId,
    other: AccountId,
) -> Vec<Value<'static>> {
    vec![contact.is_open(), Value::Int(viewer.0), Value::Int(other.0)]
}

/// Each account is looked up by itself, so other conversations and common groups of the two do not matter.
macro_rules! contact_statuses {
    ($who:literal) => {
        for_each_row!(
            r(account bigint, other bigint, low bigint, high bigint),
            concat!(
                "select r.other, (select 1 from block b where b.blocked = r.other and b.account = r.account), \
                 (select b.seen_at from block b where b.blocked = r.account and b.account = r.other), l.seen_at \
                 from r join log l on l.account = r.other where ",
                $who
            )
        )
    };
}

statements! {
    static CONTACT_STATUSES: BatchStatement = contact_statuses!(
        "r.low = r.high or (select 1 from conversation c \
         where c.low = r.low and c.high = r.high and c.asker is null) = 1"
    );

    static EVERYBODY: BatchStatement = contact_statuses!("r.low <= r.high");

    /// Read page by page, so that no statement takes long.
    static NEXT_REQUESTS: Statement = Statement::both(
        "select id from conversation where asker is not null and id > $1 order by id limit $2"
    );

    static ACCEPT_REQUESTS: Statement = Statement::both(
        "update conversation set asker = null, asks = 0, declined = 0 where id >= $1 and id <= $2 \
         and asker is not null"
    );

    static FIND_PUBLIC_PROFILE: Statement = Statement::both(
        concat!(
            "select a.name, ",
            picture_seen!("q.viewer", "q.other"),
            " from (select cast($1 as bigint) as viewer, cast($2 as bigint) as other, cast($3 as \
             bigint) as open) q join account a on a.id = q.other and a.email is not null where q.open = 1 or ",
            sees_name!("q.viewer", "q.other"),
        )
    );

    /// Viewer, other account and name, for each pair whose viewer may see the name: under [`ContactPolicy::Open`] all pairs.
    pub(crate) static FIND_NAMES: BatchStatement = for_each_row!(
        r(open bigint, viewer bigint, other bigint),
        concat!(
            "select r.viewer, r.other, a.name from r join account a on a.id = r.other and a.email is not null \
             where r.open = 1 or ",
            sees_name!("r.viewer", "r.other"),
        )
    );

    static BLOCKS: BatchStatement = for_each_row!(
        r(account bigint, blocked bigint),
        "select b.account, b.blocked, b.seen_at from r join block b on b.blocked = r.blocked and b.account = r.account"
    );

    /// Inserts nothing for a deleted account.
    static ADD_FINDING: Statement = Statement::both(
        "insert into finding (account, found, at) select l.account, o.account, cast($1 as bigint) \
         from log l cross join log o where l.account = $2 and o.account = $3 \
         on conflict (account, found) do update set at = excluded.at"
    );

    static DELETE_OLDEST_FINDINGS: Statement = Statement::both(
        "delete from finding where account = $1 and found in (select f.found from finding f \
         where f.account = $1 order by f.at desc, f.found desc limit 1000000 offset $2)"
    );

    pub(crate) static ERASE_FOUND: Statement = Statement::both(
        "delete from finding where found = $1 and account in (select account from finding \
         where found = $1 limit $2) returning account"
    );

    static FINDINGS: Statement = Statement::both("select found, at from finding where account = $1 order by found");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sqlite::Sqlite;
    use crate::engine::statement::in_test;
    use crate::engine::{Engine as _, Purpose};

    #[test]
    fn however_many_requests_wait_all_are_accepted_where_everybody_knows_everybody() {
        let store =
            Store::open(&"sqlite::memory:".parse().unwrap(), ContactPolicy::Open, &|_| false);
        let store = store.unwrap();
        let account = |n| store.create_account(&format!("{n}@example.com"), "A", "phc", 1).unwrap();
        let all: Vec<_> = (0..50).map(account).collect();
        let waiting = "select count(*) from conversation where asker is not null";
        let waiting =
            || store.read(Requester::Server, in_test(waiting), &[], |row| row.int(0)).unwrap()[0];
        let insert = "insert into conversation (low, high, asker) \
                      select a.id, b.id, a.id from account a join account b on b.id > a.id";
        store
            .write(Requester::Server, |engine| engine.run(in_test(insert), &[]).map(drop))
            .unwrap();
        let pairs = (all.len() * (all.len() - 1) / 2) as i64;
        assert!(waiting() == pairs && pairs > REQUESTS_PAGE, "more than one page");
        store.apply_contact_policy().unwrap();
        assert_eq!(waiting(), 0);
    }

    #[test]
    fn names_are_looked_for_in_groups_alone() {
        static SEEN: BatchStatement = for_each_row!(
            r(viewer bigint, other bigint),
            concat!("select ", sees_name!("r.viewer", "r.other"), " from r")
        );
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        let plan = sqlite.plan(&SEEN);
        let by_groups = |step: &&String| step.contains("SEARCH x USING INDEX member_group");
        assert_eq!(plan.iter().filter(by_groups).count(), 2, "{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("SCAN x")), "{plan:#?}");
    }

    #[test]
    fn who_knows_whom_is_one_look_up_however_many_groups_both_are_in() {
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        let plan = sqlite.plan(&CONTACT_STATUSES);
        let has = |text: &str| plan.iter().any(|step| step.contains(text));
        assert!(has("SEARCH c USING INDEX") && has("(low=? AND high=?)"), "{plan:#?}");
        assert!(!has("member") && !has("SCAN c") && !has("SCAN l"), "{plan:#?}");
    }
}
