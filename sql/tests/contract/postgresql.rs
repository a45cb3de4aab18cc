//! What only PostgreSQL can show: locks between connections, plans, and what it must be like to be used.

use sql::{ContactPolicy, Outcome};
use wire::Seq;

use crate::{
    account, act, ask_first, commit, events, messages, open, plans, post, revise, say, start, tls,
    trips,
};

#[test]
fn no_reaction_outlives_its_message_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let client = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (mut sweep, mut other) = (client(), client());
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    let id = say(&store, alice, bob, "expires", "1").id;
    let mut sweep = sweep.transaction().unwrap();
    sweep.execute("delete from message where id = $1", &[&id.0]).unwrap();
    std::thread::scope(|scope| {
        let reacting = scope.spawn(|| act(&store, bob, revise::react(id, Some("👍"))));
        wait_for_lock(&mut other, || reacting.is_finished());
        sweep.commit().unwrap();
    });
    let left = other.query("select 1 from reaction", &[]).unwrap();
    assert!(left.is_empty(), "to a message that is gone, for ever");
}

#[test]
fn two_nodes_at_postgresql_store_a_ref_once() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap().parse().unwrap();
    let nodes = [open(&url), open(&url)];
    messages::two_who_store_the_same_ref_at_once_get_one_answer([&nodes[0], &nodes[1]]);
}

#[test]
fn a_block_holds_for_what_waits_for_it_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let client = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (mut block, mut other) = (client(), client());
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    say(&store, bob, alice, "before", "1");
    let mut block = block.transaction().unwrap();
    let lock = "select 1 from log where account = $1 for update";
    block.execute(lock, &[&alice.0]).unwrap();
    let insert = "insert into block (blocked, account, at) values ($1, $2, 0)";
    block.execute(insert, &[&bob.0, &alice.0]).unwrap();
    std::thread::scope(|scope| {
        let posting = scope.spawn(|| commit(&store, vec![post(bob, alice, "after", Some("2"))]));
        wait_for_lock(&mut other, || posting.is_finished());
        block.commit().unwrap();
        assert_eq!(posting.join().unwrap().outcomes, [Outcome::Done]);
    });
    assert_eq!(events(&store, alice, Seq(0)).len(), 1, "what was sent before the block");
}

#[test]
fn a_start_waits_for_who_keeps_a_request_from_it_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = ask_first(&url.parse().unwrap());
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(&store, name));
    say(&store, alice, bob, "may I", "1");
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    client.batch_execute("begin; select id from conversation for update").unwrap();
    let client = std::sync::Mutex::new(client);
    let asked = std::sync::atomic::AtomicBool::new(false);
    let patience = |_: &str| {
        asked.store(true, std::sync::atomic::Ordering::Relaxed);
        client.lock().unwrap().batch_execute("commit").unwrap();
        true
    };
    // A statement that is canceled for its time, as one is that waits for another's lock.
    let short = format!(
        "{url}{}options=-c%20statement_timeout%3D500",
        if url.contains('?') { '&' } else { '?' }
    );
    sql::Store::open(&short.parse().unwrap(), ContactPolicy::Open, &patience).unwrap();
    assert!(asked.into_inner(), "the lock was not met");
}

/// A commit in progress holds its logs: a look for announced events does not wait for it, one after a doubt does.
#[test]
fn heads_wait_for_a_commit_in_progress_only_after_a_doubt_in_postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let store = open(&url.parse().unwrap());
    let client = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (mut commit, mut other) = (client(), client());
    let alice = account(&store, "Alice");
    let mut commit = commit.transaction().unwrap();
    commit.execute("update log set head = 7 where account = $1", &[&alice.0]).unwrap();
    assert_eq!(store.heads(&[alice]).unwrap(), [(alice, Seq(0))], "what is committed");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.heads_after_doubt(&[alice]).unwrap());
        wait_for_lock(&mut other, || waiting.is_finished());
        assert!(!waiting.is_finished(), "it waits for the commit");
        commit.commit().unwrap();
        assert_eq!(waiting.join().unwrap(), [(alice, Seq(7))]);
    });
    assert_eq!(store.heads(&[alice]).unwrap(), [(alice, Seq(7))]);
}

/// Waits until somebody waits for a lock, or there is nothing to wait for any more.
fn wait_for_lock(client: &mut postgres::Client, is_over: impl Fn() -> bool) {
    let waiting = "select 1 from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    while !is_over() && client.query(waiting, &[]).unwrap().is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn postgresql_does_not_read_all_that_somebody_has() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::one_of_many_conversations_is_found_without_the_others(&url);
}

#[test]
fn postgresql_shows_who_is_invited_whatever_groups_somebody_is_in() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::names_of_invited_ones_cost_nothing_for_the_groups_of_who_looks(&url);
}

#[test]
fn postgresql_does_not_read_who_else_has_blocked_the_sender() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::what_else_is_blocked_by_the_sender_and_who_has_blocked_it_is_not_read(&url);
}

#[test]
fn postgresql_does_not_read_all_conversations_of_who_blocks() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::a_block_does_not_read_all_conversations(&url);
}

#[test]
fn postgresql_is_asked_as_often_whoever_has_blocked_the_sender() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    trips::nobody_can_tell_a_block_by_the_round_trips(&url);
}

#[test]
fn postgresql_reads_for_presence_what_was_asked_for() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::presence_costs_what_was_asked_for(&url);
}

#[test]
fn postgresql_looks_for_a_file_among_the_conversations_of_who_asks() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::a_file_is_looked_for_among_the_conversations_of_who_asks(&url);
}

#[test]
fn postgresql_searches_only_ones_own_conversations() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    plans::what_only_others_have_said_is_not_read(&url);
}

#[test]
fn postgresql_that_cannot_hold_all_text_or_is_not_there_is_refused() {
    start::what_cannot_hold_all_text_or_is_not_there_is_refused();
}

#[test]
fn postgresql_asks_for_rights_by_name() {
    start::rights_are_asked_for_by_name();
}

#[test]
fn postgresql_must_have_room_for_all_connections() {
    start::there_must_be_room_for_its_connections();
}

#[test]
fn postgresql_that_forgets_or_wants_a_password_is_refused() {
    start::durability_and_passwords();
}

#[test]
fn pgbouncer_lends_whole_sessions_or_is_refused() {
    start::a_pooler_lends_whole_sessions();
}

#[test]
fn postgresql_over_tls() {
    tls::only_a_server_that_proves_its_name_is_trusted();
}
