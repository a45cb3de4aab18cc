//! Pictures of accounts: files that stay while they are somebody's, and are seen by whoever may see the name.

use std::sync::atomic::{AtomicU64, Ordering};

use sql::{
    NewPiece, NewUpload, Operation, PICTURE_BYTES_MAX, PictureOutcome, PublicProfile, Removal,
    Store, UploadOutcome,
};
use wire::{AccountId, MessageId, Peer, Recipient};

use crate::own::line;
use crate::{HOUR, NOW, account, act, group, say};

cases! {
    OPEN, const ALL:
    a_picture_stays_until_it_is_replaced,
    a_picture_is_a_whole_image_of_its_account,
    a_picture_that_was_sent_stays_with_its_message,
    a_deleted_account_has_no_picture,
}

cases! {
    REQUEST:
    a_picture_is_for_who_may_see_the_name,
}

/// A file of one piece, or the first byte of a longer one.
fn upload(store: &Store, owner: AccountId, kind: Option<&str>, size: i64, received: i64) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let id = format!("picture{:025x}", COUNT.fetch_add(1, Ordering::Relaxed));
    let expires_at = NOW + 24 * HOUR;
    let new = NewUpload {
        id: &id,
        name: "me.png",
        kind: "image/png",
        size,
        pixels: None,
        thumbnail: None,
        expires_at,
    };
    assert_eq!(store.begin_upload(owner, &new, NOW).unwrap(), UploadOutcome::Begun);
    let blob = format!("blob of {id}");
    store.begin_blob(owner, &blob, expires_at).unwrap();
    let (blob, hash, size) = (&*blob, &*id, received);
    let piece = NewPiece { start: 0, offset: 0, blob, same: None, hash, size, kind };
    assert!(store.append_piece(owner, &id, &piece, NOW).unwrap());
    id
}

fn image(store: &Store, owner: AccountId) -> String {
    upload(store, owner, Some("image/png"), 5, 5)
}

fn set(store: &Store, who: AccountId, picture: Option<&str>) -> PictureOutcome {
    store.set_picture(who, picture, NOW).unwrap()
}

fn picture(store: &Store, who: AccountId) -> Option<String> {
    store.account(who).unwrap().unwrap().picture
}

fn sees(store: &Store, who: AccountId, id: &str) -> bool {
    store.file(who, id, NOW).unwrap().is_some()
}

/// Deletes what nobody needs, long after everything was uploaded.
fn collect(store: &Store) {
    store.collect_files(NOW + 99 * HOUR).unwrap();
}

fn stored(store: &Store, who: AccountId) -> i64 {
    store.log_state(who).unwrap().unwrap().stored
}

fn a_picture_stays_until_it_is_replaced(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let [first, second] = [image(store, alice), image(store, alice)];
    assert_eq!(set(store, alice, Some(&first)), PictureOutcome::Changed);
    assert_eq!(set(store, alice, Some(&first)), PictureOutcome::Changed, "again");
    assert_eq!(picture(store, alice).as_deref(), Some(&*first));
    assert_eq!(store.remove_upload(alice, &first, NOW).unwrap(), Removal::InUse);
    collect(store);
    assert!(sees(store, bob, &first) && !sees(store, alice, &second), "the other has expired");
    assert_eq!(stored(store, alice), 5);
    let second = image(store, alice);
    assert!(!sees(store, bob, &second));
    assert_eq!(set(store, alice, Some(&second)), PictureOutcome::Changed);
    assert!(sees(store, bob, &second) && !sees(store, bob, &first));
    store.collect_files(NOW).unwrap();
    assert_eq!(stored(store, alice), 5, "the first has gone at once");
    assert_eq!(set(store, alice, None), PictureOutcome::Changed);
    assert_eq!(set(store, alice, None), PictureOutcome::Changed);
    assert_eq!((picture(store, alice), sees(store, bob, &second)), (None, false));
    store.collect_files(NOW).unwrap();
    assert_eq!(stored(store, alice), 0);
}

fn a_picture_is_a_whole_image_of_its_account(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let good = image(store, alice);
    set(store, alice, Some(&good));
    let largest = upload(store, alice, Some("image/png"), PICTURE_BYTES_MAX, PICTURE_BYTES_MAX);
    let too_large = PICTURE_BYTES_MAX + 1;
    let wrong = [
        image(store, bob),
        upload(store, alice, Some("image/png"), 6, 5),
        upload(store, alice, Some("video/mp4"), 5, 5),
        upload(store, alice, None, 5, 5),
        upload(store, alice, Some("image/png"), too_large, too_large),
        "nothing".to_owned(),
        String::new(),
    ];
    for id in &wrong {
        assert_eq!(set(store, alice, Some(id)), PictureOutcome::NoPicture, "{id}");
    }
    let late = store.set_picture(alice, Some(&largest), NOW + 25 * HOUR).unwrap();
    assert_eq!(late, PictureOutcome::NoPicture, "its time is over");
    assert_eq!(picture(store, alice), Some(good));
    assert_eq!(set(store, alice, Some(&largest)), PictureOutcome::Changed);
    assert_eq!(set(store, AccountId(i64::MAX), None), PictureOutcome::NoAccount);
}

