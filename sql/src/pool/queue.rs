//! The requesters that wait for a connection, and their order.
//!
//! Fair queueing (Nagle, RFC 970) on two levels. Requesters of one kind form a class, and the waiting classes are
//! served round robin. Within a class each requester has a queue of its own, and these queues are served round robin.
//! So an account that sends a hundred requests at once waits behind itself. And a thousand accounts that read long
//! pages do not delay a hello, since at least every second turn goes to another class.

use std::collections::VecDeque;
use std::thread::Thread;

use wire::AccountId;

/// The requester of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requester {
    /// A request of this account, which may take long.
    Account(AccountId),
    /// A hello with a token that belonged to this account when it was last looked up: one short look-up.
    Session(AccountId),
    /// A hello with a token that was not valid here lately: the same look-up, in a class of its own, since any client
    /// can invent tokens.
    Newcomer,
    /// A login or a signup: the work is short, and the account is known only afterwards.
    Stranger,
    /// A health check.
    Probe,
    /// The server itself: commits of messages, sweeps, the search for ended sessions.
    Server,
}

/// Classes of requesters.
const CLASSES: usize = 6;

impl Requester {
    /// The index of its class in [`Queues::waiting`].
    fn class(self) -> usize {
        match self {
            Self::Server => 0,
            Self::Probe => 1,
            Self::Session(_) => 2,
            Self::Stranger => 3,
            Self::Newcomer => 4,
            Self::Account(_) => 5,
        }
    }

    /// Whether the number of its connections is bounded.
    fn is_one_account(self) -> bool {
        matches!(self, Self::Account(_) | Self::Session(_))
    }
}

impl From<AccountId> for Requester {
    fn from(account: AccountId) -> Self {
        Self::Account(account)
    }
}

/// A thread that waits.
pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) thread: Thread,
}

/// The queues of all requesters, and the number of connections that each has.
pub(super) struct Queues {
    /// Connections that one account may hold at one time.
    share: usize,
    /// Each requester that has borrowed connections, with their number.
    lent: Vec<(Requester, usize)>,
    /// The waiting requesters of each class, the one that was served least recently first. No requester's queue is empty.
    waiting: [Class; CLASSES],
    /// The class that is served next, if a requester of it waits.
    next_class: usize,
}

type Class = VecDeque<(Requester, VecDeque<Waiter>)>;

impl Queues {
    pub(super) fn new(share: usize) -> Self {
        Self { share, lent: Vec::new(), waiting: Default::default(), next_class: 0 }
    }

    /// Whether `requester` may borrow one more connection.
    pub(super) fn has_share(&self, requester: Requester) -> bool {
        let lent = || self.lent.iter().find(|(one, _)| *one == requester).map_or(0, |(_, it)| *it);
        !requester.is_one_account() || lent() < self.share
    }

    /// Records that `requester` has borrowed a connection.
    pub(super) fn lend(&mut self, requester: Requester) {
        match self.lent.iter_mut().find(|(one, _)| *one == requester) {
            Some((_, count)) => *count += 1,
            None => self.lent.push((requester, 1)),
        }
    }

    /// Records that `requester` has returned a connection.
    pub(super) fn give_back(&mut self, requester: Requester) {
        let Some(at) = self.lent.iter().position(|(one, _)| *one == requester) else { return };
        self.lent[at].1 -= 1;
        if self.lent[at].1 == 0 {
            self.lent.swap_remove(at);
        }
    }

    /// Puts a thread at the end of its requester's queue.
    pub(super) fn wait(&mut self, requester: Requester, waiter: Waiter) {
        let class = &mut self.waiting[requester.class()];
        match class.iter_mut().find(|(one, _)| *one == requester) {
            Some((_, queue)) => queue.push_back(waiter),
            None => class.push_back((requester, VecDeque::from([waiter]))),
        }
    }

    /// Removes a thread that has stopped waiting.
    pub(super) fn leave(&mut self, ticket: u64) {
        for class in &mut self.waiting {
            for (_, queue) in class.iter_mut() {
                queue.retain(|waiter| waiter.ticket != ticket);
            }
            class.retain(|(_, queue)| !queue.is_empty());
        }
    }

