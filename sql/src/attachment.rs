//! Files of messages: whether an account sees a file because of a message, and what happens to files when messages are deleted.

use wire::AccountId;

use crate::engine::{BatchStatement, Engine, Rows, Statement, Value, statements};
use crate::limit::FILE_LOOKS_MAX;
use crate::{Result, Store};

/// The SQL condition that `account` sees a message with `file`. It sees the messages that its history shows; messages of a stranger's
/// request count only after it has accepted the request.
///
/// The recursive query goes through the conversations that both the account and the file have, from the highest number down. Each is
/// found by two indexes, so the query reads neither conversations without the account nor messages without the file. Within a
/// conversation it skips each run of withheld messages in one step. A row of `look` is one of three: a conversation that is to be
/// searched below `upto`, a message with the file, or the end of a conversation.
macro_rules! sees_file {
    ($account:literal, $file:literal) => {
        concat!(
            "exists (with recursive look (conversation, upto, message, step) as (\
             select 9223372036854775807, cast(null as bigint), cast(null as bigint), 1 union all select \
             case when l.upto is null and l.message is null then (select s.conversation from member s where s.account = ",
            $account,
            " and s.conversation <= (select x.conversation from message_file x where x.file = ",
            $file,
            " and x.conversation < l.conversation order by x.conversation desc limit 1) \
             order by s.conversation desc limit 1) else l.conversation end, \
             case when l.message is not null then (select w.run - 1 from withheld w where w.message = l.message and w.account = ",
            $account,
            ") when l.upto is null then 9223372036854775807 end, \
             case when l.upto is not null then (select x.message from message_file x where x.file = ",
            $file,
            " and (x.conversation, x.message) <= (l.conversation, (select case when s.until < l.upto then s.until \
             else l.upto end from member s where s.conversation = l.conversation and s.account = ",
            $account,
            ")) and (x.conversation, x.message) > (l.conversation, coalesce((select case when s.cleared > s.since then \
             s.cleared else s.since end from member s join conversation c on c.id = s.conversation \
             where s.conversation = l.conversation and s.account = ",
            $account,
            " and (c.asker is null or c.asker = ",
            $account,
            ")), 9223372036854775807)) order by x.conversation desc, x.message desc limit 1) end, l.step + 1 \
             from look l where l.conversation is not null and l.step < 1000 and (l.message is null or exists \
             (select 1 from withheld w where w.message = l.message and w.account = ",
            $account,
            "))) select 1 from look l where l.message is not null and not exists \
             (select 1 from withheld w where w.message = l.message and w.account = ",
            $account,
            "))"
        )
    };
}
pub(crate) use sees_file;

const _: () = assert!(FILE_LOOKS_MAX == 1000, "as in the statement");

impl Store {
    /// Whether `account` sees a message that has this file.
    pub(crate) fn sees_file(&self, account: AccountId, id: &str) -> Result<bool> {
        let params = [Value::Int(account.0), Value::Text(id)];
        Ok(!self.read(account, &IS_SEEN, &params, |_| Ok(()))?.is_empty())
    }
}

/// Removes the files from these messages. Files that no other message has, and that are nobody's picture, expire and are deleted soon.
pub(crate) fn release(engine: &mut dyn Engine, messages: &Rows<'_>) -> Result<()> {
    // The files are locked first. So a post that forwards one of them is either stored before, or does not find the file.
    if engine.run_batch(&LOCK_FILES_OF, messages)?.is_empty() {
        return Ok(());
    }
    let mut released = engine.run_batch(&RELEASE_FILES, messages)?;
    let ids = released.iter_mut().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
    let rows: Vec<_> = ids.iter().map(|id| vec![Value::Text(id)]).collect();
    engine.run_batch(&EXPIRE_FILES, &rows).map(drop)
}

statements! {
    static IS_SEEN: Statement =
        Statement::both(concat!("select 1 as seen where ", sees_file!("$1", "$2")));

    /// Removes a deleted account as the owner of its files. Files of messages stay with the messages; the others expire now.
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
             and not exists (select 1 from message_file x where x.file = file.id) \
             and not exists (select 1 from account a where a.picture = file.id)",
        sqlite:
            "update file set expires_at = 0 where id = ?1 \
             and not exists (select 1 from message_file x where x.file = file.id) \
             and not exists (select 1 from account a where a.picture = file.id)",
    });
}
