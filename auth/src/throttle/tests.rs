use std::hash::Hasher as _;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const ALICE: &str = "alice@example.com";

fn address(number: u32) -> IpAddr {
    std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

/// In the /64 of that number, of one /48.
fn v6(number: u16) -> IpAddr {
    std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, number, 0, 0, 0, 1).into()
}

/// The account of that email.
fn id(email: &str) -> AccountId {
    let mut hasher = std::hash::DefaultHasher::new();
    email.hash(&mut hasher);
    AccountId(hasher.finish().cast_signed())
}

/// How many wrong passwords get through at once, as whoever is known or not.
fn wrong(throttle: &Throttle, from: IpAddr, email: &str, now: Instant) -> usize {
    let known = throttle.known(from, id(email));
    wrong_as(throttle, known.as_ref(), from, email, now)
}

fn wrong_as(
    throttle: &Throttle,
    known: Option<&Origin>,
    from: IpAddr,
    email: &str,
    now: Instant,
) -> usize {
    (0..100)
        .take_while(|_| throttle.check(known, from, email, now).is_ok())
        .inspect(|_| {
            throttle.failed(known, from, email, now);
        })
        .count()
}

#[test]
fn an_address_has_fifty_failures_and_then_one_every_two_seconds() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    for number in 0..50 {
        assert_eq!(one(&throttle, address(1), &format!("{number}@x"), start), 1);
    }
    let wait = throttle.check(None, address(1), "new@x", start).unwrap_err();
    assert!(wait <= 2 * SECOND, "{wait:?}");
    assert_eq!(wrong(&throttle, address(1), "new@x", start + wait), 1);
    assert_eq!(wrong(&throttle, address(1), "new@x", start + wait + SECOND), 0);
    assert_eq!(wrong(&throttle, address(1), "new@x", start + wait + 2 * SECOND), 1);
    assert_eq!(wrong(&throttle, address(2), "other@x", start), 10, "others are not slowed");
}

/// One try; 0 if it is throttled.
fn one(throttle: &Throttle, from: IpAddr, email: &str, now: Instant) -> usize {
    let is_heard = throttle.check(None, from, email, now).is_ok();
    if is_heard {
        throttle.failed(None, from, email, now);
    }
    usize::from(is_heard)
}

#[test]
fn an_account_has_ten_failures_and_then_one_every_three_seconds_and_does_not_tell_if_it_exists() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 10);
    let wait = throttle.check(None, address(1), ALICE, start).unwrap_err();
    assert!(wait <= 3 * SECOND, "{wait:?}");
    assert_eq!(wrong(&throttle, address(1), ALICE, start + wait), 1);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + wait + 2 * SECOND), 0);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + wait + 3 * SECOND), 1);
    throttle.check(None, address(1), "bob@x", start).unwrap();
}

#[test]
fn a_whole_48_guesses_at_one_account_as_if_it_were_one_address() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    let heard: usize = (0..1500).map(|number| one(&throttle, v6(number), ALICE, start)).sum();
    assert_eq!(heard, 10);
    // From elsewhere there are a few tries left for her.
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 3);
}

#[test]
fn a_whole_48_has_four_times_the_failures_of_a_64_at_whatever_accounts() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    let guess = |number: u16| one(&throttle, v6(number), &format!("{number}@x"), start);
    assert_eq!((0..1500).map(guess).sum::<usize>(), 200);
    // A /56 has twice those of a /64.
    let throttle = Throttle::new();
    let guess = |number: u16| one(&throttle, v6(number % 256), &format!("{number}@x"), start);
    assert_eq!((0..1500).map(guess).sum::<usize>(), 100);
    let throttle = Throttle::new();
    let guess = |number: u16| one(&throttle, v6(7), &format!("{number}@x"), start);
    assert_eq!((0..1500).map(guess).sum::<usize>(), 50);
}

/// The wrong passwords of one address that get through at once, each for another account.
fn sprayed(throttle: &Throttle, from: u32, now: Instant) -> usize {
    (0..100).map(|n| one(throttle, address(from), &format!("{from}-{n}@x"), now)).sum()
}

#[test]
fn strangers_together_have_a_bound_beyond_which_each_network_has_a_few_tries() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    assert_eq!((0..20).map(|from| sprayed(&throttle, from, start)).sum::<usize>(), 1000);
    // Three for each further address, whatever accounts it asks for; its own fifty are not used up.
    assert_eq!((20..220).map(|from| sprayed(&throttle, from, start)).sum::<usize>(), 200 * 3);
    let heard: usize = (0..1500).map(|n| one(&throttle, v6(n), &format!("{n}@y"), start)).sum();
    assert_eq!(heard, 3, "a /48 has them together");
    throttle.let_in(address(3000), id(ALICE));
    assert_eq!(wrong(&throttle, address(3000), ALICE, start), 10, "who is known goes on");
    let later = start + SECOND;
    let heard: usize = (20..220).map(|from| sprayed(&throttle, from, later)).sum();
    assert_eq!(heard, 20, "that many come back a second");
}

