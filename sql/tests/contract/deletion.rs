use std::thread;

use sql::{Operation, Outcome, Store};
use wire::{AccountId, Code, Seq};

use crate::revise::edit;
use crate::sessions::{open, revoked_since, token};
use crate::{HOUR, NOW, account, act, commit, email, export, post, say};

cases! {
    OPEN, const ALL:
    a_deleted_account_is_nobody,
    what_it_said_stays_with_others,
    what_nobody_can_read_goes,
    two_that_delete_each_other_at_once_leave_nothing,
}

fn a_deleted_account_is_nobody(store: &Store) {
    let email = email("alice");
    let alice = store.create_account(&email, "Alice", "phc", NOW).unwrap();
    let bob = account(store, "Bob");
    let session = open(store, alice, 1).unwrap();
    say(store, bob, alice, "hello", "r");
    let epoch = store.credentials_of(alice).unwrap().unwrap().epoch;
    let mark = store.newest_revocation().unwrap();

    assert!(store.delete_account(alice, NOW + HOUR).unwrap());
    assert_eq!(revoked_since(store, mark), [session]);
    assert_eq!(store.account(alice).unwrap(), None);
    assert_eq!(store.find_by_email(&email).unwrap(), None);
    assert!(store.credentials(&email).unwrap().is_none());
    assert!(store.credentials_of(alice).unwrap().is_none());
    assert_eq!(store.session_by_token(&token(alice, 1), NOW).unwrap(), None);
    assert_eq!(store.log_state(alice).unwrap(), None);
    assert!(store.exported_events(alice, Seq(0), 9).unwrap().is_empty());
    assert_eq!(store.rename(alice, "Ghost").unwrap(), None);
    assert!(!store.set_password(alice, epoch, "new", session, NOW).unwrap());
    assert!(!store.rehash(alice, "phc", "new").unwrap());
    assert_eq!(open(store, alice, 2), None);
    assert!(!store.delete_account(alice, NOW).unwrap(), "it is deleted once");
    assert_eq!(refusal(store, bob, alice), Code::NotFound);
    assert_eq!(refusal(store, alice, bob), Code::Unauthorized);

    let again = store.create_account(&email, "Alice II", "phc", NOW).unwrap();
    assert!(again > alice, "an id is never given twice");
}

fn refusal(store: &Store, from: AccountId, to: AccountId) -> Code {
    match commit(store, vec![post(from, to, "anybody?", None)]).outcomes[0] {
        Outcome::Rejected(refusal) => refusal.code,
        ref other => panic!("{other:?}"),
    }
}

fn what_it_said_stays_with_others(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    say(store, alice, bob, "remember me", "her name for it");
    let mut before = store.events(bob, Seq(0), 9).unwrap();
    store.delete_account(alice, NOW).unwrap();
    // Her name went with the first message; now she has none.
    assert_eq!(before[0].names.by.take().as_deref(), Some("Alice"));
    assert_eq!(store.events(bob, Seq(0), 9).unwrap(), before);
    assert_eq!(export::messages(store, bob), [(alice, "remember me".to_owned(), None)]);
    assert_eq!(export::messages(store, alice), [(alice, "remember me".to_owned(), None)]);
}

fn what_nobody_can_read_goes(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    say(store, alice, alice, "note to self", "1");
    say(store, alice, bob, "between us", "2");
    say(store, bob, carol, "to Carol", "3");
    store.delete_account(alice, NOW).unwrap();
    let texts = |id| -> Vec<_> {
        export::messages(store, id).into_iter().map(|(_, content, _)| content).collect()
    };
    assert_eq!(texts(alice), ["between us"], "Bob is still there to read it");
    store.delete_account(bob, NOW).unwrap();
    assert!(texts(alice).is_empty());
    assert_eq!(texts(bob), ["to Carol"]);
    assert_eq!(texts(carol), ["to Carol"]);
}

fn two_that_delete_each_other_at_once_leave_nothing(store: &Store) {
    for _ in 0..10 {
        let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
        say(store, alice, bob, "between us", "r");
        thread::scope(|scope| {
            for id in [alice, bob] {
                scope.spawn(move || assert!(store.delete_account(id, NOW).unwrap()));
            }
        });
        assert!(export::messages(store, alice).is_empty());
        assert!(store.exported_conversations(bob, 0, 9).unwrap().is_empty());
    }
}

/// `bytes` are all bytes of the database's files.
pub fn leaves_no_trace(store: &Store, bytes: impl Fn() -> Vec<u8>) {
    let bob = account(store, "Bob");
    let filler: Vec<_> = (0..50).map(|n| account(store, &format!("Filler {n}"))).collect();
    let email = email("vanishing.email");
    let alice = store.create_account(&email, "VanishingName", "vanishing-phc", NOW).unwrap();
    open(store, alice, 77).unwrap();
    say(store, alice, alice, "vanishing note", "vanishing-ref");
    say(store, alice, bob, "staying message", "vanishing-ref-2");
    say(store, filler[7], bob, "another message", "r");
    let id = say(store, bob, alice, "vanishing draft", "r2").id;
    // So many that the words of those before are in the index.
    for _ in 0..3 {
        commit(store, (0..600).map(|_| post(filler[1], filler[2], "filling", None)).collect());
    }
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, edit(id, "staying text"));
    assert!(store.rehash(alice, "vanishing-phc", "vanishing-phc-2").unwrap());
    let holds = |text: &[u8]| bytes().windows(text.len()).any(|window| window == text);
    assert_eq!(export::messages(store, alice).last().unwrap().1, "vanishing draft");
    let traces = [email.as_bytes(), b"VanishingName", b"vanishing", &[77; 24], b"device 77"];
    assert!(traces.iter().all(|trace| holds(trace)));
    store.delete_account(alice, NOW).unwrap();
    for trace in traces {
        assert!(!holds(trace), "{}", String::from_utf8_lossy(trace));
    }
    assert!(holds(b"staying message"));
}
