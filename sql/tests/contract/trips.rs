//! Who has blocked the sender of a message, or declined its request, shows in no round trip to PostgreSQL.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use sql::{Batch, Operation, Outcome, Store};
use wire::{AccountId, GroupId, MessageId, Peer};

use crate::revise::{edit, react};
use crate::strangers::{decline, meet, people};
use crate::{account, act, commit, group, post, post_to};

/// Repetitions of each. What the store asks by itself meanwhile is not in all of them, and the first ones prepare statements.
const ROUNDS: usize = 8;

/// What clients have asked of PostgreSQL.
#[derive(Default)]
struct Counts {
    /// Statements that were executed.
    statements: AtomicU64,
    /// Pieces that were sent and end with a question: the answer is waited for.
    trips: AtomicU64,
}

impl Counts {
    fn now(&self) -> (u64, u64) {
        (self.statements.load(Ordering::SeqCst), self.trips.load(Ordering::SeqCst))
    }
}

/// Stands before the database of this URL and counts; the URL that leads there through it.
fn counting(url: &str) -> (Arc<Counts>, String) {
    let (start, rest) = url.split_once("@127.0.0.1:").unwrap();
    let (port, name) = rest.split_once('/').unwrap();
    let port: u16 = port.parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{start}@{}/{name}?sslmode=disable", listener.local_addr().unwrap());
    let counts = Arc::<Counts>::default();
    let counted = Arc::clone(&counts);
    spawn(move || {
        for client in listener.incoming() {
            let (mut client, counts) = (client.unwrap(), Arc::clone(&counted));
            let mut database = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut from, mut to) = (database.try_clone().unwrap(), client.try_clone().unwrap());
            spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            spawn(move || {
                let _ = relay(&mut client, &mut database, &counts);
                let _ = database.shutdown(Shutdown::Both);
            });
        }
    });
    (counts, url)
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    drop(thread::Builder::new().name("counting".to_owned()).spawn(work).unwrap());
}

/// Passes messages on and counts them. What is sent in one piece is one round trip, however many statements it has.
fn relay(client: &mut TcpStream, database: &mut TcpStream, counts: &Counts) -> std::io::Result<()> {
    let (mut piece, mut messages) = (vec![0; 1 << 20], Messages::default());
    loop {
        let length = client.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        let kinds = messages.kinds(&piece[..length]);
        let count = |of: &[u8]| kinds.iter().filter(|kind| of.contains(kind)).count() as u64;
        counts.statements.fetch_add(count(b"EQ"), Ordering::SeqCst);
        counts.trips.fetch_add(count(b"SQ").min(1), Ordering::SeqCst);
        database.write_all(&piece[..length])?;
    }
}

/// Takes a stream apart: the first message has no kind, all others have one, and then their length.
#[derive(Default)]
struct Messages {
    begun: bool,
    rest: Vec<u8>,
}

impl Messages {
    /// The kinds of the messages that end in this piece.
    fn kinds(&mut self, piece: &[u8]) -> Vec<u8> {
        self.rest.extend(piece);
        let mut kinds = Vec::new();
        loop {
            let at = usize::from(self.begun);
            let Some(length) = self.rest.get(at..at + 4) else { return kinds };
            let end = at + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.rest.len() < end {
                return kinds;
            }
            let message: Vec<_> = self.rest.drain(..end).collect();
            kinds.extend(message.first().filter(|_| self.begun));
            self.begun = true;
        }
    }
}

/// What it takes to do something, at the least of several times.
fn cost(counts: &Counts, mut work: impl FnMut()) -> (u64, u64) {
    let one = |_| {
        let before = counts.now();
        work();
        let after = counts.now();
        (after.0 - before.0, after.1 - before.1)
    };
    (0..ROUNDS).map(one).min().unwrap()
}

fn say(store: &Store, from: AccountId, to: AccountId) {
    assert_eq!(commit(store, vec![post(from, to, "hello", None)]).outcomes, [Outcome::Done]);
}

/// Somebody who waits for an answer. A request has few messages, so each of them is to somebody else.
fn asked(
    store: &Store,
    count: usize,
    then: impl Fn(AccountId, AccountId),
) -> Vec<(AccountId, AccountId)> {
    let pair = |_| {
        let [mallory, alice] = people(store);
        say(store, mallory, alice);
        then(mallory, alice);
        (mallory, alice)
    };
    (0..count).map(pair).collect()
}

