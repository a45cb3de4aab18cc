//! The other nodes, as far as this node knows them.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Notice;
use crate::limit::{NODE_QUIET_BEATS, NODE_SILENT_BEATS, NODE_SURE_BEATS, NOTICE_DOUBT};

/// A row of the table `node`.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeRow {
    pub(super) id: i64,
    pub(super) beat: i64,
    pub(super) knows: i64,
}

/// The other nodes, by their numbers.
#[derive(Default)]
pub(super) struct Others(BTreeMap<i64, OtherNode>);

pub(super) struct OtherNode {
    beat: i64,
    /// The number of beats at which its counter had risen, since its last longer pause.
    counted: u32,
    /// Beats since its counter last rose.
    silent: u32,
    /// The last notice that was read; `None` before the first look.
    read: Option<i64>,
    /// Whether it writes a notice for each of its commits.
    tells: bool,
    /// Whether all logs must be compared once.
    is_in_doubt: bool,
    /// Until when all logs are compared, because a notice was missing.
    doubt_until: Option<Instant>,
}

impl Others {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (i64, &mut OtherNode)> {
        self.0.iter_mut().map(|(id, other)| (*id, other))
    }

    pub(super) fn get_mut(&mut self, node: i64) -> Option<&mut OtherNode> {
        self.0.get_mut(&node)
    }

    /// Updates the list from the rows of the table. `me`: the number of this node. Returns the nodes that have ended, and whose notices
    /// were not all read.
    pub(super) fn note(&mut self, rows: &[NodeRow], me: i64) -> Vec<i64> {
        let is_here = |id: &i64| rows.iter().any(|row| row.id == *id);
        let gone: Vec<_> = self.0.keys().copied().filter(|id| !is_here(id)).collect();
        self.0.retain(|id, _| is_here(id));
        for row in rows {
            let other = self.0.entry(row.id).or_insert(OtherNode {
                beat: row.beat,
                counted: 0,
                silent: 0,
                read: None,
                tells: false,
                is_in_doubt: true,
                doubt_until: None,
            });
            let tells = row.knows >= me;
            // It writes notices from now on. Its commits without a notice are visible by now.
            other.is_in_doubt |= tells && !other.tells;
            other.tells = tells;
        }
        gone
    }

    /// Must be called at each beat. Returns the number of nodes that are surely alive, and the nodes that have ended.
    pub(super) fn count(&mut self, rows: &[NodeRow]) -> (usize, Vec<i64>) {
        for row in rows {
            let Some(other) = self.0.get_mut(&row.id) else { continue };
            if other.beat == row.beat {
                other.silent += 1;
                // One look may come just before the node increments its counter.
                if other.silent > 2 {
                    other.counted = 0;
                }
            } else {
                (other.beat, other.counted, other.silent) = (row.beat, other.counted + 1, 0);
            }
        }
        let alive = self.0.values().filter(|other| other.counted >= NODE_SURE_BEATS).count();
        let gone = self.0.iter().filter(|(_, other)| other.silent >= NODE_SILENT_BEATS);
        (alive, gone.map(|(id, _)| *id).collect())
    }

    /// Whether notices of other nodes may have been missed.
    pub(super) fn take_doubt(&mut self, now: Instant) -> bool {
        let mut is_in_doubt = false;
        for other in self.0.values_mut() {
            let is_quiet = !other.tells && other.silent < NODE_QUIET_BEATS;
            let is_missing = other.doubt_until.is_some_and(|until| now < until);
            is_in_doubt |= std::mem::take(&mut other.is_in_doubt) || is_quiet || is_missing;
        }
        is_in_doubt
    }
}

impl OtherNode {
    /// The last notice that was read.
    pub(super) fn read_up_to(&self) -> Option<i64> {
        self.read
    }

    /// Notices up to this one need not be read: all logs are compared after it.
    pub(super) fn begin(&mut self, last: i64) {
        (self.read, self.is_in_doubt) = (Some(last), true);
    }

