//! Which messages have which files: who sees a file by that, and which files go with a message.

use wire::AccountId;

use crate::engine::{BatchStatement, Engine, Rows, Statement, Value, statements};
use crate::{Result, Store};

/// That `account` sees a message `m` of its `member s` and `conversation c`: as its history does, and not before it has accepted
/// a stranger's request.
macro_rules! fetchable {
    ($account:literal) => {
        concat!(
            "m.kind = 0 and m.deleted = 0 and s.account = ",
            $account,
            " and m.id > s.since and m.id > s.cleared and (s.until is null or m.id <= s.until) and (c.asker is null or c.asker = ",
            $account,
            ") and not exists (select 1 from withheld w where w.message = m.id and w.account = ",
            $account,
            ")"
        )
    };
}
pub(crate) use fetchable;

impl Store {
    /// Whether a message has this file that `account` sees.
    pub(crate) fn sees_file(&self, account: AccountId, id: &str) -> Result<bool> {
        let params = [Value::Text(id), Value::Int(account.0)];
        Ok(!self.read(account, &IS_SEEN, &params, |_| Ok(()))?.is_empty())
    }
}

/// Takes the files of these messages from them. Files that no other message has are deleted soon.
pub(crate) fn release(engine: &mut dyn Engine, messages: &Rows<'_>) -> Result<()> {
    // Locked first: whoever sends one of them on has done so before what follows, or will not find it.
    if engine.run_batch(&LOCK_FILES_OF, messages)?.is_empty() {
        return Ok(());
    }
    let mut released = engine.run_batch(&RELEASE_FILES, messages)?;
    let ids = released.iter_mut().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
    let rows: Vec<_> = ids.iter().map(|id| vec![Value::Text(id)]).collect();
    engine.run_batch(&EXPIRE_FILES, &rows).map(drop)
}

statements! {
    /// One of the messages is enough.
    static IS_SEEN: Statement = Statement::both(
        concat!(
            "select 1 from message_file f join message m on m.id = f.message join member s \
             on s.conversation = m.conversation join conversation c on c.id = m.conversation \
             where f.file = $1 and ",
            fetchable!("$2"),
            " limit 1"
        )
    );

    /// Takes files from an account that is deleted. Files that messages have stay with them; the others are deleted soon.
    pub(crate) static DISOWN_FILES: Statement = Statement::both(
        "update file set owner = null, expires_at = case when expires_at is null then null else 0 end \
         where owner = $1 and id in (select id from file where owner = $1 limit $2) returning id"
    );

    static LOCK_FILES_OF: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select id from file where id in (select x.file from message_file x where x.message in \
             (select r.message from unnest($1::bigint[]) as r(message))) order by id for update",
        sqlite: "select id from file where id in (select x.file from message_file x where x.message = ?1)",
    });

    static RELEASE_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "delete from message_file where message in (select r.message from unnest($1::bigint[]) as r(message)) \
             returning file",
        sqlite: "delete from message_file where message = ?1 returning file",
    });

    static EXPIRE_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update file set expires_at = 0 where id in (select r.id from unnest($1::text[]) as r(id)) \
             and not exists (select 1 from message_file x where x.file = file.id)",
        sqlite:
            "update file set expires_at = 0 where id = ?1 \
             and not exists (select 1 from message_file x where x.file = file.id)",
    });
}
