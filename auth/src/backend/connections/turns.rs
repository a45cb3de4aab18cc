//! The requests that wait for a connection, and their order.
//!
//! Fair queueing (Nagle, RFC 970) on two levels. The two classes of requests take turns, and within a class the clients
//! take turns, each known by its network. A client that sends a hundred requests at once waits behind itself.

use std::collections::VecDeque;
use std::thread::Thread;

use net::network::Network;

/// Classes of requests.
const CLASSES: usize = 2;

/// The requests that take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Requests that only read.
    Read,
    /// All others. Some wait for a password to be hashed.
    Change,
}

/// A thread that waits.
pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) thread: Thread,
    /// Whether it takes an idle connection. Otherwise it waits for its turn to open one.
    pub(super) takes_idle: bool,
}

/// All waiting threads.
#[derive(Default)]
pub(super) struct Turns {
    /// The waiting clients of each class; the client that was served least recently is first. No client's queue is
    /// empty.
    waiting: [VecDeque<(Network, VecDeque<Waiter>)>; CLASSES],
    /// The class whose turn is next, if it waits.
    next_class: usize,
}

impl Turns {
    /// Adds a thread at the end of its client's queue.
    pub(super) fn wait(&mut self, class: Class, client: Network, waiter: Waiter) {
        let clients = &mut self.waiting[class as usize];
        match clients.iter_mut().find(|(one, _)| *one == client) {
            Some((_, queue)) => queue.push_back(waiter),
            None => clients.push_back((client, VecDeque::from([waiter]))),
        }
    }

    /// Removes a thread that does not wait any more.
    pub(super) fn leave(&mut self, ticket: u64) {
        for clients in &mut self.waiting {
            for (_, queue) in clients.iter_mut() {
                queue.retain(|waiter| waiter.ticket != ticket);
            }
            clients.retain(|(_, queue)| !queue.is_empty());
        }
    }

    /// Removes the thread whose turn it is among those for which `may` is true, and sends its client and its class to
    /// the end.
    pub(super) fn next(&mut self, may: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        let first = |(_, queue): &(Network, VecDeque<Waiter>)| queue.front().is_some_and(&may);
        let (class, at) = (0..CLASSES).find_map(|step| {
            let class = (self.next_class + step) % CLASSES;
            Some((class, self.waiting[class].iter().position(first)?))
        })?;
        let (client, mut queue) = self.waiting[class].remove(at)?;
        let waiter = queue.pop_front();
        if !queue.is_empty() {
            self.waiting[class].push_back((client, queue));
        }
        self.next_class = class + 1;
        waiter
    }

    /// Removes all threads.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Waiter> {
        let all = std::mem::take(&mut self.waiting);
        all.into_iter().flatten().flat_map(|(_, queue)| queue)
    }

    /// The number of threads that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.iter().flatten().map(|(_, queue)| queue.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tickets in the order of their turns.
    fn order(waiting: &[(Class, u8)]) -> Vec<u64> {
        let mut turns = Turns::default();
        for (ticket, (class, client)) in (0..).zip(waiting) {
            let client = Network::narrowest([192, 0, 2, *client].into());
            let thread = std::thread::current();
            turns.wait(*class, client, Waiter { ticket, thread, takes_idle: true });
        }
        std::iter::from_fn(|| turns.next(|_| true).map(|waiter| waiter.ticket)).collect()
    }

    #[test]
    fn who_asks_little_does_not_wait_for_who_asks_much() {
        let (read, change) = (Class::Read, Class::Change);
        assert_eq!(order(&[(read, 1), (read, 1), (read, 1), (read, 2)]), [0, 3, 1, 2]);
        assert_eq!(order(&[(change, 1), (change, 1), (change, 1), (read, 1)]), [3, 0, 1, 2]);
        assert_eq!(order(&[(change, 1), (read, 2), (change, 1), (read, 2)]), [1, 0, 3, 2]);
    }

    #[test]
    fn who_leaves_or_may_not_has_no_turn() {
        let mut turns = Turns::default();
        let client = Network::narrowest([192, 0, 2, 1].into());
        for ticket in 0..3 {
            let thread = std::thread::current();
            turns.wait(Class::Read, client, Waiter { ticket, thread, takes_idle: ticket != 1 });
        }
        turns.leave(0);
        assert!(turns.next(|waiter| waiter.takes_idle).is_none());
        assert_eq!(turns.next(|_| true).map(|waiter| waiter.ticket), Some(1));
        assert_eq!(turns.clear().map(|waiter| waiter.ticket).collect::<Vec<_>>(), [2]);
        assert_eq!(turns.len(), 0);
    }
}
