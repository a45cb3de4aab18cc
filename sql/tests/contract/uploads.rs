//! Files: uploaded in pieces, fetched by whoever sees a message that has them, and deleted when nobody needs them.

use sql::{
    Entry, EventBody, GroupAction, NewPiece, NewUpload, Operation, Outcome, Removal, Store,
    Submission, UploadOutcome,
};
use wire::{AccountId, Code, GroupId, MessageId, Peer, Recipient, Seq};

use crate::revise::edit;
use crate::{HOUR, NOW, account, act, code, commit, events, group, open, say};

cases! {
    OPEN, const ALL:
    an_upload_grows_by_pieces_and_one_of_two_wins,
    equal_pieces_are_one_object,
    a_file_counts_from_its_beginning_to_its_end,
    who_sees_a_message_sees_its_files,
    a_file_is_seen_in_any_message_of_any_conversation,
    files_go_with_their_last_message,
    files_of_deleted_accounts_stay_where_they_are_read,
    what_is_never_sent_is_collected,
    a_search_finds_names_of_files,
}

cases! {
    REQUEST:
    files_of_requests_wait_for_the_answer,
}

/// A name that no other test has.
pub fn name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{:032x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn begin(store: &Store, owner: AccountId, size: i64) -> (String, UploadOutcome) {
    let id = name();
    let new = NewUpload {
        id: &id,
        name: "cat.png",
        kind: "image/png",
        size,
        pixels: None,
        thumbnail: None,
        expires_at: NOW + 24 * HOUR,
    };
    let outcome = store.begin_upload(owner, &new, NOW).unwrap();
    (id, outcome)
}

/// Appends a piece whose bytes are told by `hash`; returns the name of its object.
pub fn append(
    store: &Store,
    owner: AccountId,
    id: &str,
    (start, size): (i64, i64),
    hash: &str,
) -> Option<String> {
    let blob = name();
    store.begin_blob(owner, &blob, NOW + HOUR).unwrap();
    let same = store.same_blobs(owner, hash, size).unwrap();
    let same = same.first().map(String::as_str);
    let piece = NewPiece { start, offset: start, blob: &blob, same, hash, size, kind: None };
    store.append_piece(owner, id, &piece, NOW).unwrap().then_some(blob)
}

/// A whole file of one piece.
pub fn upload(store: &Store, owner: AccountId, size: i64) -> String {
    let (id, outcome) = begin(store, owner, size);
    assert_eq!(outcome, UploadOutcome::Begun);
    append(store, owner, &id, (0, size), &id).unwrap();
    id
}

pub fn with_files(to: AccountId, content: &str, files: &[&str]) -> Operation {
    let files = files.iter().map(|&id| id.to_owned()).collect();
    let (to, content) = (Recipient::Account(to), content.to_owned());
    Operation::Post { to, content, files, reply_to: None }
}

/// Sends a message and returns its id.
fn send(store: &Store, by: AccountId, operation: Operation) -> MessageId {
    let committed = commit(store, vec![Submission { by, reference: None, operation }]);
    let [event] = &committed.events[..] else { panic!("{committed:?}") };
    match &event.body {
        EventBody::Entry(Entry::Message(message)) => message.id,
        other => panic!("{other:?}"),
    }
}

pub fn sees(store: &Store, who: AccountId, id: &str) -> bool {
    store.file(who, id, NOW).unwrap().is_some()
}

pub fn stored(store: &Store, who: AccountId) -> i64 {
    store.log_state(who).unwrap().unwrap().stored
}

fn an_upload_grows_by_pieces_and_one_of_two_wins(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let (id, _) = begin(store, alice, 10);
    assert!(append(store, bob, &id, (0, 4), "x").is_none(), "not Bob's");
    assert!(append(store, alice, &id, (4, 4), "x").is_none(), "not there yet");
    assert!(append(store, alice, &id, (0, 11), "x").is_none(), "more than it is long");
    let first = append(store, alice, &id, (0, 4), &name()).unwrap();
    assert!(append(store, alice, &id, (0, 4), "other").is_none(), "another was first");
    let upload = store.upload(alice, &id, NOW).unwrap().unwrap();
    assert_eq!((upload.received, upload.size), (4, 10));
    assert!(!sees(store, alice, &id), "not whole");
    let second = append(store, alice, &id, (4, 6), &name()).unwrap();
    let file = store.file(alice, &id, NOW).unwrap().unwrap();
    assert_eq!((file.size, &*file.name, &*file.claimed), (10, "cat.png", "image/png"));
    let pieces = |from| {
        let pieces = store.pieces(alice, &id, from).unwrap();
        pieces.into_iter().map(|it| (it.start, it.size, it.blob)).collect::<Vec<_>>()
    };
    let [one, two] = [(0, 4, first), (4, 6, second)];
    assert_eq!(pieces(0), [one.clone(), two.clone()]);
    assert_eq!(pieces(3), [one, two.clone()]);
    assert_eq!(pieces(4), [two]);
    assert!(pieces(10).is_empty());
    assert!(store.upload(alice, &id, NOW + 25 * HOUR).unwrap().is_none(), "its time is over");
    assert!(append(store, alice, &id, (10, 1), "x").is_none());
}

fn equal_pieces_are_one_object(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let hash = name();
    let (one, _) = begin(store, alice, 5);
    append(store, alice, &one, (0, 5), &hash).unwrap();
    let (two, _) = begin(store, bob, 5);
    let spare = append(store, bob, &two, (0, 5), &hash).unwrap();
    let object = |who, id: &str| store.pieces(who, id, 0).unwrap()[0].blob.clone();
    assert_eq!(object(alice, &one), object(bob, &two));
    assert!(store.unneeded_blobs(NOW).unwrap().contains(&spare), "the second one is deleted");
    assert_eq!(store.remove_upload(alice, &one, NOW).unwrap(), Removal::Removed);
    store.collect_files(NOW).unwrap();
    let later = store.unneeded_blobs(NOW + 2 * HOUR).unwrap();
    assert!(!later.contains(&object(bob, &two)), "Bob's file has it");
    let shared = object(bob, &two);
    assert_eq!(store.remove_upload(bob, &two, NOW).unwrap(), Removal::Removed);
    store.collect_files(NOW).unwrap();
    assert!(!store.unneeded_blobs(NOW).unwrap().contains(&shared), "a backup may want it");
    assert!(store.unneeded_blobs(NOW + 2 * HOUR).unwrap().contains(&shared));
    // From here on it is no piece of anything any more.
    let (three, _) = begin(store, alice, 5);
    let new = append(store, alice, &three, (0, 5), &hash).unwrap();
    assert_eq!(object(alice, &three), new);
    store.forget_blobs(&[shared.clone(), new.clone()]).unwrap();
    assert!(!store.unneeded_blobs(NOW + 2 * HOUR).unwrap().contains(&shared));
    assert_eq!(object(alice, &three), new, "what a file has is not forgotten");
}

fn a_file_counts_from_its_beginning_to_its_end(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let (id, _) = begin(store, alice, 1000);
    assert_eq!(stored(store, alice), 1000);
    assert_eq!(store.remove_upload(bob, &id, NOW).unwrap(), Removal::NotFound);
    assert_eq!(store.remove_upload(alice, &id, NOW).unwrap(), Removal::Removed);
    assert_eq!(store.remove_upload(alice, &id, NOW).unwrap(), Removal::NotFound);
    assert_eq!(stored(store, alice), 0);
    let id = upload(store, alice, 500);
    let message = send(store, alice, with_files(bob, "four", &[&id]));
    assert_eq!((stored(store, alice), stored(store, bob)), (504, 0));
    let on = send(store, bob, with_files(alice, "", &[&id]));
    assert_eq!(store.remove_upload(alice, &id, NOW).unwrap(), Removal::InUse);
    act(store, alice, Operation::Delete { id: message });
    store.collect_files(NOW).unwrap();
    assert_eq!(stored(store, alice), 500, "Bob's message has it");
    act(store, bob, Operation::Delete { id: on });
    store.collect_files(NOW).unwrap();
    assert_eq!((stored(store, alice), stored(store, bob)), (0, 0));
}

fn who_sees_a_message_sees_its_files(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let id = upload(store, alice, 5);
    let (half, _) = begin(store, alice, 5);
    assert!(sees(store, alice, &id) && !sees(store, bob, &id));
    for (by, wrong) in [(alice, &*half), (bob, &*id), (alice, "nothing")] {
        let refused = act(store, by, with_files(carol, "x", &[wrong]));
        assert_eq!(code(&refused), Some(Code::NotFound));
    }
    send(store, alice, with_files(bob, "", &[&id]));
    assert!(sees(store, bob, &id) && !sees(store, carol, &id));
    let told = events(store, bob, Seq(0)).pop().unwrap();
    let EventBody::Entry(Entry::Message(message)) = told else { panic!("{told:?}") };
    assert_eq!((message.files[0].id.as_str(), message.files[0].size), (&*id, 5));
    send(store, bob, with_files(carol, "see", &[&id]));
    assert!(sees(store, carol, &id));
    let page = store.history(carol, Peer::Account(bob), MessageId(i64::MAX), 9).unwrap().unwrap();
    assert_eq!(page[0].files, message.files);

    let trip = group(store, &[alice, bob]);
    let other = upload(store, alice, 5);
    act(store, bob, Operation::Block { id: alice });
    let (to, content) = (Recipient::Group(trip), String::new());
    let operation = Operation::Post { to, content, files: vec![other.clone()], reply_to: None };
    send(store, alice, operation);
    assert!(!sees(store, bob, &other), "withheld");
}

fn to_group(group: GroupId, id: &str) -> Operation {
    let (to, content) = (Recipient::Group(group), String::new());
    Operation::Post { to, content, files: vec![id.to_owned()], reply_to: None }
}

fn a_file_is_seen_in_any_message_of_any_conversation(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let id = upload(store, alice, 5);
    let [first, second] = [(); 2].map(|()| group(store, &[alice, bob, carol]));
    let change = |by, group, action| act(store, by, Operation::ChangeGroup { group, action });
    // Seen in the first group, then withheld in both, again and again.
    let seen = send(store, alice, to_group(first, &id));
    act(store, bob, Operation::Block { id: alice });
    for group in [first, first, second] {
        send(store, alice, to_group(group, &id));
        act(store, carol, crate::post_to(group, "so"));
        send(store, alice, to_group(group, &id));
    }
    assert!(sees(store, bob, &id));
    // Who has left sees what was there before, and nothing later.
    change(bob, first, GroupAction::Leave);
    send(store, carol, to_group(first, &id));
    assert!(sees(store, bob, &id), "from before it left");
    act(store, bob, Operation::Hide { id: seen });
    assert!(!sees(store, bob, &id), "hidden, and nothing later");
    let own = act(store, bob, with_files(bob, "", &[&id]));
    assert_eq!(code(&own), Some(Code::NotFound));
    let last = send(store, carol, to_group(second, &id));
    assert!(sees(store, bob, &id));
    send(store, bob, with_files(bob, "", &[&id]));
    act(store, carol, Operation::Delete { id: last });
    assert!(sees(store, bob, &id), "it has sent it to itself");
    act(store, bob, Operation::ClearConversation { with: Peer::Account(bob) });
    assert!(!sees(store, bob, &id), "cleared");
    // Who comes later does not see what was there before.
    let late = account(store, "Late");
    assert_eq!(change(alice, second, GroupAction::Add(late)), Outcome::Done);
    assert!(!sees(store, late, &id));
    send(store, carol, to_group(second, &id));
    assert!(sees(store, late, &id));
}

fn files_of_requests_wait_for_the_answer(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = upload(store, alice, 5);
    send(store, alice, with_files(bob, "", &[&id]));
    assert!(sees(store, alice, &id) && !sees(store, bob, &id));
    let refused = act(store, bob, with_files(bob, "", &[&id]));
    assert_eq!(code(&refused), Some(Code::NotFound));
    act(store, bob, Operation::Decline { id: alice });
    assert!(!sees(store, bob, &id));
    act(store, bob, Operation::Accept { id: alice });
    assert!(sees(store, bob, &id));
}

fn files_go_with_their_last_message(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = upload(store, alice, 5);
    let first = send(store, alice, with_files(bob, "one", &[&id]));
    act(store, alice, edit(first, "changed"));
    let kept = store.history(bob, Peer::Account(alice), MessageId(i64::MAX), 1).unwrap().unwrap();
    assert_eq!((&*kept[0].content, kept[0].files.len()), ("changed", 1));
    let retain = Operation::SetRetention { with: Peer::Account(bob), days: Some(1) };
    send(store, alice, with_files(bob, "two", &[&id]));
    act(store, alice, retain);
    act(store, alice, Operation::Delete { id: first });
    let gone = store.history(bob, Peer::Account(alice), first, 9).unwrap().unwrap();
    assert!(gone.iter().all(|message| message.files.is_empty()));
    assert!(sees(store, bob, &id), "the second message has it");
    store.collect_files(NOW + 100 * HOUR).unwrap();
    assert!(sees(store, bob, &id));
    store.expire_messages(NOW + 25 * HOUR).unwrap();
    assert!(!sees(store, alice, &id) && !sees(store, bob, &id));
}

fn files_of_deleted_accounts_stay_where_they_are_read(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let (sent, unsent) = (upload(store, alice, 5), upload(store, alice, 5));
    send(store, alice, with_files(bob, "", &[&sent]));
    store.delete_account(alice, NOW).unwrap();
    assert!(sees(store, bob, &sent));
    store.collect_files(NOW).unwrap();
    assert!(store.pieces(bob, &unsent, 0).unwrap().is_empty(), "nobody has it");
    store.delete_account(bob, NOW).unwrap();
    store.collect_files(NOW).unwrap();
    assert!(store.pieces(bob, &sent, 0).unwrap().is_empty(), "nobody is left who reads it");
}

fn what_is_never_sent_is_collected(store: &Store) {
    let alice = account(store, "Alice");
    let (id, _) = begin(store, alice, 10);
    let piece = append(store, alice, &id, (0, 4), &name()).unwrap();
    let lost = name();
    store.begin_blob(alice, &lost, NOW + 12 * HOUR).unwrap();
    for _ in 0..2 {
        store.collect_files(NOW + 23 * HOUR).unwrap();
        assert!(store.upload(alice, &id, NOW).unwrap().is_some());
    }
    let names = store.unneeded_blobs(NOW + 13 * HOUR).unwrap();
    assert!(names.contains(&lost) && !names.contains(&piece), "its program was killed");
    let (blob, hash) = (&*lost, "x");
    let late = NewPiece { start: 4, offset: 4, blob, same: None, hash, size: 1, kind: None };
    assert!(store.append_piece(alice, &id, &late, NOW).is_err(), "it is being deleted");
    assert_eq!(store.upload(alice, &id, NOW).unwrap().unwrap().received, 4);
    store.collect_files(NOW + 25 * HOUR).unwrap();
    assert!(store.upload(alice, &id, NOW).unwrap().is_none());
    assert_eq!(stored(store, alice), 0);
    assert!(store.unneeded_blobs(NOW + 27 * HOUR).unwrap().contains(&piece));
}

fn a_search_finds_names_of_files(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = upload(store, alice, 5);
    let message = send(store, alice, with_files(bob, "look", &[&id]));
    let find = |text: &str| {
        let found = store.search(bob, text, MessageId(i64::MAX), 9).unwrap();
        found.iter().map(|message| message.id).collect::<Vec<_>>()
    };
    let is_found = || ["cat", "look png", "look"].map(|text| find(text) == [message]);
    assert_eq!(is_found(), [true; 3]);
    act(store, alice, edit(message, "look there"));
    assert_eq!(is_found(), [true; 3]);
    act(store, alice, Operation::Delete { id: message });
    assert!(find("cat").is_empty() && find("look").is_empty());
    say(store, alice, bob, "a cat", "r");
    assert_eq!(find("cat").len(), 1);
}

#[test]
fn an_account_over_its_quota_begins_no_upload() {
    let postgres = acceptance::Cluster::shared().unwrap().database().unwrap();
    for url in ["sqlite::memory:", &postgres] {
        let store = open(&url.parse().unwrap()).with_quota(1000);
        let alice = account(&store, "Alice");
        assert_eq!(begin(&store, alice, 1001).1, UploadOutcome::OverQuota);
        let (id, outcome) = begin(&store, alice, 1000);
        assert_eq!(outcome, UploadOutcome::Begun);
        assert_eq!(begin(&store, alice, 1).1, UploadOutcome::OverQuota);
        let refused = act(&store, alice, with_files(alice, "x", &[]));
        assert_eq!(code(&refused), Some(Code::OverQuota), "text counts with it");
        store.remove_upload(alice, &id, NOW).unwrap();
        for _ in 0..200 {
            assert_eq!(begin(&store, alice, 0).1, UploadOutcome::Begun);
        }
        assert_eq!(begin(&store, alice, 0).1, UploadOutcome::TooMany);
        store.delete_account(alice, NOW).unwrap();
        assert_eq!(begin(&store, alice, 0).1, UploadOutcome::NoAccount);
    }
}
