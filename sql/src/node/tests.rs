use std::sync::Mutex;

use wire::Recipient;

use super::*;
use crate::limit::{NODE_SURE_BEATS, ONLINE_PAGE};
use crate::{Batch, ContactPolicy, Operation, Submission};

const NOW: i64 = 1_700_000_000_000;

/// A node that is looked on by hand.
struct Node {
    store: Store,
    me: Me,
    others: Others,
    heard: Heard,
}

#[derive(Default)]
struct Heard {
    heads: Mutex<Vec<(AccountId, Seq)>>,
    looks_at_all: Mutex<usize>,
    accounts: Mutex<Vec<AccountId>>,
    gone: Mutex<Vec<i64>>,
    /// What it is to tell, and how often all of it.
    changed: Mutex<Vec<LocalConnections>>,
    tells_all: Mutex<usize>,
}

impl NodeObserver for Heard {
    fn heads_grown(&self, heads: &[(AccountId, Seq)]) {
        self.heads.lock().unwrap().extend_from_slice(heads);
    }

    fn accounts_changed(&self, accounts: &[AccountId]) -> Result<()> {
        self.accounts.lock().unwrap().extend_from_slice(accounts);
        Ok(())
    }

    fn node_gone(&self, node: i64) {
        self.gone.lock().unwrap().push(node);
    }

    fn take_changed(&self) -> Vec<LocalConnections> {
        std::mem::take(&mut *self.changed.lock().unwrap())
    }

    fn return_changed(&self, changed: Option<Vec<LocalConnections>>) {
        match changed {
            Some(changed) => *self.changed.lock().unwrap() = changed,
            None => *self.tells_all.lock().unwrap() += 1,
        }
    }

    fn changes_written(&self, _changed: &[LocalConnections]) -> Result<()> {
        Ok(())
    }

    fn compare_all(&self) -> Result<()> {
        *self.looks_at_all.lock().unwrap() += 1;
        Ok(())
    }

    fn others_changed(&self, _alive: usize) {}

    fn interval(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _time: Duration) -> bool {
        true
    }
}

impl Node {
    fn open(url: &str) -> Self {
        let store = Store::open(&url.parse().unwrap(), ContactPolicy::Open, &|_| false).unwrap();
        Self { store, me: Me::default(), others: Others::default(), heard: Heard::default() }
    }

    /// Looks as if nothing had to wait; returns what it was told and how often it compared all logs.
    fn look(&mut self) -> (Vec<(AccountId, Seq)>, usize) {
        self.me.compared_at = None;
        self.store.look(&mut self.me, &mut self.others, &self.heard).unwrap();
        let heads = std::mem::take(&mut *self.heard.heads.lock().unwrap());
        (heads, std::mem::take(&mut *self.heard.looks_at_all.lock().unwrap()))
    }

    fn beat(&mut self) {
        self.me.beat_at = None;
        self.look();
    }

    /// The account writes to itself.
    fn post(&self, account: AccountId) -> Seq {
        let to = Recipient::Account(account);
        let operation =
            Operation::Post { to, content: "hi".to_owned(), files: Vec::new(), reply_to: None };
        let submissions = vec![Submission { by: account, reference: None, operation }];
        let batch = Batch { submissions, ..Batch::default() };
        self.store.commit(&batch, NOW).unwrap().events[0].to[0].1
    }
}

/// Two nodes, each of which knows that the other knows of it; and an account.
fn two_that_know_each_other(url: &str) -> (Node, Node, AccountId) {
    let (mut one, mut two) = (Node::open(url), Node::open(url));
    let account = one.store.create_account("a@x.org", "A", "none", 1).unwrap();
    for _ in 0..3 {
        one.look();
        two.look();
    }
    (one, two, account)
}

fn on_each_engine(check: impl Fn(&str)) {
    let directory = tempfile::tempdir().unwrap();
    check(&format!("sqlite:{}", directory.path().join("messenger.db").display()));
    check(&acceptance::Cluster::shared().unwrap().database().unwrap());
}