#[test]
fn strangers_that_guess_everywhere_do_not_keep_newcomers_out() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    assert_eq!((0..20).map(|from| sprayed(&throttle, from, start)).sum::<usize>(), 1000);
    for second in 0..60 {
        let now = start + second * SECOND;
        for from in 0..60 {
            sprayed(&throttle, from, now);
        }
        throttle.check(None, address(1000), ALICE, now).unwrap();
    }
}

#[test]
fn who_is_known_is_kept_out_by_its_own_failures_only() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    throttle.let_in(address(1), id(ALICE));
    // By nobody's elsewhere, by nobody's at the same address …
    for number in 1..200 {
        wrong_as(&throttle, None, address(number), ALICE, start);
        wrong(&throttle, address(1), &format!("{number}@x"), start);
    }
    assert!(throttle.check(None, address(1), "new@x", start).is_err(), "the address is throttled");
    assert!(throttle.check(None, address(1), ALICE, start).is_err(), "so are strangers");
    // … but by its own: ten, then one a minute.
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 10);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + 59 * SECOND), 0);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + 60 * SECOND), 1);
}

#[test]
fn a_device_and_a_session_are_known_wherever_they_are() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    throttle.let_in(address(1), id(ALICE));
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 10, "a neighbour guesses");
    for origin in [Origin::Device(DeviceId::of(7)), Origin::Session(SessionId(7))] {
        assert_eq!(wrong_as(&throttle, Some(&origin), address(1), ALICE, start), 10);
        assert_eq!(wrong_as(&throttle, Some(&origin), address(2), ALICE, start), 0);
    }
    let other = Origin::Device(DeviceId::of(8));
    throttle.check(Some(&other), address(1), ALICE, start).unwrap();
}

#[test]
fn strangers_elsewhere_cannot_lock_the_owner_out() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    for number in 10..100 {
        wrong(&throttle, address(number), ALICE, start);
    }
    // From an address that was never used: a few tries of its own.
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 3);
    // From one where the account has logged in: as if nobody had attacked it.
    throttle.let_in(address(2), id(ALICE));
    assert_eq!(wrong(&throttle, address(2), ALICE, start), 10);
}

#[test]
fn right_passwords_cost_nothing() {
    let (throttle, now) = (Throttle::new(), Instant::now());
    for _ in 0..1000 {
        throttle.check(None, address(1), ALICE, now).unwrap();
        throttle.let_in(address(1), id(ALICE));
    }
    assert_eq!(wrong(&throttle, address(1), "bob@x", now), 10);
}

#[test]
fn whoever_comes_no_failure_is_forgotten() {
    let (throttle, now) = (Throttle::new(), Instant::now());
    throttle.let_in(address(1), id(ALICE));
    assert_eq!(wrong(&throttle, address(1), ALICE, now), 10);
    assert_eq!(wrong(&throttle, address(2), "bob@x", now), 10);
    // More than all strangers may fail at once, each for an account and from an address of its own.
    for number in 0..20_000_u32 {
        throttle.failed(None, address(100 + number), &format!("{number}@x"), now);
        throttle.let_in(address(100 + number), id(&format!("{number}@x")));
    }
    assert_eq!(wrong(&throttle, address(1), ALICE, now), 0);
    assert!(throttle.check(None, address(2), "bob@x", now).is_err());
    assert!(throttle.known(address(1), id(ALICE)).is_some());
}

#[test]
fn an_account_with_many_devices_fills_no_counters_that_others_need() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    let device = |number| Origin::Device(DeviceId::of(number));
    let mallory = "mallory@x";
    let from = |number| address(number % 200);
    let heard: usize =
        (0..20_000).map(|n| wrong_as(&throttle, Some(&device(n)), from(n), mallory, start)).sum();
    // As known ones a hundred; then they are strangers, with three tries at the account from each address.
    assert_eq!(heard, 100 + 10 + 3 * 199);
    let others = (0..2000).map(|n| (format!("{n}@x"), device(100_000 + n)));
    let kept_out = others
        .filter(|(email, it)| throttle.check(Some(it), address(1), email, start).is_err())
        .count();
    assert_eq!(kept_out, 0);
    // A device of that account is kept out no more than a stranger is.
    throttle.check(Some(&device(30_000)), address(2000), mallory, start).unwrap();
    let later = start + 6 * SECOND;
    assert_eq!(wrong_as(&throttle, Some(&device(30_000)), address(2000), mallory, later), 4);
}
