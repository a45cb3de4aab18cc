use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::*;
use crate::hash_queue::QueueKey;

const WEAK: HashParams = HashParams { memory_kib: 8, passes: 1 };

fn hasher(params: HashParams, at_once: usize, waiting_max: usize, wait_max: Duration) -> Hasher {
    Hasher::new(params, Bounds { at_once, waiting_max, wait_max }).unwrap()
}

fn path() -> QueuePath {
    vec![QueueKey::Known("alice@x".to_owned())]
}

fn password(text: &str) -> Password {
    Password::unchecked(text.to_owned())
}

#[test]
fn a_hash_is_owasps_and_fits_only_its_password() {
    let hasher = hasher(HashParams::CURRENT, 1, 0, Duration::ZERO);
    let slot = hasher.acquire_slot(path()).unwrap();
    let phc = slot.hash(&password("secret")).unwrap();
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
    assert!(slot.is(&password("secret"), Some(&phc)).unwrap());
    assert!(!slot.is(&password("Secret"), Some(&phc)).unwrap());
    assert!(!slot.is(&password(""), Some(&phc)).unwrap());
    assert_ne!(slot.hash(&password("secret")).unwrap(), phc, "salted");
    assert!(!HashParams::CURRENT.exceeds(&phc));
}

#[test]
fn a_dummy_costs_what_a_stored_hash_costs_and_fits_nothing() {
    let hasher = hasher(HashParams::CURRENT, 1, 0, Duration::ZERO);
    assert!(!HashParams::CURRENT.exceeds(&hasher.dummy));
    assert!(!hasher.acquire_slot(path()).unwrap().is(&password("secret"), None).unwrap());
}

#[test]
fn weaker_hashes_are_known() {
    let (salt, today) = ("c2FsdA$aGFzaA", HashParams::CURRENT);
    for weak in [
        format!("$argon2id$v=19$m=8,t=2,p=1${salt}"),
        format!("$argon2id$v=19$m=19456,t=1,p=1${salt}"),
        format!("$argon2i$v=19$m=19456,t=2,p=1${salt}"),
        format!("$argon2id$v=16$m=19456,t=2,p=1${salt}"),
        String::new(),
    ] {
        assert!(today.exceeds(&weak), "{weak}");
    }
    assert!(!today.exceeds(&format!("$argon2id$v=19$m=65536,t=3,p=1${salt}")));
    let hasher = hasher(WEAK, 1, 0, Duration::ZERO);
    let slot = hasher.acquire_slot(path()).unwrap();
    let phc = slot.hash(&password("secret")).unwrap();
    assert!(slot.better(&password("secret"), &phc).is_none(), "good enough for this one");
}

#[test]
fn a_chosen_password_has_6_to_1024_bytes() {
    for (text, is_one) in [("", false), ("5byte", false), ("secret", true), ("ééé", true)] {
        assert_eq!(Password::chosen(text.to_owned()).is_some(), is_one, "{text}");
    }
    assert!(Password::chosen("p".repeat(1024)).is_some());
    assert!(Password::chosen("p".repeat(1025)).is_none());
}

#[test]
fn no_more_hash_at_once_than_may_and_no_more_wait_than_may() {
    let impatient = hasher(WEAK, 2, 0, Duration::from_secs(60));
    let (first, _second) =
        (impatient.acquire_slot(path()).unwrap(), impatient.acquire_slot(path()).unwrap());
    assert_eq!(impatient.acquire_slot(path()).err(), Some(Busy));
    drop(first);
    assert!(impatient.acquire_slot(path()).is_ok());
}

#[test]
fn who_waits_too_long_is_told() {
    let hasher = hasher(WEAK, 1, 1, Duration::from_millis(5));
    let held = hasher.acquire_slot(path()).unwrap();
    assert_eq!(hasher.acquire_slot(path()).err(), Some(Busy));
    assert!(hasher.lock().queue.len() == 0);
    drop(held);
    assert!(hasher.acquire_slot(path()).is_ok());
}

#[test]
fn who_came_first_is_served_first() {
    const WAITING: usize = 8;
    let hasher = Arc::new(hasher(WEAK, 1, WAITING, Duration::from_secs(60)));
    let held = hasher.acquire_slot(path()).unwrap();
    let (say, served) = sync_channel(WAITING);
    let mut threads = Vec::new();
    for number in 0..WAITING {
        let (theirs, say) = (Arc::clone(&hasher), say.clone());
        let wait = move || {
            let _permit = theirs.acquire_slot(path()).unwrap();
            say.send(number).unwrap();
        };
        threads.push(os_thread::spawn("waits", 128 * 1024, wait).unwrap());
        while hasher.lock().queue.len() <= number {
            std::thread::yield_now();
        }
    }
    assert_eq!(hasher.acquire_slot(path()).err(), Some(Busy), "one too many");
    drop(held);
    let order: Vec<_> = (0..WAITING).map(|_| served.recv().unwrap()).collect();
    assert_eq!(order, (0..WAITING).collect::<Vec<_>>());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
