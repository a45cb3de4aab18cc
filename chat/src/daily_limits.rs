//! Limits how often a day an account adds others to groups, and reacts to messages.
//!
//! A reaction is a small row that no quota counts. An account that knows the admin joins a group at once, without being
//! asked, and a group stays in its list of conversations even after it was removed from the group. So without a limit one
//! account could fill the list of another one.

use std::collections::BTreeSet;
use std::time::Instant;

use net::bucket::Buckets;
use sql::{GroupAction, Operation, Rejection};
use wire::{AccountId, Code};

use crate::limit::{
    ADDITIONS_BURST, ADDITIONS_OF_ONE_BURST, ADDITIONS_OF_ONE_PER_SECOND, ADDITIONS_PER_SECOND,
    DAILY_LIMITS_WIDTH, REACTIONS_BURST, REACTIONS_PER_SECOND,
};

/// Every request counts, also a refused one, so that the answer reveals nothing about an added account.
pub(crate) struct DailyLimits {
    /// Additions to groups, counted by the adding and the added account.
    additions_of_one: Buckets,
    /// Additions counted by the adding account only. Without this bound one account could empty so many buckets of pairs that other
    /// accounts, whose pairs share these buckets, are refused.
    additions: Buckets,
    /// Reactions, counted by account.
    reactions: Buckets,
}

impl DailyLimits {
    pub(crate) fn new() -> Self {
        let daily = |burst, per_second| Buckets::new(burst, per_second, DAILY_LIMITS_WIDTH);
        Self {
            additions_of_one: daily(ADDITIONS_OF_ONE_BURST, ADDITIONS_OF_ONE_PER_SECOND),
            additions: daily(ADDITIONS_BURST, ADDITIONS_PER_SECOND),
            reactions: daily(REACTIONS_BURST, REACTIONS_PER_SECOND),
        }
    }

    /// Counts what `by` does with this operation. If that was too often, returns [`Operation::Refused`] in its place, which
    /// still answers a repeated `ref`.
    pub(crate) fn count_or_refuse(
        &self,
        by: AccountId,
        operation: Operation,
        now: Instant,
    ) -> Operation {
        match self.count(by, &operation, now) {
            Ok(()) => operation,
            Err(message) => Operation::Refused(Rejection { code: Code::TooMany, message }),
        }
    }

    /// # Errors
    /// It was too often; as a sentence for the user.
    fn count(
        &self,
        by: AccountId,
        operation: &Operation,
        now: Instant,
    ) -> Result<(), &'static str> {
        if matches!(operation, Operation::React { emoji: Some(_), .. }) {
            let too_many = |_| "you have reacted to 10000 messages today; wait an hour or two";
            return self.reactions.take(&by, now).map_err(too_many);
        }
        let added = added(operation).iter().filter(|account| **account != by);
        let added: BTreeSet<_> = added.map(|account| (by, *account)).collect();
        let too_often =
            |_| "you have added the same account to 100 groups today; wait an hour or two";
        added
            .iter()
            .try_for_each(|pair| self.additions_of_one.peek(pair, now))
            .map_err(too_often)?;
        added
            .iter()
            .try_for_each(|_| self.additions.take(&by, now))
            .map_err(|_| "you have added 10000 accounts to groups today; wait an hour or two")?;
        added.iter().try_for_each(|pair| self.additions_of_one.take(pair, now)).map_err(too_often)
    }
}

/// The accounts that an operation adds to a group.
fn added(operation: &Operation) -> &[AccountId] {
    match operation {
        Operation::CreateGroup { members, .. } => members,
        Operation::ChangeGroup { action: GroupAction::Add(member), .. } => {
            std::slice::from_ref(member)
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::{GroupId, MessageId};

    use super::*;

    const ALICE: AccountId = AccountId(1);

    fn add(id: i64) -> Operation {
        Operation::ChangeGroup { group: GroupId(7), action: GroupAction::Add(AccountId(id)) }
    }

    fn create(members: impl IntoIterator<Item = i64>) -> Operation {
        let members = members.into_iter().map(AccountId).collect();
        Operation::CreateGroup { name: "Trip".to_owned(), members }
    }

    #[test]
    fn the_same_account_is_added_so_often_a_day_and_no_more() {
        let (limits, now) = (DailyLimits::new(), Instant::now());
        let count = |by, operation: &Operation, at| limits.count(by, operation, at).is_ok();
        for time in 0..ADDITIONS_OF_ONE_BURST as u32 {
            let one = if time % 2 == 0 { add(2) } else { create([1, 2, 2]) };
            assert!(count(ALICE, &one, now), "{time}");
        }
        assert!(!count(ALICE, &add(2), now) && !count(ALICE, &create([2, 3]), now));
        assert!(count(ALICE, &add(3), now), "it is this one that was added often");
        assert!(count(AccountId(3), &add(2), now), "by this one");
        assert!((0..100).all(|_| count(ALICE, &create([1]), now)), "nobody adds itself");
        let later = now + Duration::from_secs_f64(1.0 / ADDITIONS_OF_ONE_PER_SECOND);
        assert!(count(ALICE, &add(2), later) && !count(ALICE, &add(2), later));
    }

    #[test]
    fn an_account_adds_so_many_a_day_and_no_more() {
        let (limits, now) = (DailyLimits::new(), Instant::now());
        let many = ADDITIONS_BURST as i64 / 500;
        for time in 0..many {
            let added = create((time * 500 + 2)..(time * 500 + 502));
            assert_eq!(limits.count(ALICE, &added, now), Ok(()), "{time}");
        }
        assert!(limits.count(ALICE, &add(ADDITIONS_BURST as i64 + 10), now).is_err());
        assert!(limits.count(AccountId(2), &add(1), now).is_ok());
    }

    #[test]
    fn an_account_reacts_so_often_a_day_and_no_more() {
        let (limits, now) = (DailyLimits::new(), Instant::now());
        let react = |emoji: Option<&str>| Operation::React {
            id: MessageId(1),
            emoji: emoji.map(str::to_owned),
        };
        for time in 0..REACTIONS_BURST as u32 {
            assert_eq!(limits.count(ALICE, &react(Some("👍")), now), Ok(()), "{time}");
        }
        assert!(limits.count(ALICE, &react(Some("👍")), now).is_err());
        assert!(limits.count(ALICE, &react(None), now).is_ok(), "it takes reactions back");
        assert!(limits.count(ALICE, &add(2), now).is_ok());
        assert!(limits.count(AccountId(2), &react(Some("👍")), now).is_ok());
    }
}
