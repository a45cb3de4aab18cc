//! Pieces of files: what is lost is written anew, short ones become a part of the next one, and many go in steps.

use sql::{NewPiece, NewUpload, Outcome, Removal, Store, UploadOutcome};
use wire::{AccountId, MessageId, Peer};

use crate::uploads::{append, begin, name, sees, stored, with_files};
use crate::{HOUR, NOW, account, act};

cases! {
    OPEN, const ALL:
    what_is_lost_is_written_anew,
    a_short_piece_becomes_a_part_of_the_next,
    a_short_piece_that_another_file_has_stays_there,
    a_file_of_many_pieces_goes_in_steps,
    a_thumbnail_that_is_removed_goes_with_no_message,
}

fn object(store: &Store, who: AccountId, id: &str) -> String {
    store.pieces(who, id, 0).unwrap()[0].blob.clone()
}

/// Forgets the objects that nobody needs, and returns their names.
fn collected(store: &Store, now: i64) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let names = store.unneeded_blobs(now).unwrap();
        if names.is_empty() {
            return all;
        }
        store.forget_blobs(&names).unwrap();
        all.extend(names);
    }
}

/// Appends a piece of an object that is its own, or `same`.
fn put(
    store: &Store,
    owner: AccountId,
    id: &str,
    (start, offset, size): (i64, i64, i64),
    (hash, same): (&str, Option<&str>),
) -> Option<String> {
    let blob = name();
    store.begin_blob(owner, &blob, NOW + HOUR).unwrap();
    let piece = NewPiece { start, offset, blob: &blob, same, hash, size, kind: None };
    store.append_piece(owner, id, &piece, NOW).unwrap().then_some(blob)
}

fn what_is_lost_is_written_anew(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let hash = name();
    let [(one, _), (two, _), (three, _), (four, _)] =
        [alice, bob, carol, carol].map(|who| begin(store, who, 5));
    let lost = put(store, alice, &one, (0, 0, 5), (&hash, None)).unwrap();
    assert_eq!(store.same_blobs(bob, &hash, 5).unwrap(), std::slice::from_ref(&lost));
    assert!(store.same_blobs(bob, &hash, 6).unwrap().is_empty());
    // The file store has it no more, so it is not chosen.
    let anew = put(store, bob, &two, (0, 0, 5), (&hash, None)).unwrap();
    assert_eq!(object(store, bob, &two), anew);
    let all = store.same_blobs(carol, &hash, 5).unwrap();
    assert!(all.len() == 2 && all.contains(&lost) && all.contains(&anew));
    let spare = put(store, carol, &three, (0, 0, 5), (&hash, Some(&anew))).unwrap();
    assert_eq!(object(store, carol, &three), anew);
    assert!(collected(store, NOW).contains(&spare));
    // What has become something else meanwhile is not chosen either.
    let other = put(store, carol, &four, (0, 0, 5), (&name(), Some(&anew))).unwrap();
    assert_eq!(object(store, carol, &four), other);
}

fn a_short_piece_becomes_a_part_of_the_next(store: &Store) {
    let alice = account(store, "Alice");
    let (id, _) = begin(store, alice, 10);
    let first = append(store, alice, &id, (0, 4), &name()).unwrap();
    let again = |offset, size| put(store, alice, &id, (0, offset, size), (&name(), None));
    assert_eq!(again(5, 9), None, "the upload has not come so far");
    assert_eq!(again(4, 11), None, "more than it is long");
    let second = again(4, 9).unwrap();
    assert_eq!(store.upload(alice, &id, NOW).unwrap().unwrap().received, 9);
    let pieces: Vec<_> = store.pieces(alice, &id, 8).unwrap();
    assert_eq!((pieces.len(), pieces[0].size, &pieces[0].blob), (1, 9, &second));
    assert!(!collected(store, NOW).contains(&first), "a backup may want it");
    assert!(collected(store, NOW + 2 * HOUR).contains(&first));
}

fn a_short_piece_that_another_file_has_stays_there(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let hash = name();
    let [(one, _), (two, _)] = [alice, bob].map(|who| begin(store, who, 10));
    let shared = append(store, alice, &one, (0, 4), &hash).unwrap();
    append(store, bob, &two, (0, 4), &hash).unwrap();
    assert_eq!(object(store, bob, &two), shared);
    put(store, alice, &one, (0, 4, 10), (&name(), None)).unwrap();
    assert_eq!(object(store, bob, &two), shared);
    assert!(!collected(store, NOW + 2 * HOUR).contains(&shared));
    put(store, bob, &two, (0, 4, 10), (&name(), None)).unwrap();
    assert!(collected(store, NOW + 2 * HOUR).contains(&shared));
}

fn a_file_of_many_pieces_goes_in_steps(store: &Store) {
    const PIECES: i64 = 300;
    let alice = account(store, "Alice");
    let (id, _) = begin(store, alice, PIECES);
    for start in 0..PIECES {
        append(store, alice, &id, (start, 1), &name()).unwrap();
    }
    let page = store.pieces(alice, &id, PIECES - 2).unwrap();
    assert_eq!(page.iter().map(|it| it.start).collect::<Vec<_>>(), [PIECES - 2, PIECES - 1]);
    let objects: Vec<_> =
        store.pieces(alice, &id, 0).unwrap().into_iter().map(|it| it.blob).collect();
    assert_eq!(store.remove_upload(alice, &id, NOW).unwrap(), Removal::Removed);
    assert_eq!(stored(store, alice), 0);
    assert!(!sees(store, alice, &id), "gone at once");
    assert!(!store.pieces(alice, &id, 0).unwrap().is_empty(), "its pieces only later");
    assert_eq!(store.remove_upload(alice, &id, NOW).unwrap(), Removal::NotFound);
    store.collect_files(NOW).unwrap();
    assert!(store.pieces(alice, &id, 0).unwrap().is_empty());
    let gone = collected(store, NOW + 2 * HOUR);
    assert!(objects.iter().all(|blob| gone.contains(blob)));
}

fn a_thumbnail_that_is_removed_goes_with_no_message(store: &Store) {
    let alice = account(store, "Alice");
    let upload = |thumbnail: Option<&str>| {
        let id = name();
        let new = NewUpload {
            id: &id,
            name: "a.gif",
            kind: "image/gif",
            size: 2,
            pixels: Some((9, 9)),
            thumbnail,
            expires_at: NOW + 24 * HOUR,
        };
        assert_eq!(store.begin_upload(alice, &new, NOW).unwrap(), UploadOutcome::Begun);
        let (blob, hash, kind) = (&*name(), &*name(), Some("image/gif"));
        store.begin_blob(alice, blob, NOW + HOUR).unwrap();
        let piece = NewPiece { start: 0, offset: 0, blob, same: None, hash, size: 2, kind };
        assert!(store.append_piece(alice, &id, &piece, NOW).unwrap());
        id
    };
    let small = upload(None);
    let large = upload(Some(&small));
    assert_eq!(store.remove_upload(alice, &small, NOW).unwrap(), Removal::Removed);
    assert_eq!(act(store, alice, with_files(alice, "", &[&large])), Outcome::Done);
    let with = Peer::Account(alice);
    let sent = store.history(alice, with, MessageId(i64::MAX), 9).unwrap().unwrap().remove(0);
    assert_eq!((&*sent.files[0].id, &sent.files[0].thumbnail), (&*large, &None));
    store.collect_files(NOW).unwrap();
    assert!(!sees(store, alice, &small) && sees(store, alice, &large));
}
