//! What PostgreSQL reads to find what it is asked for.

use acceptance::{PATIENCE, until};
use postgres::{Client, NoTls};
use sql::{ContactPolicy, Operation, Outcome, Store};
use wire::{AccountId, MessageId, Peer, Seq};

use crate::{account, act, commit, post, say};

/// Conversations of somebody who thus has far more than anybody else.
const CONVERSATIONS: i64 = 500;
/// Others, of whom each two have one: so a plan that is right for most is not right for all.
const OTHERS: i64 = 12_000;
const MESSAGES: i64 = 20;
/// More is read only if for one conversation all of somebody's are.
const READ_MAX: i64 = MESSAGES * CONVERSATIONS / 4;

pub fn one_of_many_conversations_is_found_without_the_others(url: &str) {
    let store = crate::open(&url.parse().unwrap());
    let mut client = Client::connect(url, NoTls).unwrap();
    let by = account(&store, "Somebody");
    let accounts = "insert into account (created_at) select 0 from generate_series(1, $1::bigint)";
    client.execute(accounts, &[&OTHERS]).unwrap();
    let popular = account(&store, "Everybody's friend");
    client
        .batch_execute(&format!(
            "insert into conversation (low, high) select a.id, b.id from account a \
             join account b on b.id = a.id + 1 where a.created_at = 0 and a.id % 2 = 0; \
             insert into conversation (low, high) select id, {0} from account \
             where created_at = 0 limit {CONVERSATIONS}; \
             insert into member (conversation, account) select c.id, a.id from account a \
             join conversation c on a.id in (c.low, c.high); \
             analyze",
            popular.0
        ))
        .unwrap();
    // What a connection has read is told of when it ends.
    drop(client);
    let mut client = Client::connect(url, NoTls).unwrap();
    let before = read(&mut client, "n_tup_ins", OTHERS);
    for number in 0..MESSAGES {
        say(&store, by, popular, "hello", &number.to_string());
        receive(&store, popular);
    }
    drop(store);
    let after = read(&mut client, "n_tup_upd", MESSAGES);
    assert!(after - before <= READ_MAX, "{} read for {MESSAGES} messages", after - before);
}

fn receive(store: &Store, by: AccountId) {
    act(store, by, Operation::Received { seq: Seq(i64::MAX) });
}

/// Rows read by index since the beginning, once PostgreSQL tells of so many changes to members.
fn read(client: &mut Client, changes: &str, count: i64) -> i64 {
    let sql = format!(
        "select (select {changes} from pg_stat_user_tables where relname = 'member'), \
         (select sum(idx_tup_read)::bigint from pg_stat_user_indexes \
         where relname in ('member', 'conversation', 'log'))"
    );
    let told = until("PostgreSQL's statistics", PATIENCE, || {
        let row = client.query_one(&sql, &[])?;
        Ok((row.get::<_, i64>(0) >= count).then(|| row.get(1)))
    });
    told.unwrap()
}

/// Groups that somebody is in, and how many strangers are invited to one of them.
const GROUPS: i64 = 1000;
const INVITED: i64 = 50;
/// A stranger is looked up in a few tables, not in every group.
const READ_OF_A_STRANGER: i64 = 10;

pub fn names_of_invited_ones_cost_nothing_for_the_groups_of_who_looks(url: &str) {
    let store = Store::open(&url.parse().unwrap(), ContactPolicy::Request, &|_| false).unwrap();
    let alice = account(&store, "Alice");
    let strangers: Vec<_> = (0..INVITED).map(|_| account(&store, "Somebody")).collect();
    let trip = crate::invitations::made(&store, alice, &strangers);
    let mut client = Client::connect(url, NoTls).unwrap();
    client
        .batch_execute(&format!(
            "with made as (insert into conversation (name) select 'Trip' from generate_series(1, {GROUPS}) returning id) \
             insert into member (conversation, account, role, since) select id, {0}, 1, 1 from made; \
             update log set groups = groups + {GROUPS} where account = {0}; analyze",
            alice.0
        ))
        .unwrap();
    drop(client);
    let mut client = Client::connect(url, NoTls).unwrap();
    read(&mut client, "n_tup_ins", GROUPS);
    let before = shown_so_far(&mut client, 0);
    let shown = store.group(alice, trip).unwrap().unwrap().members;
    assert_eq!(shown.iter().filter(|it| it.name.is_none()).count() as i64, INVITED);
    drop(store);
    let after = shown_so_far(&mut client, before.0 + INVITED);
    let (before, after) = (before.1, after.1);
    assert!(after - before <= INVITED * READ_OF_A_STRANGER, "{} read", after - before);
}

