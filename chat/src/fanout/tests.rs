use std::net::TcpStream;
use std::time::{Duration, Instant};

use sql::{Batch, ContactPolicy, NodeObserver as _, Operation, Submission};
use tungstenite::protocol::{Role, WebSocket};

use super::*;
use crate::clock::now_ms;
use crate::cluster::Cluster;
use crate::dispatcher::{self, Inbox};
use crate::hub::Endpoint;
use crate::limit::{BACKFILL_LOGS_MAX, HEADS_PAGE};
use crate::service::Ended;
use crate::test_support;

/// A server with two accounts, and connections of them that are live from the beginning of their logs.
struct House {
    store: Arc<Store>,
    hub: Arc<Hub>,
    inbox: Inbox,
    ended: Ended,
    alice: AccountId,
    bob: AccountId,
}

struct Device {
    outbox: Arc<Outbox>,
    socket: WebSocket<TcpStream>,
}

impl House {
    fn new() -> Self {
        let url = "sqlite::memory:".parse().unwrap();
        let store = Arc::new(Store::open(&url, ContactPolicy::Open, &|_| false).unwrap());
        let [alice, bob] = ["a@x.org", "b@x.org"]
            .map(|email| store.create_account(email, "Somebody", "none", 1).unwrap());
        let (hub, inbox) = (Arc::new(Hub::new()), Inbox::default());
        let presence = Arc::new(Presence::new(Arc::clone(&hub), now_ms));
        let kept = Some(Arc::clone(&store));
        let ended =
            dispatcher::start(inbox.clone(), kept, Arc::clone(&hub), presence, None).unwrap();
        Self { store, hub, inbox, ended, alice, bob }
    }

    fn device(&self, account: AccountId) -> Device {
        let (outbox, theirs) = test_support::outbox();
        outbox.start_replay();
        assert!(outbox.go_live(Seq(0)));
        self.hub
            .register(account, Endpoint { outbox: Arc::clone(&outbox), session: None, since: 0 });
        theirs.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Device { outbox, socket: WebSocket::from_raw_socket(theirs, Role::Client, None) }
    }

    /// Another node stores a message.
    fn store_elsewhere(&self, by: AccountId, to: AccountId, content: &str) {
        let batch = batch(by, to, content, None);
        self.store.commit(&batch, now_ms()).unwrap();
    }

    /// This node stores a message of a device.
    fn store(&self, by: AccountId, device: &Device, to: AccountId, content: &str) {
        let committing = self.inbox.begin_commit();
        let batch = batch(by, to, content, Some(content));
        let committed = self.store.commit(&batch, now_ms()).unwrap();
        committing.deliver(batch, vec![Some(Arc::clone(&device.outbox))], Some(committed));
    }

    fn end(&self) {
        self.inbox.close();
        assert!(self.ended.wait_until(Instant::now() + Duration::from_secs(20)));
    }
}

fn batch(by: AccountId, to: AccountId, content: &str, reference: Option<&str>) -> Batch {
    let to = Recipient::Account(to);
    let operation =
        Operation::Post { to, content: content.to_owned(), files: Vec::new(), reply_to: None };
    let reference = reference.map(str::to_owned);
    Batch { submissions: vec![Submission { by, reference, operation }], ..Batch::default() }
}

impl Device {
    /// The next frame: its type, its `seq` and its text.
    fn next(&mut self) -> String {
        let text = self.socket.read().unwrap().into_text().unwrap();
        let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
        let content = frame["content"].as_str().unwrap_or("");
        format!("{} {} {content}", frame["type"].as_str().unwrap(), frame["seq"])
    }
}

