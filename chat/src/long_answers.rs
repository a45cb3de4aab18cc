//! Slots for long answers (`history`, `search`, `conversations` …): each account has a few, over all its connections.
//!
//! The slots bound the memory for rows and texts. A connection's thread takes a slot before it reads the database, and
//! returns it once the answer is in its outbox.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use wire::AccountId;

use crate::limit::ANSWERS_PER_ACCOUNT;

/// The accounts that use slots or wait for one.
#[derive(Default)]
pub(crate) struct LongAnswers(Mutex<HashMap<AccountId, Work>>);

#[derive(Default)]
struct Work {
    /// Slots that are taken.
    taken: usize,
    /// Threads that wait for a slot, in order of arrival.
    waiting: VecDeque<Thread>,
}

impl LongAnswers {
    /// Takes a slot for `account`, waiting for one until `deadline`, or until `wanted` returns false. `wanted` is
    /// called before each wait; whatever changes its result during a wait must unpark this thread.
    pub(crate) fn take(
        &self,
        account: AccountId,
        deadline: Instant,
        wanted: impl Fn() -> bool,
    ) -> Option<AnswerSlot<'_>> {
        let me = thread::current();
        let is_me = |thread: &Thread| thread.id() == me.id();
        let mut all = self.lock();
        all.entry(account).or_default().waiting.push_back(me.clone());
        loop {
            let work = all.entry(account).or_default();
            let is_first = work.waiting.front().is_some_and(is_me);
            if is_first && work.taken < ANSWERS_PER_ACCOUNT {
                work.waiting.pop_front();
                work.taken += 1;
                work.wake_first(); // There may be a slot for that one too.
                return Some(AnswerSlot { answers: self, account });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !wanted() {
                work.waiting.retain(|thread| !is_me(thread));
                work.wake_first();
                return None;
            }
            drop(all);
            thread::park_timeout(left);
            all = self.lock();
        }
    }

    /// Threads that wait for a slot of this account.
    #[cfg(test)]
    pub(crate) fn waiting(&self, account: AccountId) -> usize {
        self.lock().get(&account).map_or(0, |work| work.waiting.len())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn wake_first(&self) {
        if self.taken < ANSWERS_PER_ACCOUNT {
            self.waiting.front().inspect(|thread| thread.unpark());
        }
    }
}

/// The right to generate one long answer. It is returned when this is dropped.
pub(crate) struct AnswerSlot<'a> {
    answers: &'a LongAnswers,
    account: AccountId,
}

impl Drop for AnswerSlot<'_> {
    fn drop(&mut self) {
        let mut all = self.answers.lock();
        let Some(work) = all.get_mut(&self.account) else { return };
        work.taken -= 1;
        work.wake_first();
        if work.taken == 0 && work.waiting.is_empty() {
            all.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MALLORY: AccountId = AccountId(1);
    const BOB: AccountId = AccountId(2);

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn an_account_has_so_many_turns_and_others_have_theirs() {
        let answers = LongAnswers::default();
        let take = |account, deadline| answers.take(account, deadline, || true);
        let mut slots: Vec<_> =
            (0..ANSWERS_PER_ACCOUNT).map(|_| take(MALLORY, later()).unwrap()).collect();
        assert!(take(MALLORY, Instant::now()).is_none());
        assert!(take(BOB, Instant::now()).is_some());
        slots.pop();
        assert!(take(MALLORY, Instant::now()).is_some());
        slots.clear();
        assert!(answers.lock().is_empty(), "nobody is being answered");
    }

    #[test]
    fn who_no_longer_wants_a_turn_does_not_wait_for_one() {
        let answers = LongAnswers::default();
        let _turns: Vec<_> = (0..ANSWERS_PER_ACCOUNT)
            .map(|_| answers.take(MALLORY, later(), || true).unwrap())
            .collect();
        assert!(answers.take(MALLORY, later(), || false).is_none());
        assert_eq!(answers.waiting(MALLORY), 0);
    }

    #[test]
    fn who_waits_has_its_turn_when_one_is_given_back() {
        let answers = LongAnswers::default();
        std::thread::scope(|scope| {
            let mut slots: Vec<_> = (0..ANSWERS_PER_ACCOUNT)
                .map(|_| answers.take(MALLORY, later(), || true).unwrap())
                .collect();
            let two =
                [0; 2].map(|_| scope.spawn(|| answers.take(MALLORY, later(), || true).is_some()));
            while answers.waiting(MALLORY) < 2 {
                std::thread::yield_now();
            }
            slots.pop();
            assert!(two.into_iter().all(|one| one.join().unwrap()), "one after the other");
        });
        assert!(answers.lock().is_empty());
    }
}