/// Invitations that were read, once PostgreSQL tells of so many, and rows of members read to show them.
fn shown_so_far(client: &mut Client, count: i64) -> (i64, i64) {
    let sql = "select (select coalesce(idx_tup_fetch, 0) + seq_tup_read from pg_stat_user_tables where relname = 'invitation'), \
               (select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname = 'member')";
    let told = until("PostgreSQL's statistics", PATIENCE, || {
        let row = client.query_one(sql, &[])?;
        Ok((row.get::<_, i64>(0) >= count).then(|| (row.get(0), row.get(1))))
    });
    told.unwrap()
}

const SEARCHES: i64 = 20;

/// Nothing is read of a word that stands in others' messages alone.
pub fn what_only_others_have_said_is_not_read(url: &str) {
    let store = crate::open(&url.parse().unwrap());
    let [alice, bob, mallory] = ["Alice", "Bob", "Mallory"].map(|name| account(&store, name));
    commit(&store, (0..500).map(|_| post(alice, bob, "a secret zebra", None)).collect());
    say(&store, mallory, bob, "hello", "1");
    drop(store);
    // Sorts what waits into the index.
    let mut client = Client::connect(url, NoTls).unwrap();
    client.batch_execute("vacuum message").unwrap();
    let count = |who, word: &str| {
        let before = searched(url, 0);
        let store = crate::open(&url.parse().unwrap());
        for _ in 0..SEARCHES {
            store.search(who, word, MessageId(i64::MAX), 9).unwrap();
        }
        drop(store);
        let after = searched(url, before.0 + SEARCHES);
        after.1 - before.1
    };
    assert_eq!(count(mallory, "zebra"), 0);
    assert_eq!(count(mallory, "unheard"), 0);
    assert!(count(alice, "zebra") >= SEARCHES * 500, "what is counted");
}

/// Searches that PostgreSQL tells of, once there are so many, and what they have read of the index and of messages.
fn searched(url: &str, count: i64) -> (i64, i64) {
    let mut client = Client::connect(url, NoTls).unwrap();
    let sql = "select i.idx_scan, i.idx_tup_read + (select sum(idx_tup_fetch)::bigint + seq_tup_read from pg_stat_user_tables \
               where relname = 'message' group by seq_tup_read) \
               from pg_stat_user_indexes i where i.indexrelname = 'message_text'";
    let told = until("PostgreSQL's statistics", PATIENCE, || {
        let row = client.query_one(sql, &[])?;
        Ok((row.get::<_, i64>(0) >= count).then(|| (row.get(0), row.get(1))))
    });
    told.unwrap()
}

/// Who has blocked somebody, and is in none of its groups.
const BLOCKERS: i64 = 5000;
/// Index entries and rows read for what is done to a message, however many have blocked its sender: 51 of these are counted twice,
/// and some of each member.
const READ_EACH: i64 = 2 * 51 + 50;

/// A message, its change and its receipts look at the members of the group.
pub fn what_else_is_blocked_by_the_sender_and_who_has_blocked_it_is_not_read(url: &str) {
    let store = crate::open(&url.parse().unwrap());
    let [mallory, alice, bob] = ["Mallory", "Alice", "Bob"].map(|name| account(&store, name));
    let trip = crate::group(&store, &[mallory, alice, bob]);
    let mut client = Client::connect(url, NoTls).unwrap();
    client
        .batch_execute(&format!(
            "with made as (insert into account (created_at) select 0 from generate_series(1, {BLOCKERS}) returning id) \
             insert into block (blocked, account, at) select {0}, id, 0 from made \
             union all select id, {0}, 0 from made; analyze",
            mallory.0
        ))
        .unwrap();
    act(&store, alice, Operation::Block { id: mallory });
    drop(client);
    let before = of_blocks(url, 2 * BLOCKERS);
    for _ in 0..MESSAGES {
        assert_eq!(act(&store, mallory, crate::post_to(trip, "hello")), Outcome::Done);
        let last = store.history(mallory, Peer::Group(trip), MessageId(i64::MAX), 1);
        let id = last.unwrap().unwrap()[0].id;
        act(&store, mallory, crate::revise::edit(id, "hello again"));
        receive(&store, bob);
        store.group(mallory, trip).unwrap().unwrap();
    }
    let heads = |who| store.log_state(who).unwrap().unwrap().head;
    assert_eq!((heads(alice), heads(bob)), (Seq(2), Seq(1 + 2 * MESSAGES)));
    drop(store);
    let after = of_blocks(url, 2 * BLOCKERS + 1);
    assert!(after - before <= 4 * MESSAGES * READ_EACH, "{} read", after - before);
}