#[test]
fn what_other_nodes_have_stored_comes_before_an_answer_and_once() {
    let house = House::new();
    let mut devices = [house.device(house.bob), house.device(house.bob)];
    house.store_elsewhere(house.alice, house.bob, "one");
    house.store_elsewhere(house.alice, house.bob, "two");
    house.store(house.bob, &devices[0], house.alice, "three");
    house.store_elsewhere(house.alice, house.bob, "four");
    house.store(house.bob, &devices[1], house.alice, "five");
    house.store_elsewhere(house.alice, house.bob, "six");
    house.inbox.heads_grown(&[(house.bob, Seq(4))]);
    house.inbox.heads_grown(&[(house.bob, Seq(6))]);
    house.end();
    let next = |device: &mut Device| [(); 6].map(|()| device.next());
    let expected = ["message 1 one", "message 2 two", "sent 3 ", "message 4 four"];
    let first = next(&mut devices[0]);
    assert_eq!(first[..4], expected);
    assert_eq!(first[4..], ["message 5 five", "message 6 six"]);
    let second = next(&mut devices[1]);
    assert_eq!(second[2..], ["message 3 three", "message 4 four", "sent 5 ", "message 6 six"]);
}

#[test]
fn long_gaps_of_many_logs_are_filled() {
    let house = House::new();
    let (mut alice, mut bob) = (house.device(house.alice), house.device(house.bob));
    let count = 300;
    for number in 1..=count {
        house.store_elsewhere(house.alice, house.bob, &number.to_string());
    }
    house.inbox.heads_grown(&[(house.alice, Seq(count)), (house.bob, Seq(count))]);
    house.end();
    for number in 1..=count {
        let expected = format!("message {number} {number}");
        assert_eq!([alice.next(), bob.next()], [expected.clone(), expected]);
    }
}

#[test]
fn more_than_a_page_of_logs_is_compared() {
    let house = House::new();
    let mut bob = house.device(house.bob);
    // Of accounts that the database does not have: only their number matters.
    for number in 0..HEADS_PAGE as i64 {
        let endpoint = Endpoint { outbox: Arc::clone(&bob.outbox), session: None, since: 0 };
        house.hub.register(AccountId(house.bob.0 + 1 + number), endpoint);
    }
    assert!(house.hub.accounts().len() > HEADS_PAGE);
    let presence = Arc::new(Presence::new(Arc::clone(&house.hub), now_ms));
    let (store, hub) = (Arc::clone(&house.store), Arc::clone(&house.hub));
    let cluster = Cluster::new(store, hub, presence, house.inbox.clone(), None).unwrap();
    house.store_elsewhere(house.alice, house.bob, "one");
    cluster.compare_all().unwrap();
    house.end();
    assert_eq!(bob.next(), "message 1 one");
}

#[test]
fn gaps_of_more_logs_than_one_statement_reads_are_filled() {
    let house = House::new();
    let account = |n| house.store.create_account(&format!("{n}@x.org"), "A", "none", 1).unwrap();
    let receivers: Vec<_> = (0..=BACKFILL_LOGS_MAX).map(account).collect();
    let mut devices: Vec<_> = receivers.iter().map(|it| house.device(*it)).collect();
    for receiver in &receivers {
        house.store_elsewhere(house.alice, *receiver, "one");
    }
    let heads: Vec<_> = receivers.iter().map(|it| (*it, Seq(1))).collect();
    house.inbox.heads_grown(&heads);
    house.end();
    assert!(devices.iter_mut().all(|device| device.next() == "message 1 one"));
}

#[test]
fn an_answer_to_a_connection_that_has_left_waits_for_nothing() {
    let house = House::new();
    let mut left = house.device(house.bob);
    house.hub.unregister(house.bob, &left.outbox);
    house.store_elsewhere(house.alice, house.bob, "one");
    house.store(house.bob, &left, house.alice, "two");
    house.store(house.bob, &left, house.alice, "three");
    // Another device is not held up.
    let mut other = house.device(house.bob);
    house.store(house.bob, &other, house.alice, "four");
    house.end();
    let expected = ["message 1 one", "message 2 two", "message 3 three", "sent 4 "];
    assert_eq!([(); 4].map(|()| other.next()), expected);
    left.outbox.close(Close::GoingAway);
    let last = left.socket.read().unwrap();
    assert!(last.is_close(), "it has missed an event, so it gets nothing after that: {last}");
}
