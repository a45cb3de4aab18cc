use sql::{DatabaseUrl, GroupAction, Operation, Outcome, Store, Submission};
use wire::limit::GROUPS_MAX;
use wire::{AccountId, Code, GroupId, MessageId, Peer, Role};

use crate::revise::{edit, react};
use crate::uploads::{upload, with_files};
use crate::{NOW, account, act, code, commit, group, open, post, post_to, say, say_in};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Accounts of which the counts are not what there is.
pub const COUNT_WRONG: &str = "select count(*) from log l left join \
    (select sender, sum(octet_length(content)) as bytes, sum(512 + 8 * coalesce(octet_length(names), 0) \
    + coalesce(octet_length(files), 0) + 48 * coalesce(others, 0) + coalesce(former, 0)) as overhead from message group by sender) m on m.sender = l.account left join \
    (select owner, sum(size) as bytes, 4096 * count(*) as overhead from file group by owner) f on f.owner = l.account left join \
    (select s.account, count(*) as groups from member s join conversation c on c.id = s.conversation and c.low is null \
    where s.until is null group by s.account) g on g.account = l.account \
    where l.stored <> coalesce(m.bytes, 0) + coalesce(f.bytes, 0) \
    or l.overhead <> coalesce(m.overhead, 0) + coalesce(f.overhead, 0) or l.groups <> coalesce(g.groups, 0)";

cases! {
    OPEN:
    what_is_kept_is_counted,
    what_blocks_may_withhold_is_counted_whether_they_do_or_not,
    what_goes_is_no_longer_counted,
    an_account_is_in_a_thousand_groups_and_no_more,
}

fn stored(store: &Store, who: AccountId) -> i64 {
    store.log_state(who).unwrap().unwrap().stored
}

fn change(group: GroupId, action: GroupAction) -> Operation {
    Operation::ChangeGroup { group, action }
}

fn what_is_kept_is_counted(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let id = say(store, alice, bob, "häuser", "r").id;
    assert_eq!((stored(store, alice), stored(store, bob)), (7, 0), "bytes, and only the sender's");
    commit(store, vec![post(alice, bob, "again", Some("r"))]);
    assert_eq!(stored(store, alice), 7, "a repeat stores nothing");
    for (text, bytes) in [("hut", 3), ("huts", 4), ("huts", 4)] {
        act(store, alice, edit(id, text));
        assert_eq!(stored(store, alice), bytes);
    }
    act(store, bob, react(id, Some("👍")));
    for _ in 0..2 {
        act(store, alice, Operation::Delete { id });
        assert_eq!((stored(store, alice), stored(store, bob)), (0, 0));
    }
    let trip = group(store, &[alice, bob]);
    assert_eq!(stored(store, alice), 4, "the name, once for all members");
    act(store, alice, change(trip, GroupAction::Rename("Journey".to_owned())));
    assert_eq!(stored(store, alice), 11);
    act(store, alice, change(trip, GroupAction::Add(carol)));
    assert_eq!(stored(store, alice), 18);
    act(store, carol, post_to(trip, "hello"));
    act(store, carol, change(trip, GroupAction::Leave));
    assert_eq!((stored(store, alice), stored(store, carol)), (18, 12));
    // A batch that ends as it began, whatever lies between.
    let submissions =
        [("one", "1"), ("three", "2")].map(|(text, name)| post(bob, alice, text, Some(name)));
    commit(store, submissions.to_vec());
    assert_eq!(stored(store, bob), 8);
}

fn what_blocks_may_withhold_is_counted_whether_they_do_or_not(store: &Store) {
    let overhead = |who| store.log_state(who).unwrap().unwrap().overhead;
    let counted = |is_blocked: bool| {
        let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
        let trip = group(store, &[alice, bob, carol]);
        let mut counted = vec![overhead(alice)];
        let mut note = || counted.push(overhead(alice));
        let id = say_in(store, alice, trip, "four");
        note();
        if is_blocked {
            act(store, bob, Operation::Block { id: alice });
        }
        say_in(store, alice, trip, "four");
        note();
        act(store, alice, edit(id, "changed"));
        note();
        act(store, alice, edit(id, "again"));
        note();
        act(store, alice, change(trip, GroupAction::Rename("Journey".to_owned())));
        note();
        act(store, alice, Operation::Delete { id });
        note();
        counted
    };
    let each = 512 + 2 * 48;
    let expected = [512, each, each, 2 * 4, 2 * 7, each, -2 * (4 + 7)];
    let sums = expected.iter().scan(0, |sum, more| {
        *sum += more;
        Some(*sum)
    });
    let sums: Vec<_> = sums.collect();
    assert_eq!(counted(false), sums);
    assert_eq!(counted(true), sums, "a block does not show");
    // Of two people the one may keep what the other edits.
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "four", "r").id;
    act(store, alice, edit(id, ""));
    assert_eq!(overhead(alice), 512 + 4);
}

