//! Mails that wait to be sent, or to be tried again.

use std::time::Instant;

use super::letter::Letter;
use crate::limit::{MAIL_DEADLINE, MAIL_PAUSE_FIRST, MAIL_PAUSE_MAX, MAILS_WAITING_MAX};

/// A mail, and when it is tried.
pub(crate) struct Waiting {
    pub(crate) letter: Letter,
    due: Instant,
    give_up: Instant,
    tries: u32,
}

/// The queue, of at most [`MAILS_WAITING_MAX`] mails.
#[derive(Default)]
pub(crate) struct MailQueue {
    waiting: Vec<Waiting>,
    /// No mail is tried before this time, because the server does not answer.
    paused_until: Option<Instant>,
}

impl MailQueue {
    /// Adds a new mail. Returns false if a mail was dropped because the queue is full: the one that was tried most
    /// often, so that mails which the server refuses do not keep new ones from being tried.
    pub(crate) fn push(&mut self, letter: Letter, now: Instant) -> bool {
        let had_room = self.waiting.len() < MAILS_WAITING_MAX;
        if !had_room {
            let most = (0..self.waiting.len()).max_by_key(|at| self.waiting[*at].tries);
            match most.filter(|at| self.waiting[*at].tries > 0) {
                Some(at) => drop(self.waiting.swap_remove(at)),
                None => return false,
            }
        }
        self.waiting.push(Waiting { letter, due: now, give_up: now + MAIL_DEADLINE, tries: 0 });
        had_room
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The time at which the next mail is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let due = self.waiting.iter().map(|one| one.due).min()?;
        Some(self.paused_until.map_or(due, |until| due.max(until)))
    }

    /// Removes the mail that has been due for longest, if one is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Waiting> {
        self.next_due().filter(|due| *due <= now)?;
        let next = (0..self.waiting.len()).min_by_key(|at| self.waiting[*at].due)?;
        Some(self.waiting.remove(next))
    }

    /// Notes that a mail was sent, so the server answers.
    pub(crate) fn has_sent(&mut self) {
        self.paused_until = None;
    }

    /// Puts back a mail that failed, to be tried again after a pause. Returns false if it is given up. `is_server`: the
    /// server does not answer, so the other mails wait as well.
    pub(crate) fn put_back(&mut self, mut one: Waiting, is_server: bool, now: Instant) -> bool {
        let pause = (MAIL_PAUSE_FIRST * 2_u32.saturating_pow(one.tries)).min(MAIL_PAUSE_MAX);
        one.tries = (one.tries + 1).min(16);
        one.due = now + pause;
        if is_server {
            self.paused_until = Some(one.due);
        }
        let is_kept = one.due < one.give_up;
        if is_kept {
            self.waiting.push(one);
        }
        is_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(to: &str) -> Letter {
        Letter::notice(to, "https://chat.example")
    }

    #[test]
    fn what_fails_is_tried_again_later_and_later_and_given_up_in_the_end() {
        let (mut queue, begin) = (MailQueue::default(), Instant::now());
        assert!(queue.push(letter("a@x"), begin));
        let (mut now, mut pauses) = (begin, Vec::new());
        loop {
            let one = queue.take_due(now).unwrap();
            if !queue.put_back(one, false, now) {
                break;
            }
            let due = queue.next_due().unwrap();
            pauses.push(due - now);
            assert!(queue.take_due(now).is_none(), "not yet");
            now = due;
        }
        assert_eq!(pauses[0], MAIL_PAUSE_FIRST);
        assert!(pauses.is_sorted() && pauses.iter().all(|pause| *pause <= MAIL_PAUSE_MAX));
        assert!(now < begin + MAIL_DEADLINE && begin + MAIL_DEADLINE - now <= MAIL_PAUSE_MAX);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn one_that_is_refused_keeps_no_other_waiting_and_a_server_that_is_away_all() {
        let (mut queue, now) = (MailQueue::default(), Instant::now());
        assert!(queue.push(letter("a@x"), now) && queue.push(letter("b@x"), now));
        let first = queue.take_due(now).unwrap();
        assert!(queue.put_back(first, false, now));
        let second = queue.take_due(now).unwrap();
        assert_eq!(second.letter.to, "b@x");
        assert!(queue.put_back(second, true, now));
        assert!(queue.push(letter("c@x"), now));
        assert!(queue.take_due(now).is_none());
        queue.has_sent();
        assert_eq!(queue.take_due(now).unwrap().letter.to, "c@x");
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let (mut queue, now) = (MailQueue::default(), Instant::now());
        assert!((0..MAILS_WAITING_MAX).all(|_| queue.push(letter("a@x"), now)));
        assert!(!queue.push(letter("new@x"), now));
        assert!(queue.waiting.iter().all(|one| one.letter.to == "a@x"), "all wait for their turn");
        let refused = queue.take_due(now).unwrap();
        assert!(queue.put_back(refused, false, now));
        assert!(!queue.push(letter("new@x"), now), "the one that was refused is dropped");
        assert_eq!(queue.len(), MAILS_WAITING_MAX);
        assert!(queue.waiting.iter().any(|one| one.letter.to == "new@x"));
    }
}
