//! Who waits for a connection, and whose turn is next.
//!
//! Fair queueing (Nagle, RFC 970): each requester has a queue of its own, and the queues are served round robin. An account
//! that asks a hundred times at once waits behind itself, not in front of everybody else.

use std::collections::VecDeque;
use std::thread::Thread;

use wire::AccountId;

/// For whom the database is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requester {
    /// This account.
    Account(AccountId),
    /// Whoever says hello, logs in or signs up: the work is short, and only its result tells whose it is.
    Stranger,
    /// The server itself: commits of messages, sweeps, the search for ended sessions.
    Server,
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

/// The queues of all requesters, and what each has on loan.
pub(super) struct Queues {
    /// Connections that one account may hold at one time.
    share: usize,
    /// Each requester that has something on loan, with the number of connections: no more entries than there are connections.
    lent: Vec<(Requester, usize)>,
    /// Each requester that waits, the one whose turn came least lately first. No queue is empty.
    waiting: VecDeque<(Requester, VecDeque<Waiter>)>,
}

impl Queues {
    pub(super) fn new(share: usize) -> Self {
        Self { share, lent: Vec::new(), waiting: VecDeque::new() }
    }

    /// Whether `requester` may hold one connection more.
    pub(super) fn has_share(&self, requester: Requester) -> bool {
        let lent = || self.lent.iter().find(|(one, _)| *one == requester).map_or(0, |(_, it)| *it);
        !matches!(requester, Requester::Account(_)) || lent() < self.share
    }

    /// Notes that `requester` has one connection more on loan.
    pub(super) fn lend(&mut self, requester: Requester) {
        match self.lent.iter_mut().find(|(one, _)| *one == requester) {
            Some((_, count)) => *count += 1,
            None => self.lent.push((requester, 1)),
        }
    }

    /// Notes that `requester` has given one back.
    pub(super) fn give_back(&mut self, requester: Requester) {
        let Some(at) = self.lent.iter().position(|(one, _)| *one == requester) else { return };
        self.lent[at].1 -= 1;
        if self.lent[at].1 == 0 {
            self.lent.swap_remove(at);
        }
    }

    /// Puts a thread at the end of its requester's queue.
    pub(super) fn wait(&mut self, requester: Requester, waiter: Waiter) {
        match self.waiting.iter_mut().find(|(one, _)| *one == requester) {
            Some((_, queue)) => queue.push_back(waiter),
            None => self.waiting.push_back((requester, VecDeque::from([waiter]))),
        }
    }

    /// Takes out a thread that waits no longer.
    pub(super) fn leave(&mut self, ticket: u64) {
        for (_, queue) in &mut self.waiting {
            queue.retain(|waiter| waiter.ticket != ticket);
        }
        self.waiting.retain(|(_, queue)| !queue.is_empty());
    }

    /// Takes out the thread whose turn it is, and sends its requester to the end. Nothing if all who wait hold their share.
    pub(super) fn next(&mut self) -> Option<(Requester, Waiter)> {
        let at = (0..self.waiting.len()).find(|at| self.has_share(self.waiting[*at].0))?;
        let (requester, mut queue) = self.waiting.remove(at)?;
        let waiter = queue.pop_front()?;
        if !queue.is_empty() {
            self.waiting.push_back((requester, queue));
        }
        Some((requester, waiter))
    }

    /// Threads that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.iter().map(|(_, queue)| queue.len()).sum()
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
        let turns = [MALLORY, BOB, Requester::Stranger, MALLORY, BOB, MALLORY, MALLORY];
        assert_eq!(order(&mut queues(1, &asked)), turns);
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
        for requester in [Requester::Stranger, Requester::Server] {
            queues.lend(requester);
            assert!(queues.has_share(requester));
        }
        queues.give_back(Requester::Stranger);
        queues.give_back(Requester::Server);
        assert!(queues.lent.is_empty());
    }
}
