use serde_json::{Value, json};
use sql::{Batch, GroupAction, Operation, Submission};
use wire::{Peer, Recipient};

use super::*;

const NOW: i64 = 1_700_000_000_000;

fn store() -> Arc<Store> {
    Arc::new(
        Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
            .unwrap(),
    )
}

/// The document in pages of so many rows, and the most memory it took at once.
fn exported(store: &Arc<Store>, id: AccountId, rows: i64) -> (Value, usize) {
    let account = store.account(id).unwrap().unwrap();
    let mut document = Document::new(Arc::clone(store), &account, NOW).unwrap();
    document.rows = rows;
    let (mut text, mut some, mut most) = (Vec::new(), [0; 1000], 0);
    loop {
        let count = document.read(&mut some).unwrap();
        if count == 0 {
            assert_eq!(document.read(&mut some).unwrap(), 0, "the end stays the end");
            return (serde_json::from_slice(&text).unwrap(), most);
        }
        most = most.max(document.page.len());
        text.extend_from_slice(&some[..count]);
    }
}

fn say(store: &Store, from: AccountId, to: AccountId, content: &str, reference: Option<&str>) {
    let reference = reference.map(ToOwned::to_owned);
    let operation = Operation::Post {
        to: Recipient::Account(to),
        content: content.to_owned(),
        files: Vec::new(),
        reply_to: None,
    };
    act(store, from, operation, reference);
}

fn act(store: &Store, by: AccountId, operation: Operation, reference: Option<String>) {
    let submissions = vec![Submission { by, reference, operation }];
    store.commit(&Batch { submissions, ..Batch::default() }, NOW).unwrap();
}

#[test]
fn an_empty_account_is_a_whole_document() {
    let store = store();
    let id = store.create_account("a@x", "Al\"ice\n", "phc", NOW).unwrap();
    let expected = json!({
        "exported_at": NOW,
        "account": {"id": id, "email": "a@x", "name": "Al\"ice\n", "created_at": NOW, "confirmed": true,
            "last_seen": true, "read_receipts": true},
        "sessions": [],
        "push": [],
        "conversations": [],
        "invitations": [],
        "messages": [],
        "reactions": [],
        "blocked": [],
        "found": [],
        "reports": [],
        "files": [],
        "log": {"head": 0, "acknowledged": 0, "forgotten": 0, "stored": 0, "last_seen": null, "events": []},
    });
    assert_eq!(exported(&store, id, 100).0, expected);
}

#[test]
fn everything_is_there_once_whatever_the_pages() {
    let store = store();
    let [alice, bob] = ["a@x", "b@x"].map(|e| store.create_account(e, "N", "phc", NOW).unwrap());
    for number in 0..7 {
        say(&store, alice, bob, &format!("to Bob {number}"), Some(&number.to_string()));
        say(
            &store,
            bob,
            alice,
            &format!("to Alice {number}"),
            Some("x\u{7f}").filter(|_| number == 0),
        );
        say(&store, alice, alice, "\"to myself\"", None);
    }
    let token = wire::TokenHash([7; 32]);
    let (now, expires_at) = (NOW, NOW + 1);
    let login = sql::Login { account: alice, epoch: 1, token, device: "laptop", now, expires_at };
    let session = store.open_session(&login).unwrap().unwrap();

    let whole = exported(&store, alice, 100).0;
    let session = json!({"id": session, "device": "laptop", "created_at": NOW, "seen_at": NOW,
        "expires_at": NOW + 1});
    assert_eq!(whole["sessions"], json!([session]));
    assert_eq!(whole["messages"].as_array().unwrap().len(), 21);
    let line = |with| json!({"with": with, "since": 0, "delivered": 0, "read": 0, "days": null});
    assert_eq!(whole["conversations"], json!([line(bob), line(alice)]));
    let first = json!({"type": "message", "id": 1, "from": alice, "to": bob, "content": "to Bob 0",
        "at": NOW, "ref": "0"});
    assert!(whole["messages"].as_array().unwrap().contains(&first));
    assert!(!whole.to_string().contains('\u{7f}'), "a ref is its sender's");
    assert_eq!(whole["log"]["head"], 21);
    assert_eq!(whole["log"]["events"][20], json!({"seq": 21, "type": "entry", "id": 21}));
    for rows in [1, 2, 3, 7] {
        assert_eq!(exported(&store, alice, rows).0, whole, "{rows} rows a page");
    }
}

#[test]
fn it_takes_the_memory_of_a_page() {
    let store = store();
    let id = store.create_account("a@x", "Alice", "phc", NOW).unwrap();
    for _ in 0..60 {
        say(&store, id, id, &"x".repeat(10_000), None);
    }
    let (document, most) = exported(&store, id, 5);
    assert_eq!(document["messages"].as_array().unwrap().len(), 60);
    assert!((50_000..60_000).contains(&most), "{most}");
}

#[test]
fn what_is_more_than_a_message_is_there_too() {
    let store = store();
    let [alice, bob] = ["a@x", "b@x"].map(|e| store.create_account(e, "N", "phc", NOW).unwrap());
    say(&store, bob, alice, "hello", None);
    act(&store, alice, Operation::React { id: MessageId(1), emoji: Some("👍".to_owned()) }, None);
    act(&store, alice, Operation::Report { id: MessageId(1), text: "spam".to_owned() }, None);
    act(&store, alice, Operation::SetRetention { with: Peer::Account(bob), days: Some(7) }, None);
    act(
        &store,
        alice,
        Operation::CreateGroup { name: "Trip".to_owned(), members: vec![bob] },
        None,
    );
    let group = wire::GroupId(2);
    act(&store, alice, Operation::ChangeGroup { group, action: GroupAction::Leave }, None);
    let add = Operation::ChangeGroup { group, action: GroupAction::Add(alice) };
    act(&store, bob, add, None);
    say(&store, bob, bob, "not hers", None);
    act(&store, alice, Operation::Block { id: bob }, None);
    let whole = exported(&store, alice, 1).0;
    let list = |key: &str| whole[key].as_array().unwrap().clone();
    let changes: Vec<_> = list("messages").iter().map(|it| it["change"].clone()).collect();
    let none = || json!(null);
    assert_eq!(changes, [none(), none(), json!("create"), json!("promote"), json!("leave")]);
    assert_eq!(list("messages")[1]["days"], 7);
    assert_eq!(list("reactions"), [json!({"id": 1, "emoji": "👍", "at": NOW})]);
    let pair = json!({"with": bob, "since": 0, "delivered": 0, "read": 0, "days": 7});
    let left = list("messages").last().unwrap()["id"].clone();
    let group = json!({"group": 2, "name": "Trip", "since": 3, "until": left, "delivered": 3,
        "read": 3, "days": null});
    assert_eq!(list("conversations"), [pair, group]);
    assert_eq!(list("blocked"), [json!({"id": bob, "at": NOW})]);
    assert_eq!(list("reports"), [json!({"id": 1, "text": "spam", "at": NOW})]);
    assert_eq!(list("invitations"), [json!({"group": 2, "name": "Trip", "by": bob, "at": NOW})]);
    let last = list("messages").len() + 3;
    assert_eq!(whole["log"]["head"], last);
    assert_eq!(whole["log"]["events"][last - 1], json!({"seq": last, "type": "block", "by": bob}));
}