#[test]
fn nodes_see_each_other_on_either_engine() {
    on_each_engine(|url| {
        let mut nodes = [Node::open(url), Node::open(url)];
        for _ in 0..NODE_SURE_BEATS + 2 {
            nodes.iter_mut().for_each(Node::beat);
        }
        assert_eq!([nodes[0].me.alive, nodes[1].me.alive], [1; 2]);
        let [one, two] = &mut nodes;
        two.store.forget_node(two.me.id.unwrap(), None).unwrap();
        one.beat();
        assert_eq!(one.me.alive, 0);
    });
}

#[test]
fn each_commit_of_another_node_is_told_once() {
    on_each_engine(|url| {
        let (mut one, mut two) = (Node::open(url), Node::open(url));
        let account = one.store.create_account("a@x.org", "A", "none", 1).unwrap();
        one.look();
        one.post(account);
        assert_eq!(
            one.store.announcer.next(&one.store.announcer.lock()),
            None,
            "alone it tells nobody"
        );
        two.look();
        assert_eq!(two.look().1, 1, "the other may not know of it yet");
        one.look();
        assert_eq!(two.look().1, 1, "what it stored before it told of it");
        assert_eq!(two.look(), (vec![], 0));
        let first = one.post(account);
        let second = one.post(account);
        assert_eq!(two.look(), (vec![(account, first), (account, second)], 0));
        assert_eq!(two.look(), (vec![], 0));
        // And the other way round.
        one.look();
        let third = two.post(account);
        assert_eq!(one.look(), (vec![(account, third)], 0));
    });
}

#[test]
fn more_than_a_page_of_notices_is_read_in_one_look() {
    on_each_engine(|url| {
        let (one, mut two, account) = two_that_know_each_other(url);
        let count = NOTICES_PAGE + 2;
        let last = (0..count).map(|_| one.post(account)).last().unwrap();
        let (heads, looks_at_all) = two.look();
        assert_eq!((heads.len(), looks_at_all), (count, 0));
        assert_eq!(heads.last(), Some(&(account, last)));
    });
}

#[test]
fn pages_of_several_nodes_are_read_together_each_in_order() {
    on_each_engine(|url| {
        let mut nodes = [Node::open(url), Node::open(url), Node::open(url)];
        let account =
            |n| nodes[0].store.create_account(&format!("{n}@x.org"), "A", "none", 1).unwrap();
        let accounts = [account(0), account(1)];
        for _ in 0..3 {
            nodes.iter_mut().for_each(|node| drop(node.look()));
        }
        let [one, two, three] = &mut nodes;
        // A full page of one, and less of the other.
        let count = notices_page(2) + 1;
        let stored = [(one, count), (two, 2)].map(|(node, count)| {
            let account = accounts[usize::from(count == 2)];
            (0..count).map(|_| (account, node.post(account))).collect::<Vec<_>>()
        });
        let (heads, looks_at_all) = three.look();
        assert_eq!((heads.len(), looks_at_all), (count + 2, 0));
        for (account, stored) in accounts.iter().zip(stored) {
            let heard = heads.iter().copied().filter(|(it, _)| it == account);
            assert_eq!(heard.collect::<Vec<_>>(), stored);
        }
        assert_eq!(three.look(), (vec![], 0));
    });
}

#[test]
fn a_page_of_notices_is_shared_by_the_nodes() {
    assert_eq!(
        [1, 2, 1000].map(notices_page),
        [NOTICES_PAGE, NOTICES_PAGE / 2, NOTICES_OF_EACH_MIN]
    );
}

#[test]
fn what_a_node_tells_nobody_about_is_found_by_comparing_all_logs() {
    on_each_engine(|url| {
        let (one, mut two, account) = two_that_know_each_other(url);
        assert_eq!(two.look(), (vec![], 0));
        one.store.announce_all().unwrap();
        assert_eq!(two.look(), (vec![], 1), "a commit was in doubt");
        assert_eq!(two.look(), (vec![], 0));
        // A commit whose answer was lost, as if it had not been stored: its number is never used.
        one.store.announcer.advance(&mut one.store.announcer.lock());
        let seq = one.post(account);
        assert_eq!(two.look(), (vec![(account, seq)], 1), "a number is missing");
        assert_eq!(two.look().1, 1, "its commit may still be running");
        // One that ends takes its notices along.
        one.store.forget_node(one.me.id.unwrap(), None).unwrap();
        assert!(two.look().1 > 0);
    });
}