fn what_goes_is_no_longer_counted(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let retain = Operation::SetRetention { with: Peer::Account(bob), days: Some(1) };
    act(store, alice, retain);
    commit(store, (0..1_200).map(|_| post(alice, bob, "four", None)).collect());
    say(store, bob, alice, "three", "1");
    say(store, alice, carol, "kept", "2");
    assert_eq!((stored(store, alice), stored(store, bob)), (4_804, 5));
    store.expire_messages(NOW + DAY + 1).unwrap();
    assert_eq!((stored(store, alice), stored(store, bob)), (4, 0));
    store.delete_account(carol, NOW).unwrap();
    assert_eq!(stored(store, alice), 4, "Alice can still read it");
}

/// An upgrade counts the overhead of what is there. `run` runs a script, and `wrong` is [`COUNT_WRONG`].
fn an_upgrade_counts_anew(store: &Store, mut run: impl FnMut(&str), wrong: impl FnOnce() -> i64) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let files = [upload(store, alice, 5), upload(store, alice, 0)];
    act(store, alice, with_files(bob, "look", &[&files[0]]));
    let id = say(store, bob, alice, "gone", "1").id;
    act(store, bob, Operation::Delete { id });
    let nobody = account(store, "Nobody");
    let all = || [alice, bob, nobody].map(|who| store.log_state(who).unwrap().unwrap());
    let counted = all();
    assert!(counted[..2].iter().all(|log| log.overhead >= 512));
    run("alter table log drop column overhead");
    run(if store.engine() == "sqlite" {
        include_str!("../../migrations/sqlite/0026_counted_rows.sql")
    } else {
        include_str!("../../migrations/postgres/0030_counted_rows.sql")
    });
    assert_eq!(all(), counted);
    assert_eq!(wrong(), 0);
}

#[test]
fn an_upgrade_counts_anew_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let store = open(&DatabaseUrl::file(path.clone()));
    let connection = rusqlite::Connection::open(&path).unwrap();
    let run = |script: &str| connection.execute_batch(script).unwrap();
    an_upgrade_counts_anew(&store, run, || {
        connection.query_row(COUNT_WRONG, [], |row| row.get(0)).unwrap()
    });
}

#[test]
fn an_upgrade_counts_anew_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let connect = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let run = |script: &str| connect().batch_execute(script).unwrap();
    let wrong = || connect().query_one(COUNT_WRONG, &[]).unwrap().get(0);
    an_upgrade_counts_anew(&store, run, wrong);
}

/// Bytes of an account, in the tests that reach it.
const QUOTA: i64 = 1000;

#[test]
fn nobody_stores_more_than_the_quota_in_sqlite() {
    is_a_bound(&open(&"sqlite::memory:".parse().unwrap()).with_quota(QUOTA), QUOTA);
}

#[test]
fn nobody_stores_more_than_the_quota_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    is_a_bound(&open(&url.parse().unwrap()).with_quota(QUOTA), QUOTA);
}

