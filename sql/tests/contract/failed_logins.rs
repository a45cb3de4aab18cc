use sql::{FailedLogin, Store};

use crate::NOW;

/// How long they are kept.
const KEPT: i64 = 30_000;
/// How many are read at once.
const READ_MAX: i64 = 10_000;

cases! {
    OPEN:
    wrong_passwords_are_told_to_other_servers_for_a_while,
    so_many_wrong_passwords_are_read_at_once,
}

fn failed(source: i64, number: i64, origin: Option<i64>) -> FailedLogin {
    FailedLogin { source, number, address: vec![127, 0, 0, 1], account: -7, origin }
}

fn wrong_passwords_are_told_to_other_servers_for_a_while(store: &Store) {
    let [one, two] = [failed(1, 1, None), failed(1, 2, Some(i64::MIN))];
    store.add_failed_logins(&[one.clone(), two.clone()], NOW).unwrap();
    // Written again after a doubt.
    store.add_failed_logins(std::slice::from_ref(&two), NOW).unwrap();
    // Another case or server may have written others.
    let elsewhere = |source, at| {
        let mut found = store.failed_logins_elsewhere(source, at).unwrap();
        found.retain(|it| it.source == 1);
        found
    };
    assert_eq!(elsewhere(1, NOW), []);
    assert_eq!(elsewhere(2, NOW), [one.clone(), two.clone()]);
    assert_eq!(elsewhere(2, NOW + KEPT - 1), [one, two]);
    assert_eq!(elsewhere(2, NOW + KEPT), []);
    // Any server deletes what is outdated.
    store.add_failed_logins(&[failed(3, 1, None)], NOW + KEPT).unwrap();
    assert_eq!(elsewhere(2, NOW), []);
}

fn so_many_wrong_passwords_are_read_at_once(store: &Store) {
    // At a time of its own, so that the other case neither sees nor deletes them.
    let now = NOW - 10 * KEPT;
    let failed: Vec<_> = (0..=READ_MAX).map(|number| failed(4, number, None)).collect();
    store.add_failed_logins(&failed, now).unwrap();
    let found = store.failed_logins_elsewhere(5, now).unwrap();
    assert_eq!(found.len() as i64, READ_MAX);
}
