//! The line before the cores that hash: who asks much waits, not who asks little.
//!
//! Everybody in it belongs to a party, which belongs to a larger one, and so on (an account asked for at a network, in a wider
//! network). The next to be served is of the largest party that was served least lately, among those of its smaller party
//! that was, and so on; of one party, who came first. Parties that are known and parties of strangers are served by turns while
//! both wait, so that strangers at many networks together get no more than half of the turns. Where there is no room it is the party with the most waiting that loses
//! its newest, so nobody is sent away for others.

use std::collections::HashMap;

use door::network::Network;

use crate::limit::{HASH_PARTIES_KEPT_TURNS, HASH_WAITING_PER_PARTY};
use crate::throttle::Origin;

/// One party, within a larger one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    /// Who is known to have been let into the account of this folded email before.
    Known(String),
    /// By what that is known.
    Origin(Origin),
    /// Strangers from there.
    Network(Network),
    /// Strangers that ask for this folded email.
    Account(String),
}

impl Party {
    /// Whether it is known, or of strangers: the position in [`Line::kinds`].
    fn kind(&self) -> usize {
        match self {
            Self::Known(_) | Self::Origin(_) => 0,
            Self::Network(_) | Self::Account(_) => 1,
        }
    }
}

/// The parties of somebody, the largest first; at least one.
pub(crate) type Parties = Vec<Party>;

/// No room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Who waits; `T` is what tells one that it is served.
pub(crate) struct Line<T> {
    most: usize,
    waiting: Vec<Waiter<T>>,
    /// When each party was last served, counted in turns; what is not here was not for long.
    served: HashMap<Parties, u64>,
    /// When somebody known was last served, and when a stranger was.
    kinds: [u64; 2],
    turn: u64,
    arrivals: u64,
}

struct Waiter<T> {
    /// Its number.
    arrival: u64,
    parties: Parties,
    tell: T,
}

impl<T> Line<T> {
    /// With room for `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            waiting: Vec::new(),
            served: HashMap::new(),
            kinds: [0; 2],
            turn: 0,
            arrivals: 0,
        }
    }

    /// Lets somebody in, and gives its number. For lack of room somebody else may be sent away: its `T` is dropped.
    ///
    /// # Errors
    /// Its own party is the one with the most waiting.
    pub(crate) fn enter(&mut self, parties: Parties, tell: T) -> Result<u64, Full> {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let of_largest = self.waiting.iter().filter(|it| it.parties[0] == parties[0]).count();
        let largest = (of_largest >= HASH_WAITING_PER_PARTY).then(|| parties[0].clone());
        let is_full = largest.is_some() || self.waiting.len() >= self.most;
        self.waiting.push(Waiter { arrival, parties, tell });
        if is_full {
            let loser = self.loser(largest.as_ref());
            if self.remove(loser).is_none() || loser == arrival {
                return Err(Full);
            }
        }
        Ok(arrival)
    }

    /// The newest of the party with the most waiting, among all or those of `largest`.
    fn loser(&self, largest: Option<&Party>) -> u64 {
        let mut counts: HashMap<&[Party], usize> = HashMap::new();
        for waiter in &self.waiting {
            for end in 1..=waiter.parties.len() {
                *counts.entry(&waiter.parties[..end]).or_default() += 1;
            }
        }
        let load = |waiter: &&Waiter<T>| {
            let ends = 1..=waiter.parties.len();
            let counts: Vec<_> = ends.map(|end| counts.get(&waiter.parties[..end])).collect();
            (counts, waiter.arrival)
        };
        let among = |waiter: &&Waiter<T>| largest.is_none_or(|it| waiter.parties[0] == *it);
        let loser = self.waiting.iter().filter(among).max_by_key(load);
        loser.map_or(0, |waiter| waiter.arrival)
    }

    /// Serves the next: it has left the line.
    pub(crate) fn serve(&mut self) -> Option<T> {
        let lately = |waiter: &&Waiter<T>| {
            let ends = 1..=waiter.parties.len();
            let turns = ends.map(|end| self.served.get(&waiter.parties[..end]).unwrap_or(&0));
            let kind = self.kinds[waiter.parties[0].kind()];
            (kind, turns.collect::<Vec<_>>(), waiter.arrival)
        };
        let next = self.waiting.iter().min_by_key(lately)?.arrival;
        let next = self.remove(next)?;
        self.turn += 1;
        self.kinds[next.parties[0].kind()] = self.turn;
        for end in 1..=next.parties.len() {
            self.served.insert(next.parties[..end].to_vec(), self.turn);
        }
        if self.turn.is_multiple_of(HASH_PARTIES_KEPT_TURNS) {
            let oldest = self.turn - HASH_PARTIES_KEPT_TURNS;
            self.served.retain(|_, turn| *turn > oldest);
        }
        Some(next.tell)
    }

    /// Takes somebody out; false if it has been served or sent away.
    pub(crate) fn leave(&mut self, arrival: u64) -> bool {
        self.remove(arrival).is_some()
    }

    fn remove(&mut self, arrival: u64) -> Option<Waiter<T>> {
        let at = self.waiting.iter().position(|waiter| waiter.arrival == arrival)?;
        Some(self.waiting.remove(at))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
#[path = "line/tests.rs"]
mod tests;
