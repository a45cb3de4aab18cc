//! The checks. Each statement returns the rows that have a fault, by their numbers and never with texts. It returns at most one row more
//! than is shown. States between the steps of longer work, such as the erasure of deleted accounts, are no faults.

use crate::engine::Statement;
use crate::quota::entry_overhead;

/// A kind of fault.
pub(super) struct Check {
    /// The fault that a returned row stands for.
    pub(super) what: &'static str,
    /// The names of the returned columns.
    pub(super) names: &'static [&'static str],
    pub(super) sql: Statement,
}

/// A check for the engine that is named first, or for both engines.
macro_rules! check {
    ($what:literal, $($rest:tt)+) => {
        check!(both: $what, $($rest)+)
    };
    ($engine:ident: $what:literal, [$($name:literal),+], $($sql:expr),+) => {
        Check {
            what: $what,
            names: &[$($name),+],
            sql: Statement::$engine(concat!($($sql, " "),+, "limit 6")),
        }
    };
}

/// The checks on both engines.
pub(super) static EVERYWHERE: &[Check] = &[
    check!(
        "a log has a hole, or events before its beginning or after its end",
        ["account"],
        "select l.account from log l left join (select account, count(*) as many, min(seq) as low, max(seq) as high",
        "from event group by account) e on e.account = l.account",
        "where coalesce(e.many, 0) <> l.head - l.forgotten or e.low <= l.forgotten or e.high > l.head"
    ),
    check!(
        "a log is acknowledged or forgotten beyond its end",
        ["account"],
        "select account from log where forgotten not between 0 and head or acknowledged not between 0 and head",
        "or ripe not between 0 and head"
    ),
    check!(
        "events are in the log of an account that has none",
        ["account", "seq"],
        "select e.account, e.seq from event e where not exists (select 1 from log l where l.account = e.account)"
    ),
    check!(
        "an event is of a kind that nobody knows",
        ["account", "seq"],
        "select account, seq from event where kind not between 1 and 16"
    ),
    check!(
        "an event names an account that was never there",
        ["account", "seq"],
        "select e.account, e.seq from event e where e.other is not null and e.kind < 15",
        "and not exists (select 1 from account a where a.id = e.other)"
    ),
    // A log of which nothing was trimmed has all events that were ever in it.
    check!(
        "a message is not in the log of its recipient",
        ["account", "message"],
        "select m.recipient, m.id from message m join log l on l.account = m.recipient where l.forgotten = 0",
        "except select account, message from withheld",
        "except select account, message from event where kind = 1"
    ),
    check!(
        "an account has no log, or a deleted one has",
        ["account"],
        "select a.id from account a where (a.email is null) <>",
        "(not exists (select 1 from log l where l.account = a.id))"
    ),
    check!(
        "a deleted account has sessions",
        ["session", "account"],
        "select s.id, s.account from session s join account a on a.id = s.account where a.email is null"
    ),
    check!(
        "something belongs to an account that was never there",
        ["account"],
        "select x.account from (select account from log union all select account from session union all",
        "select account from member union all select low from conversation where low is not null union all",
        "select high from conversation where high is not null union all select sender from message union all",
        "select account from block union all select blocked from block) x",
        "where not exists (select 1 from account a where a.id = x.account)"
    ),
    check!(
        "a reaction, an invitation, a look-up or what a block keeps names an account that was never there",
        ["account"],
        "select x.account from (select account from reaction union select account from invitation",
        "union select inviter from invitation union select account from finding union select found from finding",
        "union select account from withheld union select account from withheld_edit union select account from withheld_reaction",
        "union select reactor from withheld_reaction union select account from block_mark union select blocked from block_mark) x",
        "where not exists (select 1 from account a where a.id = x.account)"
    ),
    check!(
        "the bytes that an account has stored are counted wrong",
        ["account"],
        "select l.account from log l left join (select sender, sum(octet_length(content)) as bytes from message group by sender) m",
        "on m.sender = l.account left join (select owner, sum(size) as bytes from file group by owner) f on f.owner = l.account",
        "where l.stored <> coalesce(m.bytes, 0) + coalesce(f.bytes, 0)"
    ),
    check!(
        "the overhead of what an account has stored is counted wrong",
        ["account"],
        concat!(
            "select l.account from log l left join (select m.sender, sum(",
            entry_overhead!(),
            ") as bytes from message m"
        ),
        "group by m.sender) m on m.sender = l.account left join (select owner, 4096 * count(*) as bytes from file group by owner) f",
        "on f.owner = l.account where l.overhead <> coalesce(m.bytes, 0) + coalesce(f.bytes, 0)"
    ),
    check!(
        "a message has a file that is not there, or that is not whole",
        ["message"],
        "select x.message from message_file x left join file f on f.id = x.file and f.received = f.size",
        "and f.expires_at is null where f.id is null"
    ),
    check!(
        "an account has a picture that is not there, that is not whole, or that is another's",
        ["account"],
        "select a.id from account a left join file f on f.id = a.picture and f.received = f.size",
        "and f.expires_at is null and f.owner = a.id where a.picture is not null and f.id is null"
    ),
    check!(
        "a file lacks some of its bytes",
        ["owner"],
        "select coalesce(f.owner, 0) from file f left join (select p.file, sum(b.size) as bytes from piece p",
        "join blob b on b.name = p.blob and b.expires_at is null group by p.file) p on p.file = f.id",
        "where f.received <> coalesce(p.bytes, 0) and (f.owner is not null or coalesce(f.expires_at, 1) > 0)"
    ),
    check!(
        "the pieces of a file have a gap, or lie over each other",
        ["owner", "first byte"],
        "select coalesce(f.owner, 0), x.start from (select p.file, p.start, coalesce(sum(b.size) over",
        "(partition by p.file order by p.start rows between unbounded preceding and 1 preceding), 0) as follows",
        "from piece p left join blob b on b.name = p.blob) x left join file f on f.id = x.file where x.start <> x.follows"
    ),
    check!(
        "a piece is of a file that is not there",
        ["first byte"],
        "select p.start from piece p where not exists (select 1 from file f where f.id = p.file)"
    ),
    check!(
        "an object is kept that is a piece of no file",
        ["bytes"],
        "select b.size from blob b where b.expires_at is null and not exists (select 1 from piece p where p.blob = b.name)"
    ),
    check!(
        "a file is of a message that is not there, or that is in another conversation",
        ["message", "conversation"],
        "select x.message, x.conversation from message_file x left join message m on m.id = x.message",
        "where m.id is null or m.conversation <> x.conversation"
    ),
    check!(
        "a message lacks the thumbnail of its file",
        ["message"],
        "select x.message from message_file x join file f on f.id = x.file join file t on t.id = f.thumbnail and t.expires_at is null",
        "where not exists (select 1 from message_file y where y.message = x.message and y.file = t.id)"
    ),
    check!(
        "a ticket or a code is of an account that was never there",
        ["account"],
        "select x.account from (select account from ticket union select account from access_code) x",
        "where x.account is not null and not exists (select 1 from account a where a.id = x.account)"
    ),
    check!(
        "the groups of an account are counted wrong",
        ["account"],
        "select l.account from log l left join (select s.account, count(*) as many from member s",
        "join conversation c on c.id = s.conversation and c.low is null where s.until is null group by s.account) g",
        "on g.account = l.account where l.groups <> coalesce(g.many, 0)"
    ),
    check!(
        "a conversation is neither one of two people nor a group",
        ["conversation"],
        "select id from conversation where (low is null) <> (high is null) or low > high",
        "or (low is null) <> (name is not null) or (asker is not null and (low is null or asker not in (low, high)))"
    ),
    check!(
        "one of two people is not in their conversation",
        ["conversation"],
        "select c.id from conversation c where c.low is not null and not",
        "(exists (select 1 from member s where s.conversation = c.id and s.account = c.low)",
        "and exists (select 1 from member s where s.conversation = c.id and s.account = c.high))"
    ),
    check!(
        "a group has members and no admin",
        ["group"],
        "select c.id from conversation c where c.low is null",
        "and exists (select 1 from member s where s.conversation = c.id and s.until is null)",
        "and not exists (select 1 from member s where s.conversation = c.id and s.until is null and s.role = 1)"
    ),
    check!(
        "somebody has left before they came",
        ["conversation", "account"],
        "select conversation, account from member where until < since"
    ),
    check!(
        "somebody is in a conversation that is not there",
        ["conversation", "account"],
        "select s.conversation, s.account from member s where not exists",
        "(select 1 from conversation c where c.id = s.conversation)"
    ),
    check!(
        "an invitation is to a group that is not there",
        ["group", "account"],
        "select i.conversation, i.account from invitation i where not exists",
        "(select 1 from conversation c where c.id = i.conversation and c.low is null)"
    ),
    check!(
        "a message is in a conversation that is not there",
        ["message", "conversation"],
        "select m.id, m.conversation from message m where not exists",
        "(select 1 from conversation c where c.id = m.conversation)"
    ),
    check!(
        "a message is not between the people of its conversation",
        ["message"],
        "select m.id from message m join conversation c on c.id = m.conversation",
        "where (c.low is null) <> (m.recipient is null)",
        "or (c.low is not null and (m.sender not in (c.low, c.high) or m.recipient not in (c.low, c.high)))"
    ),
    check!(
        "a message is of a kind that nobody knows",
        ["message"],
        "select id from message where kind not between 0 and 10 or deleted not between 0 and 1"
    ),
    check!(
        "a message is not at its place in its sender's log",
        ["message", "account"],
        "select m.id, m.sender from message m join log l on l.account = m.sender where m.seq > l.forgotten",
        "and not exists (select 1 from event e where e.account = m.sender and e.seq = m.seq and e.message = m.id)"
    ),
    check!(
        "a reaction is to a message that is not there",
        ["message", "account"],
        "select r.message, r.account from reaction r where not exists (select 1 from message m where m.id = r.message)"
    ),
    check!(
        "what a block withholds is not as its conversation has it",
        ["message", "account"],
        "select w.message, w.account from withheld w where w.run > w.message or not exists",
        "(select 1 from message m where m.id = w.message and m.conversation = w.conversation)"
    ),
    check!(
        "a block withholds the edit of a message that is not there",
        ["message", "account"],
        "select w.message, w.account from withheld_edit w where not exists (select 1 from message m where m.id = w.message)"
    ),
    check!(
        "a block withholds a reaction to a message that is not there",
        ["message", "account"],
        "select w.message, w.account from withheld_reaction w where not exists",
        "(select 1 from message m where m.id = w.message)"
    ),
    check!(
        "marks are kept of a block that is not there",
        ["account", "blocked account"],
        "select k.account, k.blocked from block_mark k join account a on a.id = k.account and a.email is not null",
        "join account o on o.id = k.blocked and o.email is not null",
        "where not exists (select 1 from block b where b.blocked = k.blocked and b.account = k.account)"
    ),
];