fn a_picture_that_was_sent_stays_with_its_message(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = image(store, alice);
    let files = vec![id.clone()];
    let content = "my picture".to_owned();
    let post = Operation::Post { to: Recipient::Account(bob), content, files, reply_to: None };
    act(store, alice, post);
    set(store, alice, Some(&id));
    set(store, alice, None);
    collect(store);
    assert!(sees(store, bob, &id), "a message has it still");
    set(store, alice, Some(&id));
    let with = Peer::Account(bob);
    let message = store.history(alice, with, MessageId(i64::MAX), 1).unwrap().unwrap().remove(0);
    act(store, alice, Operation::Delete { id: message.id });
    collect(store);
    assert!(sees(store, bob, &id), "it is her picture still");
    set(store, alice, None);
    collect(store);
    assert!(!sees(store, alice, &id));
}

fn a_deleted_account_has_no_picture(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = image(store, alice);
    set(store, alice, Some(&id));
    say(store, alice, bob, "hello", "1");
    assert!(store.delete_account(alice, NOW).unwrap());
    assert!(!sees(store, bob, &id));
    assert_eq!(line(store, bob, Peer::Account(alice)).unwrap().picture, None);
    store.collect_files(NOW).unwrap();
    assert_eq!(set(store, alice, Some(&id)), PictureOutcome::NoAccount);
    // A file that is in use cannot be removed; one that is gone is nobody's.
    assert_eq!(store.remove_upload(alice, &id, NOW).unwrap(), Removal::NotFound);
    assert_eq!(store.exported_files(alice, "", 9).unwrap(), []);
}

fn a_picture_is_for_who_may_see_the_name(store: &Store) {
    let [alice, bob, carol, dave] =
        ["Alice", "Bob", "Carol", "Dave"].map(|name| account(store, name));
    let id = image(store, alice);
    set(store, alice, Some(&id));
    let profile = |who| store.public_profile(who, alice).unwrap();
    let whole = PublicProfile { name: "Alice".to_owned(), picture: Some(id.clone()) };
    assert!(sees(store, alice, &id) && profile(alice) == Some(whole.clone()));
    // Bob has written to her: she may see his name, and he not hers; a picture is seen by neither.
    say(store, bob, alice, "hello", "1");
    let his = image(store, bob);
    set(store, bob, Some(&his));
    let of_bob = |picture: Option<&str>| {
        let seen = store.public_profile(alice, bob).unwrap().unwrap();
        let listed = line(store, alice, Peer::Account(bob)).unwrap();
        assert_eq!((&*seen.name, seen.picture.as_deref()), ("Bob", picture));
        assert_eq!(listed.picture.as_deref(), picture);
        assert_eq!(sees(store, alice, &his), picture.is_some());
    };
    of_bob(None);
    assert!(!sees(store, bob, &id));
    assert_eq!(
        (profile(bob), line(store, bob, Peer::Account(alice)).unwrap().picture),
        (None, None)
    );
    act(store, alice, Operation::Accept { id: bob });
    of_bob(Some(&his));
    assert!(sees(store, bob, &id) && profile(bob) == Some(whole.clone()));
    assert_eq!(line(store, bob, Peer::Account(alice)).unwrap().picture.as_ref(), Some(&id));
    // Carol has found her by email.
    assert!(!sees(store, carol, &id));
    store.record_found_account(carol, alice, NOW).unwrap();
    assert!(sees(store, carol, &id));
    // Dave is invited to a group with her, and then in it.
    say(store, dave, bob, "hello", "1");
    act(store, bob, Operation::Accept { id: dave });
    let trip = group(store, &[bob, alice, dave]);
    assert!(sees(store, dave, &id));
    let members = store.group(dave, trip).unwrap().unwrap().members;
    let of_alice = members.iter().find(|it| it.id == alice).unwrap();
    assert_eq!(of_alice.picture.as_ref(), Some(&id));
    // Who is blocked cannot tell.
    act(store, alice, Operation::Block { id: bob });
    assert!(sees(store, bob, &id));
    // She does not see his: he could say anything by it.
    of_bob(None);
    let of = |who: AccountId| {
        let members = store.group(alice, trip).unwrap().unwrap().members;
        members.into_iter().find(|it| it.id == who).unwrap().picture
    };
    assert_eq!((of(bob), of(alice).as_ref()), (None, Some(&id)));
    act(store, alice, Operation::Unblock { id: bob });
    of_bob(Some(&his));
    assert_eq!(of(bob), Some(his));
}