/// Who blocks somebody looks at its groups, and at the conversation of the two, not at all that it has with others.
pub fn a_block_does_not_read_all_conversations(url: &str) {
    let store = crate::open(&url.parse().unwrap());
    let [mallory, alice] = ["Mallory", "Alice"].map(|name| account(&store, name));
    say(&store, mallory, alice, "hello", "1");
    crate::group(&store, &[mallory, alice]);
    let mut client = Client::connect(url, NoTls).unwrap();
    client
        .batch_execute(&format!(
            "with made as (insert into account (created_at) select 0 from generate_series(1, {BLOCKERS}) returning id), \
             pairs as (insert into conversation (low, high) select {0}, id from made returning id, high) \
             insert into member (conversation, account) \
             select id, {0} from pairs union all select id, high from pairs; analyze",
            alice.0
        ))
        .unwrap();
    drop(client);
    let before = of_blocks(url, 0);
    act(&store, alice, Operation::Block { id: mallory });
    let mut client = Client::connect(url, NoTls).unwrap();
    let kept: i64 = client.query_one("select count(*) from block_mark", &[]).unwrap().get(0);
    assert_eq!(kept, 2, "marks in the conversation and in the group");
    drop((store, client));
    let after = of_blocks(url, 1);
    assert!(after - before <= 2 * READ_EACH, "{} read", after - before);
}

/// Index entries and rows read of blocks and members, once PostgreSQL tells of so many blocks.
fn of_blocks(url: &str, count: i64) -> i64 {
    let mut client = Client::connect(url, NoTls).unwrap();
    let sql = "select (select n_tup_ins from pg_stat_user_tables where relname = 'block'), \
               (select sum(idx_tup_read)::bigint from pg_stat_user_indexes \
               where relname in ('block', 'block_mark', 'member')) \
               + (select sum(seq_tup_read)::bigint from pg_stat_user_tables where relname in ('block', 'block_mark', 'member'))";
    let told = until("PostgreSQL's statistics", PATIENCE, || {
        let row = client.query_one(sql, &[])?;
        Ok((row.get::<_, i64>(0) >= count).then(|| row.get(1)))
    });
    told.unwrap()
}

/// Accounts that are asked about in one frame.
const ASKED: i64 = 300;
/// Blocks, conversations, logs: each is looked up by itself.
const READ_OF_EACH: i64 = 8;

/// Who is asked about is looked up, whatever groups who asks is in, with all of them or with none.
pub fn presence_costs_what_was_asked_for(url: &str) {
    let store = Store::open(&url.parse().unwrap(), ContactPolicy::Request, &|_| false).unwrap();
    let mallory = account(&store, "Mallory");
    let alice = account(&store, "Alice");
    crate::strangers::meet(&store, mallory, alice);
    let mut client = Client::connect(url, NoTls).unwrap();
    client
        .batch_execute(&format!(
            "insert into account (created_at) select 0 from generate_series(1, {ASKED}); \
             insert into log (account) select id from account where created_at = 0; \
             with made as (insert into conversation (name) select 'Trip' from generate_series(1, {GROUPS}) returning id) \
             insert into member (conversation, account, role, since) select id, {0}, 1, 1 from made \
             union all select m.id, a.id, 0, 1 from made m join account a on a.created_at = 0 and a.id % 10 = m.id % 10; \
             update log set groups = groups + {GROUPS} where account = {0}; analyze",
            mallory.0
        ))
        .unwrap();
    let ids = client.query("select id from account where created_at = 0", &[]).unwrap();
    let mut asked: Vec<_> = ids.iter().map(|row| AccountId(row.get(0))).collect();
    asked.push(alice);
    drop(client);
    let before = looked_up(url, GROUPS);
    for _ in 0..SEARCHES {
        let found = store.contact_statuses(mallory, &asked).unwrap();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [alice]);
    }
    drop(store);
    let after = until("PostgreSQL's statistics", PATIENCE, || {
        let after = looked_up(url, GROUPS);
        Ok((after - before >= SEARCHES).then_some(after))
    });
    let read = after.unwrap() - before;
    assert!(read <= SEARCHES * (ASKED + 1) * READ_OF_EACH, "{read} read");
}