pub fn nobody_can_tell_a_block_by_the_round_trips(url: &str) {
    let (counts, url) = counting(url);
    let store = crate::ask_first(&url.parse().unwrap());
    let block = |who, id| assert_eq!(act(&store, who, Operation::Block { id }), Outcome::Done);

    // Between strangers.
    let second = |pairs: Vec<(AccountId, AccountId)>| {
        let mut pairs = pairs.into_iter();
        cost(&counts, || {
            let (mallory, alice) = pairs.next().unwrap();
            say(&store, mallory, alice);
        })
    };
    let pending = second(asked(&store, ROUNDS, |_, _| {}));
    let declined = second(asked(&store, ROUNDS, |mallory, alice| {
        assert_eq!(act(&store, alice, decline(mallory)), Outcome::Done);
    }));
    let blocking = second(asked(&store, ROUNDS, |mallory, alice| block(alice, mallory)));
    assert_eq!((declined, blocking), (pending, pending));
    assert!(pending.0 > 2 && pending.1 > 2, "what is counted: {pending:?}");

    // Between people who know each other, and in groups.
    let known = || {
        let [mallory, alice, carol] = people(&store);
        [alice, carol].into_iter().for_each(|who| meet(&store, mallory, who));
        let trip = group(&store, &[mallory, alice, carol]);
        act(&store, alice, post_to(trip, "hers"));
        (mallory, alice, trip)
    };
    let (open, blocked) = (known(), known());
    block(blocked.1, blocked.0);
    let newest = |who: AccountId, trip: GroupId| {
        let page = store.history(who, Peer::Group(trip), MessageId(i64::MAX), 2).unwrap().unwrap();
        (page[0].id, page[1].id)
    };
    type Work<'a> = &'a dyn Fn((AccountId, AccountId, GroupId), usize);
    let works: [(&str, Work<'_>); 5] = [
        ("a message", &|(mallory, alice, _), _| say(&store, mallory, alice)),
        ("a message to a group", &|(mallory, _, trip), _| {
            assert_eq!(act(&store, mallory, post_to(trip, "hello")), Outcome::Done);
        }),
        ("a change of one", &|(mallory, _, trip), n| {
            let (id, _) = newest(mallory, trip);
            assert_eq!(act(&store, mallory, edit(id, &n.to_string())), Outcome::Done);
        }),
        ("a reaction", &|(mallory, _, trip), n| {
            let (id, _) = newest(mallory, trip);
            let emoji = (n % 2 == 1).then_some("👍");
            assert_eq!(act(&store, mallory, react(id, emoji)), Outcome::Done);
        }),
        ("a new name", &|(mallory, _, trip), n| {
            let action = sql::GroupAction::Rename(n.to_string());
            assert_eq!(
                act(&store, mallory, Operation::ChangeGroup { group: trip, action }),
                Outcome::Done
            );
        }),
    ];
    for (what, work) in works {
        let [open, blocked] = [open, blocked].map(|house| {
            let mut n = 0;
            cost(&counts, || {
                n += 1;
                work(house, n);
            })
        });
        assert_eq!(blocked, open, "{what}");
    }
}

/// As long as messages may carry a later time than now, as after a restart, the last one of each conversation is looked at: all of
/// them together.
#[test]
fn a_batch_after_a_restart_asks_once() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let by = account(&crate::open(&url.parse().unwrap()), "Mallory");
    let (counts, url) = counting(&url);
    let store = crate::open(&url.parse().unwrap());
    let others: Vec<_> = (0..10).map(|n| account(&store, &format!("Other {n}"))).collect();
    let cost_at = |at, others: &[AccountId]| {
        cost(&counts, || {
            let submissions = others.iter().map(|to| post(by, *to, "hello", None)).collect();
            let done = store.commit(&Batch { submissions, ..Batch::default() }, at).unwrap();
            assert_eq!(done.outcomes, vec![Outcome::Done; others.len()]);
        })
    };
    // Long after whatever a message may carry, and before that.
    let after = cost_at(crate::NOW + 1_000_000_000_000, &others);
    let (one, all) = (cost_at(crate::NOW, &others[..1]), cost_at(crate::NOW, &others));
    assert_eq!(all, one);
    assert_eq!(all, (after.0 + 1, after.1 + 1));
}
