//! What PostgreSQL reads to find what it is asked for.

use acceptance::{PATIENCE, until};
use postgres::{Client, NoTls};
use sql::{Deed, Store};
use wire::{AccountId, Seq};

use crate::{account, act, commit, post, say};

/// People who write to somebody, who thus has far more conversations than anybody else.
const PEOPLE: usize = 400;
/// Others, of whom each two have one: so a plan that is right for most is not right for all.
const OTHERS: i64 = 4000;
const MESSAGES: usize = 20;
/// More is read only if for one conversation all of somebody's are.
const READ_MAX: i64 = (MESSAGES * PEOPLE / 4) as i64;

pub fn one_of_many_conversations_is_found_without_the_others(url: &str) {
    let open = || crate::open(&url.parse().unwrap());
    let store = open();
    let people: Vec<_> = (0..PEOPLE).map(|_| account(&store, "Somebody")).collect();
    let popular = account(&store, "Everybody's friend");
    commit(&store, people.iter().map(|by| post(*by, popular, "hello", Some("1"))).collect());
    receive(&store, popular);
    drop(store);
    let mut client = Client::connect(url, NoTls).unwrap();
    let others = format!(
        "insert into account (created_at) select 0 from generate_series(1, {OTHERS}); \
         insert into conversation (low, high) select a.id, b.id from account a \
         join account b on b.id = a.id + 1 where a.created_at = 0 and a.id % 2 = 0; \
         insert into member (conversation, account) select c.id, a.id from account a \
         join conversation c on a.id in (c.low, c.high) where a.created_at = 0; \
         analyze"
    );
    client.batch_execute(&others).unwrap();
    let before = read(&mut client, PEOPLE as i64);

    let store = open();
    for by in &people[..MESSAGES] {
        say(&store, *by, popular, "again", "2");
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