/// `quota` bytes are what `store` lets an account have.
fn is_a_bound(store: &Store, quota: i64) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob]);
    act(store, alice, change(trip, GroupAction::Promote(bob)));
    let left = quota - stored(store, alice);
    let [short, last] =
        [20, left - 20].map(|bytes| post(alice, bob, &"x".repeat(bytes as usize), None));
    let full = commit(store, vec![short, last, post(alice, bob, "x", Some("one more"))]);
    assert_eq!(full.outcomes[..2], [Outcome::Done, Outcome::Done]);
    let is_refused = |outcome: &Outcome| code(outcome) == Some(Code::OverQuota);
    assert!(is_refused(&full.outcomes[2]) && stored(store, alice) == quota);
    let found = store.history(alice, Peer::Account(bob), MessageId(i64::MAX), 9).unwrap().unwrap();
    let id = found.last().unwrap().id;

    // Nothing more of hers …
    for operation in [
        post_to(trip, "x"),
        edit(id, &"x".repeat(21)),
        Operation::CreateGroup { name: "More".to_owned(), members: vec![] },
        change(trip, GroupAction::Add(carol)),
        change(trip, GroupAction::Rename("Longer".to_owned())),
    ] {
        assert!(is_refused(&act(store, alice, operation.clone())), "{operation:?}");
    }
    assert_eq!(stored(store, alice), quota);
    // … but all that needs no room, and what others say.
    say(store, bob, alice, "hello", "1");
    let retain = Operation::SetRetention { with: Peer::Account(carol), days: Some(1) };
    for operation in [
        edit(id, &"y".repeat(20)),
        react(id, Some("👍")),
        Operation::Read { id },
        Operation::Block { id: carol },
        retain,
        change(trip, GroupAction::Demote(bob)),
        change(trip, GroupAction::Remove(bob)),
        change(trip, GroupAction::Leave),
    ] {
        let outcome = act(store, alice, operation.clone());
        assert!(
            matches!(outcome, Outcome::Done | Outcome::Unchanged),
            "{operation:?}: {outcome:?}"
        );
    }
    // What was refused can be said as soon as there is room, under the same `ref`.
    assert!(stored(store, alice) > quota, "the names in what she did to the group");
    assert_eq!(act(store, alice, Operation::Delete { id }), Outcome::Done);
    let again = commit(store, vec![post(alice, bob, "x", Some("one more"))]);
    assert_eq!(again.outcomes, [Outcome::Done]);
}

fn an_account_is_in_a_thousand_groups_and_no_more(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let trip = group(store, &[bob]);
    let create = || Operation::CreateGroup { name: "G".to_owned(), members: vec![] };
    let make = |_| Submission { by: alice, reference: None, operation: create() };
    let made = commit(store, (0..=GROUPS_MAX).map(make).collect()).outcomes;
    let (last, made) = made.split_last().unwrap();
    assert!(made.iter().all(|outcome| *outcome == Outcome::Done));
    assert_eq!(code(last), Some(Code::TooMany));
    let with_alice = Operation::CreateGroup { name: "G".to_owned(), members: vec![alice] };
    assert_eq!(code(&act(store, bob, with_alice.clone())), Some(Code::TooMany));
    let add = change(trip, GroupAction::Add(alice));
    assert_eq!(code(&act(store, bob, add.clone())), Some(Code::TooMany));

    let one = store.conversations(alice, MessageId(i64::MAX), 1).unwrap()[0].with;
    let Peer::Group(one) = one else { panic!("{one:?}") };
    assert_eq!(act(store, alice, change(one, GroupAction::Leave)), Outcome::Done);
    assert_eq!(act(store, bob, add), Outcome::Done);
    assert_eq!(code(&act(store, bob, with_alice)), Some(Code::TooMany));
    assert_eq!(act(store, bob, change(trip, GroupAction::Remove(alice))), Outcome::Done);
    assert_eq!(act(store, alice, create()), Outcome::Done);

    // Who is only invited is not in it: it may be, and leaves another one before it accepts.
    assert_eq!(act(store, bob, change(trip, GroupAction::Add(alice))), Outcome::Done);
    let join = || act(store, alice, Operation::JoinGroup { group: trip });
    assert_eq!(code(&join()), Some(Code::TooMany));
    let all = store.conversations(alice, MessageId(i64::MAX), 9).unwrap();
    let own = all.iter().find(|it| it.role == Some(Role::Admin)).unwrap().with;
    let Peer::Group(own) = own else { panic!("{own:?}") };
    assert_eq!(act(store, alice, change(own, GroupAction::Leave)), Outcome::Done);
    assert_eq!(join(), Outcome::Done);
    assert_eq!(code(&act(store, alice, create())), Some(Code::TooMany));
}