#[test]
fn a_node_that_was_forgotten_comes_back_under_a_new_number() {
    on_each_engine(|url| {
        let (mut one, mut two, account) = two_that_know_each_other(url);
        let old = one.me.id;
        two.store.forget_node(old.unwrap(), None).unwrap();
        one.look();
        two.look();
        one.look();
        two.look();
        assert_ne!(one.me.id, old);
        two.look();
        let seq = one.post(account);
        assert_eq!(two.look(), (vec![(account, seq)], 0));
    });
}

#[test]
fn each_node_knows_who_is_connected_to_others() {
    on_each_engine(|url| {
        let (mut one, mut two) = (Node::open(url), Node::open(url));
        let account = one.store.create_account("a@x.org", "A", "none", 1).unwrap();
        let here = |count| LocalConnections { account, count, since: NOW, sessions: Vec::new() };
        one.look();
        one.heard.changed.lock().unwrap().push(here(1));
        one.look();
        assert_eq!(one.heard.changed.lock().unwrap().len(), 1, "alone it tells nobody");
        two.look();
        one.look();
        two.look();
        assert_eq!([&one, &two].map(|node| *node.heard.tells_all.lock().unwrap()), [1, 1]);
        let elsewhere =
            |node: &Node| node.store.online_elsewhere(&[account]).unwrap()[&account].clone();
        let node = one.me.id.unwrap();
        let remote = |count| RemoteConnections { node, count, since: NOW };
        for (count, expected) in
            [(2, vec![remote(2)]), (3, vec![remote(3)]), (0, vec![]), (1, vec![remote(1)])]
        {
            one.heard.changed.lock().unwrap().push(here(count));
            two.heard.accounts.lock().unwrap().clear();
            one.look();
            two.look();
            assert_eq!(*two.heard.accounts.lock().unwrap(), [account]);
            assert_eq!(elsewhere(&two).connections, expected);
            assert_eq!(elsewhere(&one).connections, [], "what is here is not elsewhere");
        }
        // It dies, and somebody notices.
        assert_eq!(elsewhere(&two).last_seen, None);
        two.store.forget_node(node, Some(NOW + 5)).unwrap();
        two.look();
        assert_eq!(*two.heard.gone.lock().unwrap(), [node]);
        assert_eq!(two.store.online_elsewhere(&[account]).unwrap().len(), 0, "there are no others");
        one.look();
        two.look();
        assert_eq!(elsewhere(&two), Elsewhere { connections: vec![], last_seen: Some(NOW + 5) });
    });
}

#[test]
fn more_than_a_page_of_accounts_is_told_and_looked_up() {
    on_each_engine(|url| {
        let (mut one, mut two) = (Node::open(url), Node::open(url));
        let count = ONLINE_PAGE + 1;
        let account = |n| one.store.create_account(&format!("{n}@x.org"), "A", "none", 1).unwrap();
        let accounts: Vec<_> = (0..count).map(account).collect();
        for _ in 0..3 {
            one.look();
            two.look();
        }
        let here = |account: &AccountId| LocalConnections {
            account: *account,
            count: 1,
            since: NOW,
            sessions: Vec::new(),
        };
        one.heard.changed.lock().unwrap().extend(accounts.iter().map(here));
        two.heard.accounts.lock().unwrap().clear();
        one.look();
        two.look();
        assert_eq!(*two.heard.accounts.lock().unwrap(), accounts);
        let elsewhere = two.store.online_elsewhere(&accounts).unwrap();
        assert_eq!(elsewhere.len(), count);
        assert!(elsewhere.values().all(|it| it.connections.len() == 1));
    });
}