/// Index entries and rows read of what says who knows whom, once PostgreSQL tells of so many members.
fn looked_up(url: &str, count: i64) -> i64 {
    let mut client = Client::connect(url, NoTls).unwrap();
    let tables = "('account', 'block', 'conversation', 'log', 'member')";
    let sql = format!(
        "select (select n_tup_ins from pg_stat_user_tables where relname = 'member'), \
         (select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname in {tables}) \
         + (select sum(seq_tup_read)::bigint from pg_stat_user_tables where relname in {tables})"
    );
    let told = until("PostgreSQL's statistics", PATIENCE, || {
        let row = client.query_one(&sql, &[])?;
        Ok((row.get::<_, i64>(0) >= count).then(|| row.get(1)))
    });
    told.unwrap()
}

/// Messages of somebody with a file, each in a conversation of its own.
const SENT: i64 = 5000;
/// Index entries and rows read for a file in a message: those of a few conversations.
const READ_OF_A_FILE: i64 = 60;

/// Who asks for a file, or sends it on, reads nothing of messages that it does not see, however many have the file.
pub fn a_file_is_looked_for_among_the_conversations_of_who_asks(url: &str) {
    let store = crate::open(&url.parse().unwrap());
    let [mallory, bob] = ["Mallory", "Bob"].map(|name| account(&store, name));
    let trips: Vec<_> = (0..50).map(|_| crate::group(&store, &[bob])).collect();
    let mut client = Client::connect(url, NoTls).unwrap();
    client
        .batch_execute(&format!(
            "insert into file (id, owner, name, type, size, received, created_at) values ('f', {0}, 'f', 'f', 1, 1, 0); \
             with made as (insert into conversation (name) select 'Mine' from generate_series(1, {SENT}) returning id) \
             insert into member (conversation, account, role, since) select id, {0}, 1, 1 from made; \
             insert into message (conversation, sender, content, at, seq) select conversation, {0}, '', 0, 1000 + conversation \
             from member where account = {0}; \
             insert into message_file (message, file, conversation) select id, 'f', conversation from message where seq > 1000; \
             insert into message_file (message, file, conversation) select 1000000 + n, 'f', (select max(conversation) from member) \
             from generate_series(1, {SENT}) n; analyze",
            mallory.0
        ))
        .unwrap();
    drop(client);
    let before = of_files(url, 2 * SENT);
    for _ in 0..MESSAGES {
        let (to, content) = (wire::Recipient::Group(trips[0]), String::new());
        let operation =
            Operation::Post { to, content, files: vec!["f".to_owned()], reply_to: None };
        let refused = act(&store, bob, operation);
        assert_eq!(crate::code(&refused), Some(wire::Code::NotFound));
        assert!(store.file(bob, "f", crate::NOW).unwrap().is_none());
    }
    let mut client = Client::connect(url, NoTls).unwrap();
    // One of Bob's own, and one more to wait for.
    client
        .batch_execute(&format!(
            "insert into message_file (message, file, conversation) values (2000000, 'f', {0}), (2000001, 'g', {0})",
            trips[25].0
        ))
        .unwrap();
    drop(client);
    for _ in 0..MESSAGES {
        assert!(store.file(bob, "f", crate::NOW).unwrap().is_some());
    }
    drop(store);
    let read = until("PostgreSQL's statistics", PATIENCE, || {
        let read = of_files(url, 2 * SENT + 2) - before;
        Ok((read >= 3 * MESSAGES).then_some(read))
    });
    let read = read.unwrap();
    assert!(read <= 3 * MESSAGES * READ_OF_A_FILE, "{read} read");
}

/// Index entries and rows read of files in messages and of members, once PostgreSQL tells of so many files in messages.
fn of_files(url: &str, count: i64) -> i64 {
    let mut client = Client::connect(url, NoTls).unwrap();
    let sql = "select (select n_tup_ins from pg_stat_user_tables where relname = 'message_file'), \
               (select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname in ('message_file', 'member')) \
               + (select sum(seq_tup_read)::bigint from pg_stat_user_tables where relname in ('message_file', 'member'))";
    let told = until("PostgreSQL's statistics", PATIENCE, || {
        let row = client.query_one(sql, &[])?;
        Ok((row.get::<_, i64>(0) >= count).then(|| row.get(1)))
    });
    told.unwrap()
}
