use std::io::Read as _;
use std::net::TcpStream;

use super::*;
use crate::dispatcher::{self, Inbox};
use crate::hub::Endpoint;
use crate::test_support;

const BOB: AccountId = AccountId(2);

/// Somebody who watches Bob, and what it was told of him so far.
struct Watcher {
    presence: Arc<Presence>,
    hub: Arc<Hub>,
    outbox: Arc<Outbox>,
    theirs: TcpStream,
}

impl Watcher {
    fn new() -> Self {
        let hub = Arc::new(Hub::new());
        let presence = Arc::new(Presence::new(Arc::clone(&hub), crate::clock::now_ms));
        let (outbox, theirs) = test_support::outbox();
        presence.watch(AccountId(1), &outbox, &[BOB]);
        assert!(presence.admit(&outbox, BOB, None));
        outbox.flush();
        Self { presence, hub, outbox, theirs }
    }

    /// Bob comes, or goes.
    fn flap(&self, bob: &Arc<Outbox>, comes: bool, now: Instant) {
        if comes {
            self.hub.register(BOB, Endpoint { outbox: Arc::clone(bob), session: None, since: 0 });
        } else {
            self.hub.unregister(BOB, bob);
        }
        self.presence.changed(BOB, 0, now);
    }

    fn wait_until_told(&self, online: bool, deadline: Instant) {
        while self.told() != Some(online) {
            assert!(Instant::now() < deadline, "not told");
            std::thread::yield_now();
        }
    }

    fn told(&self) -> Option<bool> {
        let state = self.presence.lock();
        let mine = |watch: &&Watch| Arc::ptr_eq(&watch.outbox, &self.outbox);
        state.watched[&BOB].by.iter().find(mine).and_then(|watch| watch.sent_state)
    }
}

#[test]
fn who_comes_and_goes_without_end_is_told_of_once_a_second() {
    let (watcher, start) = (Watcher::new(), Instant::now());
    let (bob, _theirs) = test_support::outbox();
    watcher.flap(&bob, true, start);
    assert_eq!(watcher.told(), Some(true), "the first change at once");
    for n in 0..99 {
        watcher.flap(&bob, n % 2 == 1, start);
    }
    assert_eq!(watcher.told(), Some(true), "and no other for a second");
    assert_eq!(watcher.presence.lock().due.len(), 1, "but how it ended is to be told");
    assert_eq!(watcher.presence.due_at(), Some(start + PRESENCE_INTERVAL));
    watcher.presence.send_due(start + PRESENCE_INTERVAL);
    assert_eq!(watcher.told(), Some(false));
    watcher.flap(&bob, true, start + 2 * PRESENCE_INTERVAL);
    assert_eq!(watcher.told(), Some(true));
}

/// What the watcher is told when Bob comes and goes.
fn told_of_going(watcher: &mut Watcher, now: Instant) -> String {
    let (bob, _theirs) = test_support::outbox();
    watcher.flap(&bob, true, now);
    watcher.flap(&bob, false, now + PRESENCE_INTERVAL);
    let (mut heard, mut some) = (String::new(), [0; 1024]);
    while !heard.contains("\"online\":false") {
        let count = watcher.theirs.read(&mut some).unwrap();
        heard.push_str(&String::from_utf8_lossy(&some[..count]));
    }
    heard
}

#[test]
fn who_hides_when_it_was_there_is_told_of_without_a_time() {
    let (mut watcher, mut now) = (Watcher::new(), Instant::now());
    // The answer to the watcher's own request.
    let mut first = [0; 1024];
    assert!(watcher.theirs.read(&mut first).unwrap() > 0);
    for (hiding, is_told) in [(None, true), (Some(BOB), false), (Some(AccountId(1)), false)] {
        now += 2 * PRESENCE_INTERVAL;
        watcher.presence.note_hiding(hiding.map(|account| (account, true)));
        let heard = told_of_going(&mut watcher, now);
        assert_eq!(heard.contains("last_seen"), is_told, "{hiding:?}: {heard}");
        watcher.presence.note_hiding(hiding.map(|account| (account, false)));
    }
}

#[test]
fn the_dispatcher_tells_what_had_to_wait() {
    let (watcher, inbox) = (Watcher::new(), Inbox::default());
    let (hub, presence) = (Arc::clone(&watcher.hub), Arc::clone(&watcher.presence));
    let ended = dispatcher::start(inbox.clone(), None, hub, presence, None).unwrap();
    let (bob, _theirs) = test_support::outbox();
    let endpoint = Endpoint { outbox: Arc::clone(&bob), session: None, since: 0 };
    watcher.hub.register(BOB, endpoint);
    inbox.presence_changed(BOB, 0);
    let deadline = Instant::now() + 20 * PRESENCE_INTERVAL;
    watcher.wait_until_told(true, deadline);
    watcher.hub.unregister(BOB, &bob);
    inbox.presence_changed(BOB, 0);
    watcher.wait_until_told(false, deadline);
    inbox.close();
    assert!(ended.wait_until(deadline));
}
