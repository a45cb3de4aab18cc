//! Blocks within a conversation: the members that have blocked an account, and the members that the account has blocked.
//!
//! Any number of accounts may have blocked one account, and a conversation may have many members. If at most 50 accounts have
//! blocked the account, each of them is looked up among the members. If more have, each member is looked up among the blocks. So
//! the work does not depend on how many accounts outside the conversation have blocked the account.

use crate::engine::{BatchStatement, for_each_row, statements};

/// Whether at most 50 accounts have blocked `r.sender`. At most 51 rows are read.
macro_rules! few_blockers {
    () => {
        "(select count(*) from (select 1 from block f where f.blocked = r.sender limit 51) f) <= 50"
    };
}

/// The text of a statement for parameters `sender` and `conversation`. It selects `$columns` for each account `b.account` that is a
/// member of the conversation now, has blocked the sender, and meets the condition `$fits`.
///
/// The keys are compared as ranges of one value: with equality PostgreSQL may read the whole of `block` or `member` for a hash join.
/// In the branch that is not taken the range ends at 0 and is empty. SQLite would check a separate condition for each row.
macro_rules! blockers {
    ($columns:literal, $fits:literal $(,)?) => {
        concat!(
            concat!("select ", $columns, " from r join block b on b.blocked >= r.sender"),
            concat!(" and b.blocked <= case when ", few_blockers!(), " then r.sender else 0 end"),
            " where (select m.until is null from member m \
             where m.conversation = r.conversation and m.account = b.account)",
            concat!($fits, " union all select ", $columns),
            " from r join member b on b.conversation >= r.conversation",
            concat!(
                " and b.conversation <= case when ",
                few_blockers!(),
                " then 0 else r.conversation end"
            ),
            " and b.until is null where (select x.account from block x \
             where x.blocked = r.sender and x.account = b.account) is not null",
            $fits
        )
    };
}
pub(super) use {blockers, few_blockers};

/// Whether the account has blocked at most 50 accounts. At most 51 rows are read.
macro_rules! few_blocked {
    () => {
        "(select count(*) from (select 1 from block f where f.account = r.account limit 51) f) <= 50"
    };
}

statements! {
    /// Which of the given accounts an account has blocked.
    pub(super) static FIND_BLOCKED_AMONG: BatchStatement = for_each_row!(
        r(account bigint, other bigint),
        "select b.account, b.blocked from r join block b on b.blocked = r.other and b.account = r.account"
    );

    /// The present and former members of a conversation that an account has blocked. If the account has blocked at most 50 accounts,
    /// each of them is looked up among the members; otherwise each member is looked up among the blocks.
    pub(super) static FIND_BLOCKED: BatchStatement = for_each_row!(
        r(account bigint, conversation bigint),
        concat!(
            "select b.account, b.blocked from r join block b on b.account >= r.account",
            concat!(" and b.account <= case when ", few_blocked!(), " then r.account else 0 end"),
            " where (select m.account from member m where m.conversation = r.conversation \
             and m.account = b.blocked) is not null union all select r.account, m.account from r \
             join member m on m.conversation >= r.conversation",
            concat!(
                " and m.conversation <= case when ",
                few_blocked!(),
                " then 0 else r.conversation end",
            ),
            " where (select b.account from block b where b.blocked = m.account and b.account = r.account) is not null",
        )
    );
}

#[cfg(test)]
mod tests {
    use crate::engine::statement::in_test;
    use wire::{AccountId, GroupId, MessageId, Recipient, Seq};

    use super::super::{Batch, CommitPolicy, GroupAction, Operation, Outcome, Submission, commit};
    use crate::ContactPolicy;
    use crate::engine::Engine as _;
    use crate::engine::Purpose;
    use crate::engine::sqlite::Sqlite;

    /// The members of group 1: Mallory and two others.
    const MEMBERS: [i64; 3] = [1, 2, 3];
    /// SQLite's instructions for each account that is looked up among 50 blockers, or counted up to 51.
    const STEPS_EACH: i64 = 100;