    /// Removes the thread whose turn it is, and moves its requester and its class to the end of their queues. `None` if no waiting
    /// requester may borrow another connection.
    pub(super) fn next(&mut self) -> Option<(Requester, Waiter)> {
        let (class, at) = (0..CLASSES).find_map(|step| {
            let class = (self.next_class + step) % CLASSES;
            let at = self.waiting[class].iter().position(|(one, _)| self.has_share(*one))?;
            Some((class, at))
        })?;
        let (requester, mut queue) = self.waiting[class].remove(at)?;
        let waiter = queue.pop_front()?;
        if !queue.is_empty() {
            self.waiting[class].push_back((requester, queue));
        }
        self.next_class = class + 1;
        Some((requester, waiter))
    }

    /// The number of waiting threads.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.iter().flatten().map(|(_, queue)| queue.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MALLORY: Requester = Requester::Account(AccountId(1));
    const BOB: Requester = Requester::Account(AccountId(2));

    /// Whose turns come in which order, if each gives back at once.
    fn order(queues: &mut Queues) -> Vec<Requester> {
        std::iter::from_fn(|| queues.next().map(|(requester, _)| requester)).collect()
    }

    fn queues(share: usize, waiting: &[Requester]) -> Queues {
        let mut queues = Queues::new(share);
        for (ticket, requester) in (0..).zip(waiting) {
            queues.wait(*requester, Waiter { ticket, thread: std::thread::current() });
        }
        queues
    }

    #[test]
    fn who_asks_much_waits_and_not_who_asks_little() {
        let asked = [MALLORY, MALLORY, MALLORY, BOB, Requester::Stranger, MALLORY, BOB];
        let turns = [Requester::Stranger, MALLORY, BOB, MALLORY, BOB, MALLORY, MALLORY];
        assert_eq!(order(&mut queues(1, &asked)), turns);
    }

    #[test]
    fn however_many_accounts_wait_every_second_turn_is_not_theirs() {
        let short = [
            Requester::Stranger,
            Requester::Newcomer,
            Requester::Session(AccountId(9)),
            Requester::Probe,
            Requester::Server,
        ];
        for requester in short {
            let mut asked: Vec<_> = (1..=5).map(|id| Requester::Account(AccountId(id))).collect();
            asked.extend([requester; 3]);
            let turns = order(&mut queues(1, &asked));
            let places: Vec<_> = (0..).zip(&turns).filter(|(_, one)| **one == requester).collect();
            assert_eq!(places.len(), 3);
            assert!(
                places[0].0 <= 1 && places.windows(2).all(|two| two[1].0 - two[0].0 <= 2),
                "{turns:?}"
            );
        }
    }

    #[test]
    fn tokens_that_nobody_has_wait_apart_from_those_that_are_good() {
        let mut asked = vec![Requester::Newcomer; 100];
        asked.extend([Requester::Session(AccountId(1)), Requester::Stranger, Requester::Probe]);
        let turns = order(&mut queues(1, &asked));
        let last = turns.iter().rposition(|one| *one != Requester::Newcomer);
        assert!(last <= Some(3), "{turns:?}");
    }

    #[test]
    fn who_holds_its_share_is_passed_over_until_it_gives_one_back() {
        let mut queues = queues(2, &[MALLORY, BOB]);
        queues.lend(MALLORY);
        assert!(queues.has_share(MALLORY));
        queues.lend(MALLORY);
        assert_eq!(order(&mut queues), [BOB]);
        queues.give_back(MALLORY);
        assert_eq!(order(&mut queues), [MALLORY]);
    }

    #[test]
    fn who_leaves_has_no_turn() {
        let mut queues = queues(1, &[MALLORY, BOB, BOB]);
        queues.leave(0);
        queues.leave(1);
        let (requester, waiter) = queues.next().unwrap();
        assert_eq!((requester, waiter.ticket, queues.len()), (BOB, 2, 0));
    }

    #[test]
    fn only_accounts_have_a_share() {
        let mut queues = queues(1, &[]);
        let all = [Requester::Stranger, Requester::Newcomer, Requester::Probe, Requester::Server];
        for requester in all {
            queues.lend(requester);
            assert!(queues.has_share(requester));
        }
        all.into_iter().for_each(|requester| queues.give_back(requester));
        assert!(queues.lent.is_empty());
    }
}
