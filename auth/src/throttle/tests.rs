use super::*;

const SECOND: Duration = Duration::from_secs(1);
const ALICE: &str = "alice@example.com";

fn address(number: u32) -> IpAddr {
    std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

/// How many wrong passwords get through at once.
fn wrong(throttle: &Throttle, from: IpAddr, email: &str, now: Instant) -> usize {
    (0..100)
        .take_while(|_| throttle.check(from, email, now).is_ok())
        .inspect(|_| throttle.failed(from, email, now))
        .count()
}

#[test]
fn an_address_has_fifty_failures_and_then_one_every_two_seconds() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    for number in 0..50 {
        let email = format!("{number}@x");
        throttle.check(address(1), &email, start).unwrap();
        throttle.failed(address(1), &email, start);
    }
    let wait = throttle.check(address(1), "new@x", start).unwrap_err();
    assert!(wait <= 2 * SECOND, "{wait:?}");
    assert_eq!(wrong(&throttle, address(1), "new@x", start + wait), 1);
    assert_eq!(wrong(&throttle, address(1), "new@x", start + wait + SECOND), 0);
    assert_eq!(wrong(&throttle, address(1), "new@x", start + wait + 2 * SECOND), 1);
    assert_eq!(wrong(&throttle, address(2), "other@x", start), 10, "others are not slowed");
}

#[test]
fn who_guesses_at_one_account_does_not_slow_his_neighbours() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    throttle.succeeded(address(1), ALICE);
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 10, "also where Alice lives");
    throttle.check(address(1), "bob@x", start).unwrap();
}

#[test]
fn an_account_has_ten_failures_and_then_one_every_three_seconds_and_does_not_tell_if_it_exists() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    assert_eq!(wrong(&throttle, address(1), ALICE, start), 10);
    let wait = throttle.check(address(1), ALICE, start).unwrap_err();
    assert!(wait <= 3 * SECOND, "{wait:?}");
    assert_eq!(wrong(&throttle, address(1), ALICE, start + wait), 1);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + wait + 2 * SECOND), 0);
    assert_eq!(wrong(&throttle, address(1), ALICE, start + wait + 3 * SECOND), 1);
}

#[test]
fn strangers_elsewhere_cannot_lock_the_owner_out() {
    let (throttle, start) = (Throttle::new(), Instant::now());
    for number in 10..1000 {
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
        throttle.check(address(1), ALICE, now).unwrap();
        throttle.succeeded(address(1), ALICE);
    }
    assert_eq!(throttle.known().order.len(), 1);
    assert_eq!(wrong(&throttle, address(1), "bob@x", now), 10);
}

#[test]
fn an_ipv6_network_is_one_address() {
    let (throttle, now) = (Throttle::new(), Instant::now());
    let host = |n: u16| std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into();
    for number in 0..100 {
        wrong(&throttle, host(number), &format!("{number}@x"), now);
    }
    assert!(throttle.check(host(999), "new@x", now).is_err());
}

#[test]
fn memory_is_bounded() {
    let (throttle, now) = (Throttle::new(), Instant::now());
    for number in 0..KEYS_MAX + 100 {
        let email = format!("{number}@x");
        throttle.failed(address(number as u32), &email, now);
        throttle.succeeded(address(number as u32), &email);
    }
    let known = throttle.known();
    assert_eq!((known.pairs.len(), known.order.len()), (KEYS_MAX, KEYS_MAX));
    assert!(throttle.by_account.len() <= KEYS_MAX && throttle.own.len() <= KEYS_MAX);
}