    /// A database with Mallory's group, `blockers` others that have blocked Mallory, and `blocked` others that Mallory has blocked. The
    /// second member of the group has blocked Mallory, too.
    fn sqlite(blockers: i64, blocked: i64) -> Sqlite {
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        let accounts = 10 + blockers + blocked;
        let script = format!(
            "with recursive n (id) as (select 1 union all select id + 1 from n where id < {accounts}) \
             insert into account (id, created_at) select id, 0 from n; \
             insert into log (account) select id from account; \
             insert into conversation (name) values ('Trip'); \
             insert into message (conversation, kind, sender, content, at, seq) values (1, 1, 1, 'Trip', 0, 0); \
             insert into member (conversation, account, role, since) values (1, 1, 1, 1), (1, 2, 0, 1), (1, 3, 0, 1); \
             insert into block (blocked, account, at) select 1, id, 0 from account where id > 10 + {blocked}; \
             insert into block (blocked, account, at) select id, 1, 0 from account where id > 10 and id <= 10 + {blocked}; \
             insert into block (blocked, account, at) values (1, 2, 0)"
        );
        sqlite.script(&script).unwrap();
        sqlite
    }

    fn submit(sqlite: &mut Sqlite, by: i64, operation: Operation) -> Outcome {
        let submissions = vec![Submission { by: AccountId(by), reference: None, operation }];
        let policy =
            CommitPolicy { contact: ContactPolicy::Open, quota: i64::MAX, follows_later: false };
        let batch = Batch { submissions, ..Batch::default() };
        commit(sqlite, &batch, 5, policy, None).unwrap().0.outcomes.remove(0)
    }

    fn post() -> Operation {
        Operation::Post {
            to: Recipient::Group(GroupId(1)),
            content: "hello".to_owned(),
            files: Vec::new(),
            reply_to: None,
        }
    }

    /// Steps of the database for a message to the group, its edit, a change of the group's name, and a receipt.
    fn steps(blockers: i64, blocked: i64) -> i64 {
        let mut sqlite = sqlite(blockers, blocked);
        // What is done first prepares the statements.
        (0..2).map(|_| steps_of_one(&mut sqlite)).last().unwrap()
    }

    fn steps_of_one(sqlite: &mut Sqlite) -> i64 {
        let heard = |sqlite: &mut Sqlite, account: i64| {
            let sql = "select head from log where account = $1";
            sqlite.run(in_test(sql), &[crate::engine::Value::Int(account)]).unwrap()[0]
                .int(0)
                .unwrap()
        };
        let before = MEMBERS.map(|member| heard(sqlite, member));
        let steps = sqlite.steps(|sqlite| {
            assert_eq!(submit(sqlite, 1, post()), Outcome::Done);
            let id =
                sqlite.run(in_test("select max(id) from message"), &[]).unwrap()[0].int(0).unwrap();
            let content = "hello again".to_owned();
            let edit = Operation::Edit { id: MessageId(id), content };
            assert_eq!(submit(sqlite, 1, edit), Outcome::Done);
            let action = GroupAction::Rename(format!("Trip {id}"));
            let rename = Operation::ChangeGroup { group: GroupId(1), action };
            assert_eq!(submit(sqlite, 1, rename), Outcome::Done);
            submit(sqlite, 3, Operation::Received { seq: Seq(i64::MAX) });
        });
        let after = MEMBERS.map(|member| heard(sqlite, member));
        let told: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        assert_eq!(told, [4, 0, 3], "who has blocked the sender hears nothing");
        steps
    }

    #[test]
    fn the_work_does_not_grow_with_who_else_has_blocked_the_sender() {
        let [none, few, many, more] = [0, 48, 500, 5000].map(|it| steps(it, 0));
        assert!(few - none <= 4 * 51 * STEPS_EACH, "{few} with a few, {none} with one");
        assert!(many - none <= 8 * 51 * STEPS_EACH, "{many} with many, {none} with one");
        assert_eq!(more, many);
    }

    #[test]
    fn the_work_does_not_grow_with_whom_else_the_sender_has_blocked() {
        let [none, few, many, more] = [0, 48, 500, 5000].map(|it| steps(0, it));
        assert!(few - none <= 4 * 51 * STEPS_EACH, "{few} with a few, {none} with none");
        assert!(many - none <= 8 * 51 * STEPS_EACH, "{many} with many, {none} with none");
        assert_eq!(more, many);
    }

    #[test]
    fn a_member_whom_the_sender_has_blocked_is_found_among_few_and_many() {
        for blocked in [0, 49, 50, 500] {
            let mut sqlite = sqlite(0, blocked);
            sqlite.script("insert into block (blocked, account, at) values (3, 1, 0)").unwrap();
            assert_eq!(submit(&mut sqlite, 1, post()), Outcome::Done);
            let seen = "select account, blocked from block where seen_at = 5";
            let seen = sqlite.run(in_test(seen), &[]).unwrap();
            let seen: Vec<_> =
                seen.iter().map(|it| [it.int(0), it.int(1)].map(Result::unwrap)).collect();
            assert_eq!(seen, [[1, 3]], "{blocked}");
        }
    }
}
