use super::*;

const MOST: usize = 128;

/// A stranger's path: an account at an IPv4 address.
fn stranger(address: u32, account: u32) -> QueuePath {
    let network = Network::narrowest(std::net::Ipv4Addr::from_bits(address).into());
    vec![QueueKey::Network(network), QueueKey::Account(format!("{account}@x"))]
}

/// The same in a /48 of IPv6, from the /64 of that number.
fn v6(network: u16, account: u32) -> QueuePath {
    let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1).into();
    let mut path: QueuePath = Network::levels(address).rev().map(QueueKey::Network).collect();
    path.push(QueueKey::Account(format!("{account}@x")));
    path
}

fn known(account: &str) -> QueuePath {
    vec![QueueKey::Known(account.to_owned())]
}

/// How many are served before Alice, who comes last, is.
fn before_alice(queue: &mut FairQueue<&'static str>, alice: QueuePath) -> usize {
    queue.push(alice, "alice").unwrap();
    std::iter::from_fn(|| queue.pop()).take_while(|name| *name != "alice").count()
}

fn crowd(path: impl Fn(u32) -> QueuePath) -> FairQueue<&'static str> {
    let mut queue = FairQueue::new(MOST);
    (0..1000).for_each(|number| drop(queue.push(path(number), "crowd")));
    queue
}

#[test]
fn of_one_party_who_came_first_is_served_first() {
    let mut queue = FairQueue::new(MOST);
    (0..8).for_each(|number| drop(queue.push(stranger(1, 1), number)));
    assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    assert!(queue.served.len() <= 2 && queue.len() == 0);
}

#[test]
fn who_comes_after_a_crowd_waits_for_one_of_it() {
    // Of one account from one address, as somebody known, and from a whole /48.
    let crowds: [fn(u32) -> QueuePath; 3] =
        [|_| stranger(1, 1), |_| known("mallory@x"), |number| v6(number as u16, number)];
    for path in crowds {
        for alice in [stranger(2, 2), known("alice@x"), v6(0, 2)[1..].to_vec()] {
            let mut queue = crowd(path);
            queue.pop().unwrap();
            assert_eq!(before_alice(&mut queue, alice.clone()), 0, "{alice:?}");
            // Also if she has just been served.
            (0..1000).for_each(|number| drop(queue.push(path(number), "crowd")));
            assert!(before_alice(&mut queue, alice) <= 1);
        }
    }
    // Sixteen addresses: one of each.
    let mut queue = crowd(|number| stranger(number % 16, number));
    assert_eq!(queue.len(), MOST);
    queue.pop();
    assert!(before_alice(&mut queue, stranger(100, 2)) <= 16);
}

#[test]
fn who_is_known_has_every_second_turn_beside_strangers_at_many_networks() {
    let mut queue = crowd(|number| stranger(number % 16, number));
    for _ in 0..8 {
        assert!(before_alice(&mut queue, known("alice@x")) <= 1);
    }
    // Another account that is known has half of those turns, wherever it logs in from.
    (0..1000).for_each(|_| drop(queue.push(known("mallory@x"), "mallory")));
    for _ in 0..8 {
        assert!(before_alice(&mut queue, known("alice@x")) <= 3);
    }
    // Strangers wait no longer for many that are known.
    let mut queue = crowd(|number| known(&format!("{}@x", number % 16)));
    for _ in 0..8 {
        assert!(before_alice(&mut queue, stranger(1, 1)) <= 1);
    }
}

#[test]
fn at_one_address_the_accounts_take_turns() {
    let mut queue = crowd(|_| stranger(1, 1));
    assert_eq!(queue.len(), HASH_WAITING_PER_KEY);
    queue.pop();
    assert_eq!(before_alice(&mut queue, stranger(1, 2)), 0, "Alice behind the same address");
    // Within a /48 the /64s do, whatever the accounts.
    let mut queue = crowd(|number| v6(1, number));
    queue.pop();
    assert_eq!(before_alice(&mut queue, v6(2, 2)), 0);
}

#[test]
fn nobody_is_sent_away_for_others() {
    for alice in [stranger(1, 2), stranger(7, 7), known("alice@x")] {
        let mut queue = crowd(|number| stranger(number % 16, 1));
        assert_eq!(queue.len(), MOST);
        queue.push(alice.clone(), "alice").unwrap();
        assert_eq!(queue.len(), MOST, "one of the crowd has left");
        (0..1000).for_each(|number| drop(queue.push(stranger(number % 16, 1), "crowd")));
        let all: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(all.iter().filter(|name| **name == "alice").count(), 1, "{alice:?}");
    }
}

#[test]
fn the_newest_of_the_largest_party_is_sent_away() {
    let mut queue = FairQueue::new(3);
    let first = queue.push(stranger(1, 1), 1).unwrap();
    let second = queue.push(stranger(1, 1), 2).unwrap();
    queue.push(stranger(2, 1), 3).unwrap();
    assert_eq!(queue.push(stranger(1, 1), 4), Err(Full));
    queue.push(stranger(3, 1), 5).unwrap();
    assert!(!queue.cancel(second), "it was sent away");
    assert!(queue.cancel(first));
    assert!(!queue.cancel(first));
    assert_eq!(queue.len(), 2);
}

#[test]
fn what_is_remembered_of_who_was_served_is_bounded() {
    let mut queue = FairQueue::new(MOST);
    for number in 0..10 * HASH_KEYS_KEPT_TURNS as u32 {
        queue.push(v6(number as u16, number), ()).unwrap();
        queue.pop().unwrap();
        assert!(queue.served.len() <= 8 * HASH_KEYS_KEPT_TURNS as usize);
    }
}
