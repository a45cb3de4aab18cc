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

/// How many wrong passwords get through at once, as whoever is known or not.
fn wrong(throttle: &Throttle, from: IpAddr, email: &str, now: Instant) -> usize {
    let known = throttle.known(from, email);
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
        .inspect(|_| throttle.failed(known, from, email, now))
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

/// One try; 0 if it is braked.
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

#[test]
fn all_strangers_together_have_a_bound() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    let guess = |n: u32| one(&throttle, address(n), &format!("{n}@x"), start);
    assert_eq!((0..2000).map(guess).sum::<usize>(), 1000);
    throttle.succeeded(address(3000), ALICE);
    assert_eq!(wrong(&throttle, address(3000), ALICE, start), 10, "who is known goes on");
    let later = start + SECOND;
    let guess = |n: u32| one(&throttle, address(n), &format!("{n}@x"), later);
    assert_eq!((2000..4000).map(guess).sum::<usize>(), 20);
}

#[test]
fn who_is_known_is_kept_out_by_its_own_failures_only() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    throttle.succeeded(address(1), ALICE);
    // By nobody's elsewhere, by nobody's at the same address …
    for number in 1..200 {
        wrong_as(&throttle, None, address(number), ALICE, start);
        wrong(&throttle, address(1), &format!("{number}@x"), start);
    }
    assert!(throttle.check(None, address(1), "new@x", start).is_err(), "the address is braked");
    assert!(throttle.check(None, address(1), ALICE, start).is_err(), "so are strangers");
    // … but by its own: ten, then one a minute.
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 10);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + 59 * SECOND), 0);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + 60 * SECOND), 1);
}

#[test]
fn a_device_and_a_session_are_known_wherever_they_are() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    throttle.succeeded(address(1), ALICE);
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
    throttle.succeeded(address(2), ALICE);
    assert_eq!(wrong(&throttle, address(2), ALICE, start), 10);
}

#[test]
fn right_passwords_cost_nothing() {
    let (throttle, now) = (Throttle::new(), Instant::now());
    for _ in 0..1000 {
        throttle.check(None, address(1), ALICE, now).unwrap();
        throttle.succeeded(address(1), ALICE);
    }
    assert_eq!(wrong(&throttle, address(1), "bob@x", now), 10);
}

#[test]
fn whoever_comes_no_failure_is_forgotten() {
    let (throttle, now) = (Throttle::new(), Instant::now());
    throttle.succeeded(address(1), ALICE);
    assert_eq!(wrong(&throttle, address(1), ALICE, now), 10);
    assert_eq!(wrong(&throttle, address(2), "bob@x", now), 10);
    // More than all strangers may fail at once, each for an account and from an address of its own.
    for number in 0..20_000_u32 {
        throttle.failed(None, address(100 + number), &format!("{number}@x"), now);
        throttle.succeeded(address(100 + number), &format!("{number}@x"));
    }
    assert_eq!(wrong(&throttle, address(1), ALICE, now), 0);
    assert!(throttle.check(None, address(2), "bob@x", now).is_err());
    assert!(throttle.known(address(1), ALICE).is_some());
}
