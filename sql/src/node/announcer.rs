//! The notices of this node: one for each commit, while other nodes use the database.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{BatchStatement, Statement, statements};
use crate::limit::{NODE_COMMIT_PATIENCE, NOTICE_BEATS};

/// How often it is tried again to lock what a commit has locked.
const LOCK_INTERVAL: Duration = Duration::from_millis(1);

/// The notices of this node.
#[derive(Default)]
pub(crate) struct Announcer {
    announcing: Mutex<Announcing>,
    /// The number of this node while there are others; otherwise 0.
    shown: AtomicI64,
    /// The number of the last notice. Changed only while `announcing` is locked.
    last: AtomicI64,
}

/// Locked while a commit runs, so that the notices become visible in the order of their numbers.
#[derive(Default)]
pub(crate) struct Announcing {
    /// The number of this node; `None`: it has no row in the table `node`.
    node: Option<i64>,
    /// Whether there are other nodes, which read the notices.
    is_read: bool,
}

/// The numbers of the last notices at the latest beats.
#[derive(Default)]
pub(super) struct LastNotices(VecDeque<i64>);

/// The key of a notice: its node and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoticeKey {
    pub(crate) node: i64,
    pub(crate) number: i64,
}

impl Announcer {
    /// Waits for the commit that runs.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Announcing> {
        self.announcing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the commit that runs, but not longer than [`NODE_COMMIT_PATIENCE`].
    pub(super) fn lock_soon(&self) -> Option<MutexGuard<'_, Announcing>> {
        let deadline = Instant::now() + NODE_COMMIT_PATIENCE;
        loop {
            match self.announcing.try_lock() {
                Ok(announcing) => return Some(announcing),
                Err(TryLockError::Poisoned(error)) => return Some(error.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_INTERVAL),
            }
        }
    }

    /// The key of the next notice; `None` while no other node would read it.
    pub(crate) fn next(&self, announcing: &Announcing) -> Option<NoticeKey> {
        let node = announcing.node.filter(|_| announcing.is_read)?;
        Some(NoticeKey { node, number: self.last() + 1 })
    }

    /// Uses up the number of the next notice, because the notice is written, or may be. The lock is still held.
    pub(crate) fn advance(&self, _announcing: &mut Announcing) {
        self.last.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of the last notice. Waits for no commit.
    pub(super) fn last(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }

    /// From the next commit on this is the number of the node, and with `is_read` it writes a notice for each commit.
    /// Returns whether other nodes see it as a new node.
    pub(super) fn set(&self, node: i64, is_read: bool) -> bool {
        // A commit may take long. It is not waited for unless something changes.
        if is_read && self.shown() == Some(node) {
            return false;
        }
        let mut announcing = self.lock();
        if announcing.node != Some(node) {
            self.last.store(0, Ordering::Relaxed);
        }
        *announcing = Announcing { node: Some(node), is_read };
        drop(announcing);
        let shown = if is_read { node } else { 0 };
        self.shown.swap(shown, Ordering::Relaxed) != shown && is_read
    }

    /// This node, while there are others.
    pub(crate) fn shown(&self) -> Option<i64> {
        Some(self.shown.load(Ordering::Relaxed)).filter(|node| *node > 0)
    }
}

impl LastNotices {
    /// Must be called at each beat, with the number of the last notice. Returns the last one that is old enough to be deleted.
    pub(super) fn outdated(&mut self, last: i64) -> Option<i64> {
        self.0.push_back(last);
        let number = if self.0.len() > NOTICE_BEATS { self.0.pop_front()? } else { 0 };
        // Number 0: no notice was written before that beat.
        Some(number).filter(|number| *number > 0)
    }
}

statements! {
    pub(crate) static ADD_NOTICE: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into notice (node, number, body) select * \
             from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as r(node, number, body)",
        sqlite: "insert into notice (node, number, body) values (?1, ?2, ?3)",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_numbered_while_somebody_reads_them() {
        let announcer = Announcer::default();
        assert_eq!(announcer.next(&announcer.lock()), None);
        assert!(!announcer.set(7, false));
        assert_eq!(announcer.next(&announcer.lock()), None);
        assert!(announcer.set(7, true));
        announcer.advance(&mut announcer.lock());
        assert_eq!(announcer.next(&announcer.lock()), Some(NoticeKey { node: 7, number: 2 }));
        assert_eq!(announcer.last(), 1);
        assert!(!announcer.set(7, true));
        assert!(announcer.set(8, true));
        assert_eq!(announcer.next(&announcer.lock()), Some(NoticeKey { node: 8, number: 1 }));
        assert_eq!(announcer.last(), 0);
    }

    #[test]
    fn a_look_waits_for_no_commit() {
        let announcer = Announcer::default();
        assert!(announcer.set(7, true));
        let commit = announcer.lock();
        let began = Instant::now();
        assert!(announcer.lock_soon().is_none());
        assert!(began.elapsed() >= NODE_COMMIT_PATIENCE);
        assert!(!announcer.set(7, true));
        assert_eq!(announcer.last(), 0);
        drop(commit);
        assert!(announcer.lock_soon().is_some());
    }

    #[test]
    fn a_notice_is_kept_for_some_beats() {
        let mut lasts = LastNotices::default();
        for last in 1..=NOTICE_BEATS as i64 {
            assert_eq!(lasts.outdated(last), None);
        }
        assert_eq!(lasts.outdated(0), Some(1));
        assert_eq!(lasts.outdated(0), Some(2));
    }
}
