use sql::{Store, Ticket};
use wire::TokenHash;
use wire::limit::TICKETS_MAX;

use super::{open, token};
use crate::{HOUR, NOW, account};

const LIFE: i64 = 60_000;

cases! {
    OPEN:
    a_ticket_is_good_once_until_it_expires,
    a_ticket_speaks_for_a_session_that_goes_on,
    of_too_many_tickets_the_oldest_end,
    what_is_over_is_swept,
    many_at_once_use_a_ticket_once,
    a_clock_that_jumps_ahead_ends_no_ticket,
}

/// A ticket of a new account with one session, and its hash.
fn ticket(store: &Store) -> (Ticket, TokenHash) {
    let alice = account(store, "Alice");
    let session = open(store, alice, 1).unwrap();
    (Ticket { session, account: alice }, token(alice, 100))
}

fn a_ticket_is_good_once_until_it_expires(store: &Store) {
    let (ticket, hash) = ticket(store);
    assert_eq!(store.redeem_ticket(&hash, NOW).unwrap(), None, "not opened");
    store.open_ticket(ticket, &hash, NOW, NOW + LIFE).unwrap();
    assert_eq!(store.redeem_ticket(&hash, NOW + LIFE).unwrap(), None, "too old");
    assert_eq!(store.redeem_ticket(&hash, NOW + LIFE - 1).unwrap(), Some(ticket));
    assert_eq!(store.redeem_ticket(&hash, NOW).unwrap(), None, "used");
    assert_eq!(store.session_by_token(&hash, NOW).unwrap(), None, "no token");
}

fn a_ticket_speaks_for_a_session_that_goes_on(store: &Store) {
    let (ticket, _) = ticket(store);
    let by_token = store.log_position(&token(ticket.account, 1), NOW).unwrap();
    assert!(by_token.is_some());
    assert_eq!(store.log_position_of(ticket, NOW).unwrap(), by_token);
    assert_eq!(store.log_position_of(ticket, NOW + HOUR).unwrap(), None, "the session is over");
    assert!(store.revoke(ticket.account, ticket.session, NOW).unwrap());
    assert_eq!(store.log_position_of(ticket, NOW).unwrap(), None, "the session was ended");
}

fn of_too_many_tickets_the_oldest_end(store: &Store) {
    let (ticket, _) = ticket(store);
    let most = TICKETS_MAX as u8;
    let hash = |number| token(ticket.account, number);
    for number in 0..=most {
        let now = NOW + i64::from(number);
        store.open_ticket(ticket, &hash(number), now, now + LIFE).unwrap();
    }
    assert_eq!(store.redeem_ticket(&hash(0), NOW).unwrap(), None);
    for number in 1..=most {
        assert_eq!(store.redeem_ticket(&hash(number), NOW).unwrap(), Some(ticket), "{number}");
    }
}

fn what_is_over_is_swept(store: &Store) {
    let (ticket, hash) = ticket(store);
    store.open_ticket(ticket, &hash, NOW, NOW + LIFE).unwrap();
    store.sweep(NOW + LIFE - 1).unwrap();
    assert_eq!(store.redeem_ticket(&hash, NOW).unwrap(), Some(ticket));
    store.open_ticket(ticket, &hash, NOW, NOW + LIFE).unwrap();
    store.sweep(NOW + LIFE).unwrap();
    assert_eq!(store.redeem_ticket(&hash, NOW).unwrap(), None);
}

fn many_at_once_use_a_ticket_once(store: &Store) {
    let (ticket, hash) = ticket(store);
    store.open_ticket(ticket, &hash, NOW, NOW + LIFE).unwrap();
    let used = std::thread::scope(|scope| {
        let tries: Vec<_> =
            (0..4).map(|_| scope.spawn(|| store.redeem_ticket(&hash, NOW).unwrap())).collect();
        tries.into_iter().filter_map(|one| one.join().unwrap()).count()
    });
    assert_eq!(used, 1);
}

fn a_clock_that_jumps_ahead_ends_no_ticket(store: &Store) {
    let (ticket, hash) = ticket(store);
    let now = store.now();
    store.open_ticket(ticket, &hash, now, now + LIFE).unwrap();
    assert_eq!(store.redeem_ticket(&hash, now + 1000 * LIFE).unwrap(), Some(ticket));
}