/// Finds events of messages that never existed. The parameter is the last number that was assigned to a message.
pub(super) static EVENTS_OF_NO_MESSAGE: Check = check!(
    "an event names a message that was never there",
    ["account", "seq"],
    "select account, seq from event where message > $1 or message < 1"
);

/// The checks of tables that only SQLite has.
pub(super) static IN_SQLITE: &[Check] = &[
    Check {
        what: "SQLite's own check of the file finds something",
        names: &[""],
        sql: Statement::only_sqlite(
            "select integrity_check from pragma_integrity_check where integrity_check <> 'ok' limit 6",
        ),
    },
    Check {
        what: "a row refers to one that is not there",
        names: &["table", "row"],
        sql: Statement::only_sqlite(
            "select \"table\", rowid from pragma_foreign_key_check limit 6",
        ),
    },
    check!(
        only_sqlite: "an entry is not in the order of its conversation",
        ["message"],
        "select m.id from message m where 1 <> (select count(*) from entry e where e.conversation = m.conversation",
        "and e.message = m.id and e.kind = m.kind and e.sender = m.sender)"
    ),
    check!(
        only_sqlite: "the order of a conversation has an entry that is not there",
        ["conversation", "message"],
        "select e.conversation, e.message from entry e where not exists",
        "(select 1 from message m where m.id = e.message and m.conversation = e.conversation)"
    ),
    check!(
        only_sqlite: "a sender's name for a message does not lead to it",
        ["message"],
        "select m.id from message m where m.ref is not null and 1 <>",
        "(select count(*) from reference r where r.sender = m.sender and r.ref = m.ref and r.message = m.id)"
    ),
    check!(
        only_sqlite: "a sender's name leads to a message that is not there",
        ["message", "account"],
        "select r.message, r.sender from reference r where not exists",
        "(select 1 from message m where m.id = r.message and m.sender = r.sender and m.ref = r.ref)"
    ),
];

/// The checks that only PostgreSQL needs.
pub(super) static IN_POSTGRESQL: &[Check] = &[check!(
    only_postgres: "an index is not valid",
    ["index"],
    "select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid",
    "join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema() and not i.indisvalid"
)];

#[cfg(test)]
mod statements {
    use super::*;

    #[test]
    fn mean_the_same_on_both_engines() {
        let checks = EVERYWHERE.iter().chain([&EVENTS_OF_NO_MESSAGE]).chain(IN_SQLITE);
        let checks = checks.chain(IN_POSTGRESQL).map(|check| (check.what, (&check.sql).into()));
        crate::engine::compare::all(&checks.collect::<Vec<_>>());
    }
}
