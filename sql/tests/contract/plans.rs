//! What PostgreSQL reads to find what it is asked for.

use acceptance::{PATIENCE, until};
use postgres::{Client, NoTls};
use sql::{Deed, Store};
use wire::{AccountId, Seq};

use crate::{account, act, commit, post, say};

/// People who write to somebody, who thus has far more conversations than anybody else.
const PEOPLE: usize = 400;
const MESSAGES: usize = 20;
/// More is read only if for one conversation all of somebody's are.
const READ_MAX: i64 = (MESSAGES * PEOPLE / 4) as i64;

pub fn one_of_many_conversations_is_found_without_the_others(url: &str) {
    let open = || crate::open(&url.parse().unwrap());
    let store = open();
    let people: Vec<_> = (0..PEOPLE).map(|_| account(&store, "Somebody")).collect();
    let popular = account(&store, "Everybody's friend");
    let to = |other: &dyn Fn(usize) -> AccountId, reference: &str| {
        let post = |(at, by): (usize, &AccountId)| post(*by, other(at), "hello", Some(reference));
        commit(&store, people.iter().enumerate().map(post).collect());
    };
    to(&|_| popular, "1");
    to(&|at| people[at ^ 1], "2");
    receive(&store, popular);
    drop(store);
    let mut client = Client::connect(url, NoTls).unwrap();
    client.batch_execute("analyze").unwrap();
    let before = read(&mut client, PEOPLE as i64);

    let store = open();
    for by in &people[..MESSAGES] {
        say(&store, *by, popular, "again", "3");
        receive(&store, popular);
    }
    drop(store);
    let after = read(&mut client, (PEOPLE + MESSAGES) as i64);
    assert!(after - before <= READ_MAX, "{} read for {MESSAGES} messages", after - before);
}

fn receive(store: &Store, by: AccountId) {
    act(store, by, Deed::Received { seq: Seq(i64::MAX) });
}

/// Rows read by index since the beginning, once PostgreSQL tells of so many places that have been moved forward.
fn read(client: &mut Client, places: i64) -> i64 {
    let sql = "select (select n_tup_upd from pg_stat_user_tables where relname = 'member'), \
               (select sum(idx_tup_read)::bigint from pg_stat_user_indexes \
               where relname in ('member', 'conversation', 'log'))";
    let told = until("PostgreSQL's statistics", PATIENCE, || {
        let row = client.query_one(sql, &[])?;
        Ok((row.get::<_, i64>(0) >= places).then(|| row.get(1)))
    });
    told.unwrap()
}
