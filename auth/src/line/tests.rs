use super::*;

const MOST: usize = 128;

/// A stranger's parties: an account at an IPv4 address.
fn stranger(address: u32, account: u32) -> Parties {
    let network = Network::narrowest(std::net::Ipv4Addr::from_bits(address).into());
    vec![Party::Network(network), Party::Account(format!("{account}@x"))]
}

/// The same in a /48 of IPv6, from the /64 of that number.
fn v6(network: u16, account: u32) -> Parties {
    let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1).into();
    let mut parties: Parties = Network::levels(address).rev().map(Party::Network).collect();
    parties.push(Party::Account(format!("{account}@x")));
    parties
}

fn known(account: &str) -> Parties {
    vec![Party::Known(account.to_owned())]
}

/// How many are served before Alice, who comes last, is.
fn before_alice(line: &mut Line<&'static str>, alice: Parties) -> usize {
    line.enter(alice, "alice").unwrap();
    std::iter::from_fn(|| line.serve()).take_while(|name| *name != "alice").count()
}

fn crowd(parties: impl Fn(u32) -> Parties) -> Line<&'static str> {
    let mut line = Line::new(MOST);
    (0..1000).for_each(|number| drop(line.enter(parties(number), "crowd")));
    line
}

#[test]
fn of_one_party_who_came_first_is_served_first() {
    let mut line = Line::new(MOST);
    (0..8).for_each(|number| drop(line.enter(stranger(1, 1), number)));
    assert_eq!(std::iter::from_fn(|| line.serve()).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    assert!(line.served.len() <= 2 && line.len() == 0);
}

#[test]
fn who_comes_after_a_crowd_waits_for_one_of_it() {
    // Of one account from one address, as somebody known, and from a whole /48.
    let crowds: [fn(u32) -> Parties; 3] =
        [|_| stranger(1, 1), |_| known("mallory@x"), |number| v6(number as u16, number)];
    for parties in crowds {
        for alice in [stranger(2, 2), known("alice@x"), v6(0, 2)[1..].to_vec()] {
            let mut line = crowd(parties);
            line.serve().unwrap();
            assert_eq!(before_alice(&mut line, alice.clone()), 0, "{alice:?}");
            // Also if she has just been served.
            (0..1000).for_each(|number| drop(line.enter(parties(number), "crowd")));
            assert!(before_alice(&mut line, alice) <= 1);
        }
    }
    // Sixteen addresses: one of each.
    let mut line = crowd(|number| stranger(number % 16, number));
    assert_eq!(line.len(), MOST);
    line.serve();
    assert!(before_alice(&mut line, stranger(100, 2)) <= 16);
}

#[test]
fn who_is_known_has_every_second_turn_beside_strangers_at_many_networks() {
    let mut line = crowd(|number| stranger(number % 16, number));
    for _ in 0..8 {
        assert!(before_alice(&mut line, known("alice@x")) <= 1);
    }
    // Another account that is known has half of those turns, wherever it logs in from.
    (0..1000).for_each(|_| drop(line.enter(known("mallory@x"), "mallory")));
    for _ in 0..8 {
        assert!(before_alice(&mut line, known("alice@x")) <= 3);
    }
    // Strangers wait no longer for many that are known.
    let mut line = crowd(|number| known(&format!("{}@x", number % 16)));
    for _ in 0..8 {
        assert!(before_alice(&mut line, stranger(1, 1)) <= 1);
    }
}

#[test]
fn at_one_address_the_accounts_take_turns() {
    let mut line = crowd(|_| stranger(1, 1));
    assert_eq!(line.len(), HASH_WAITING_PER_PARTY);
    line.serve();
    assert_eq!(before_alice(&mut line, stranger(1, 2)), 0, "Alice behind the same address");
    // Within a /48 the /64s do, whatever the accounts.
    let mut line = crowd(|number| v6(1, number));
    line.serve();
    assert_eq!(before_alice(&mut line, v6(2, 2)), 0);
}

#[test]
fn nobody_is_sent_away_for_others() {
    for alice in [stranger(1, 2), stranger(7, 7), known("alice@x")] {
        let mut line = crowd(|number| stranger(number % 16, 1));
        assert_eq!(line.len(), MOST);
        line.enter(alice.clone(), "alice").unwrap();
        assert_eq!(line.len(), MOST, "one of the crowd has left");
        (0..1000).for_each(|number| drop(line.enter(stranger(number % 16, 1), "crowd")));
        let all: Vec<_> = std::iter::from_fn(|| line.serve()).collect();
        assert_eq!(all.iter().filter(|name| **name == "alice").count(), 1, "{alice:?}");
    }
}

#[test]
fn the_newest_of_the_largest_party_is_sent_away() {
    let mut line = Line::new(3);
    let first = line.enter(stranger(1, 1), 1).unwrap();
    let second = line.enter(stranger(1, 1), 2).unwrap();
    line.enter(stranger(2, 1), 3).unwrap();
    assert_eq!(line.enter(stranger(1, 1), 4), Err(Full));
    line.enter(stranger(3, 1), 5).unwrap();
    assert!(!line.leave(second), "it was sent away");
    assert!(line.leave(first));
    assert!(!line.leave(first));
    assert_eq!(line.len(), 2);
}

#[test]
fn what_is_remembered_of_who_was_served_is_bounded() {
    let mut line = Line::new(MOST);
    for number in 0..10 * HASH_PARTIES_KEPT_TURNS as u32 {
        line.enter(v6(number as u16, number), ()).unwrap();
        line.serve().unwrap();
        assert!(line.served.len() <= 8 * HASH_PARTIES_KEPT_TURNS as usize);
    }
}