    /// Takes a notice. If the one before it was not read, one is missing, and all logs are compared for a while. An
    /// empty notice, or one that cannot be decoded, says that any log may have grown: all logs are compared once.
    pub(super) fn take(&mut self, number: i64, body: &[u8], now: Instant) -> Notice {
        if self.read.is_some_and(|read| number != read + 1) {
            self.doubt_until = Some(now + NOTICE_DOUBT);
        }
        self.read = Some(number);
        let notice = Notice::decode(body).unwrap_or_default();
        self.is_in_doubt |= notice.is_empty();
        notice
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::{AccountId, Seq};

    use super::*;

    fn row(beat: i64, knows: i64) -> [NodeRow; 1] {
        [NodeRow { id: 7, beat, knows }]
    }

    /// One beat of node 8.
    fn look(others: &mut Others, rows: &[NodeRow]) -> (usize, Vec<i64>) {
        others.note(rows, 8);
        others.count(rows)
    }

    #[test]
    fn who_counts_for_a_while_is_alive() {
        let mut others = Others::default();
        look(&mut others, &row(-1, 0));
        for beat in 0..i64::from(NODE_SURE_BEATS) - 1 {
            assert_eq!(look(&mut others, &row(beat, 0)).0, 0, "it may be about to end: a restart");
        }
        assert_eq!(look(&mut others, &row(100, 0)).0, 1);
        assert_eq!(look(&mut others, &row(100, 0)).0, 1, "it counts just after this look");
        assert_eq!(look(&mut others, &[]).0, 0, "it has ended");
    }

    #[test]
    fn who_was_killed_is_not_alive_and_forgotten() {
        let mut others = Others::default();
        for looks in 1..=NODE_SILENT_BEATS {
            let (alive, gone) = look(&mut others, &row(3, 0));
            assert_eq!(
                (alive, gone.len()),
                (0, usize::from(looks == NODE_SILENT_BEATS)),
                "{looks}"
            );
        }
    }

    #[test]
    fn all_logs_are_compared_until_another_tells_of_its_commits_and_once_more() {
        let (mut others, now) = (Others::default(), Instant::now());
        others.note(&row(1, 7), 8);
        assert!(others.take_doubt(now) && others.take_doubt(now));
        others.note(&row(2, 8), 8);
        assert!(others.take_doubt(now), "what it stored before it told of it");
        assert!(!others.take_doubt(now));
        others.note(&row(3, 8), 9);
        assert!(others.take_doubt(now), "it does not know my new number");
        others.note(&row(3, 0), 8);
        assert!(others.take_doubt(now), "it does not see me");
    }

    #[test]
    fn who_does_not_count_up_is_not_waited_for_to_tell() {
        let (mut others, now) = (Others::default(), Instant::now());
        for _ in 0..NODE_QUIET_BEATS {
            look(&mut others, &row(1, 0));
            others.take_doubt(now);
        }
        assert!(!others.take_doubt(now));
        look(&mut others, &row(2, 0));
        assert!(others.take_doubt(now), "it is an old version that tells nothing");
    }

    #[test]
    fn a_missing_notice_has_all_logs_compared_for_a_while() {
        let (mut others, now) = (Others::default(), Instant::now());
        others.note(&row(1, 8), 8);
        let (_, other) = others.iter_mut().next().unwrap();
        other.begin(3);
        let notice = Notice { heads: vec![(AccountId(1), Seq(1))], ..Notice::default() };
        assert_eq!(other.take(4, &notice.encode(), now), notice);
        assert!(others.take_doubt(now) && !others.take_doubt(now));
        let (_, other) = others.iter_mut().next().unwrap();
        other.take(6, &notice.encode(), now);
        assert!(others.take_doubt(now) && others.take_doubt(now + NOTICE_DOUBT / 2));
        assert!(!others.take_doubt(now + NOTICE_DOUBT + Duration::from_secs(1)));
    }

    #[test]
    fn one_that_has_gone_may_have_told_something_that_was_not_read() {
        let mut others = Others::default();
        assert!(others.note(&row(1, 8), 8).is_empty());
        assert_eq!(others.note(&[], 8), [7]);
    }
}
