//! Deletion by age, in small steps; see [`crate::pacer`].

use wire::{AccountId, GroupId, MessageId};

use crate::attachment::{self, DISOWN_FILES};
use crate::contact::ERASE_FOUND;
use crate::engine::{BatchStatement, Engine, Statement, Value, locking, statements};
use crate::pacer::{Pacer, ROWS_MAX};
use crate::pool::Requester;
use crate::setting::ERASE_SETTINGS;
use crate::{Result, Store, quota};

/// Logs, conversations or members that are read at a time.
const PAGE: i64 = 100;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How much of each log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogRetention {
    /// The least number of days for which an acknowledged event is kept. It may be kept for twice this time.
    pub days: i64,
    /// The largest number of events that are kept, acknowledged or not.
    pub events: i64,
}

impl Store {
    /// Deletes the events of every log that `keep` does not cover. Deletes nothing while the machine's clock is in doubt.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; rows that are already deleted stay deleted.
    pub fn trim_logs(&self, keep: LogRetention, now: i64) -> Result<()> {
        let Some(now) = self.clock.sweep_by(now) else { return Ok(()) };
        let acknowledged_before = now - keep.days * DAY_MS;
        let mut pacer = Pacer::new();
        self.advance_trim_marks(&mut pacer, acknowledged_before, now)?;
        let mut after = 0;
        loop {
            let params = [after, keep.events, acknowledged_before, PAGE].map(Value::Int);
            let accounts =
                self.read(Requester::Server, &NEXT_LONG_LOGS, &params, |row| row.int(0))?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = *last;
            for account in accounts {
                while self.write_paced(&mut pacer, |engine, rows| {
                    trim(engine, account, rows, keep.events, acknowledged_before)
                })? {}
            }
            // The next mark is set once the events before the last one are deleted.
            self.advance_trim_marks(&mut pacer, acknowledged_before, now)?;
        }
    }

    /// Advances the trim mark of each log whose events up to the previous mark are deleted. The new mark is the last acknowledged
    /// event. Events up to it are deleted once the mark is `days` old. The columns `ripe` and `ripe_at` have the mark and its time.
    fn advance_trim_marks(
        &self,
        pacer: &mut Pacer,
        acknowledged_before: i64,
        now: i64,
    ) -> Result<()> {
        let advance_trim_marks = |engine: &mut dyn Engine, rows| {
            engine.run(&RIPEN, &[now, acknowledged_before, rows].map(Value::Int))
        };
        while !self.write_paced(pacer, advance_trim_marks)?.is_empty() {}
        Ok(())
    }

    /// Deletes the messages that are older than the retention of their conversation; none while the machine's clock is
    /// in doubt.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; rows that are already deleted stay deleted.
    pub fn expire_messages(&self, now: i64) -> Result<()> {
        let Some(now) = self.clock.sweep_by(now) else { return Ok(()) };
        let (mut after, mut pacer) = (0, Pacer::new());
        loop {
            let params = [Value::Int(after), Value::Int(PAGE)];
            let page = self.read(Requester::Server, &NEXT_WITH_DAYS, &params, |row| {
                Ok((row.int(0)?, row.int(1)?))
            })?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (conversation, days) in page {
                while self.expire_some(&mut pacer, conversation, now - days * DAY_MS)? {}
            }
        }
    }

    /// Deletes some messages of a conversation; true if there may be more.
    fn expire_some(&self, pacer: &mut Pacer, conversation: i64, before: i64) -> Result<bool> {
        let oldest =
            self.read(Requester::Server, &OLDEST_ENTRY, &[Value::Int(conversation)], |row| {
                row.int(0)
            })?;
        if oldest.first().is_none_or(|at| *at >= before) {
            return Ok(false);
        }
        let params = [Value::Int(conversation), Value::Int(ROWS_MAX)];
        let oldest = self.read(Requester::Server, &EXPIRED_ENTRIES, &params, |row| {
            Ok((MessageId(row.int(0)?), row.int(1)?))
        })?;
        let expired = oldest.iter().take_while(|(_, at)| *at < before);
        let expired: Vec<_> = expired.map(|(id, _)| *id).collect();
        self.erase_in_steps(pacer, &expired)?;
        Ok(expired.len() == ROWS_MAX as usize)
    }

    fn erase_in_steps(&self, pacer: &mut Pacer, mut messages: &[MessageId]) -> Result<()> {
        while !messages.is_empty() {
            let step = |engine: &mut dyn Engine, rows: i64| {
                let count = messages.len().min(rows as usize);
                erase_messages(engine, &messages[..count]).map(|()| count)
            };
            let count = self.write_paced(pacer, step)?;
            messages = &messages[count..];
        }
        Ok(())
    }

    /// Deleted accounts that are still members of groups. The caller lets them leave, so that the other members get an event.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn deleted_members(&self) -> Result<Vec<(AccountId, GroupId)>> {
        self.read(Requester::Server, &DELETED_MEMBERS, &[Value::Int(PAGE)], |row| {
            Ok((AccountId(row.int(0)?), GroupId(row.int(1)?)))
        })
    }

    /// Deletes the remaining rows of deleted accounts that nobody can read. Must be called regularly, since a deletion may have been
    /// interrupted.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; rows that are already deleted stay deleted.
    pub fn erase_deleted_accounts_rows(&self) -> Result<()> {
        let mut after = 0;
        loop {
            let params = [after, PAGE].map(Value::Int);
            let accounts =
                self.read(Requester::Server, &NEXT_DELETED_ACCOUNTS, &params, |row| row.int(0))?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = *last;
            for account in accounts {
                self.erase_account_rows(AccountId(account), Pacer::new())?;
            }
        }
    }

    /// Deletes what is left of a deleted account: its `ref`s, its reactions, the records of whom it has found and who has found it, the
    /// rows of withheld messages, and conversations of deleted accounts only. This may be much work, and is done in steps. `pacer` has
    /// the time limit if a request waits for it.
    pub(crate) fn erase_account_rows(&self, account: AccountId, mut pacer: Pacer) -> Result<()> {
        for sql in [
            &DISOWN_FILES,
            &ERASE_EVENTS,
            &ERASE_REFS,
            &ERASE_REACTIONS,
            &ERASE_FINDINGS,
            &ERASE_FOUND,
            &ERASE_WITHHELD,
            &ERASE_SETTINGS,
            &ERASE_MARKS_OF_OTHERS,
            &ERASE_MARKS,
            &ERASE_WITHHELD_EDITS,
            &ERASE_WITHHELD_REACTIONS,
            &ERASE_REACTIONS_WITHHELD,
        ] {
            let step = |engine: &mut dyn Engine, rows| {
                engine.run(sql, &[account.0, rows].map(Value::Int)).map(|done| done.is_empty())
            };
            while !self.write_paced(&mut pacer, step)? {}
        }
        let params = [Value::Int(account.0)];
        for conversation in
            self.read(Requester::Server, &EMPTY_CONVERSATIONS, &params, |row| row.int(0))?
        {
            self.erase_conversation(&mut pacer, conversation)?;
        }
        Ok(())
    }

    fn erase_conversation(&self, pacer: &mut Pacer, conversation: i64) -> Result<()> {
        let params = [conversation, ROWS_MAX].map(Value::Int);
        loop {
            let page = self.read(Requester::Server, &CONVERSATION_ENTRIES, &params, |row| {
                Ok(MessageId(row.int(0)?))
            })?;
            if page.is_empty() {
                break;
            }
            self.erase_in_steps(pacer, &page)?;
        }
        self.write(Requester::Server, |engine| {
            for sql in [&DELETE_MEMBERS, &DELETE_INVITATIONS, &DELETE_CONVERSATION] {
                engine.run(sql, &[Value::Int(conversation)])?;
            }
            Ok(())
        })
    }
}

/// Deletes some events of a log; true if there may be more.
fn trim(
    engine: &mut dyn Engine,
    account: i64,
    rows_max: i64,
    events_max: i64,
    acknowledged_before: i64,
) -> Result<bool> {
    let rows = engine.run(&LOCK_LOG, &[Value::Int(account)])?;
    let Some(row) = rows.first() else { return Ok(false) };
    let (head, forgotten, ripe, ripe_at) = (row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?);
    let ripe = if ripe_at <= acknowledged_before { ripe } else { 0 };
    let goal = (head - events_max).max(ripe).max(forgotten);
    let upto = goal.min(forgotten + rows_max);
    engine.run(&TRIM_LOG, &[Value::Int(account), Value::Int(upto)])?;
    engine.run(&SET_FORGOTTEN, &[Value::Int(upto), Value::Int(account)])?;
    Ok(upto < goal)
}

macro_rules! erase {
    ($table_and_key:literal) => {
        BatchStatement::of(Statement {
            postgres: concat!("delete from ", $table_and_key, " in (select unnest($1::bigint[]))"),
            sqlite: concat!("delete from ", $table_and_key, " = ?1"),
        })
    };
}

/// Messages are deleted first. A reaction locks its message, so it is either stored already, or does not find the message.
static ERASE: [&BatchStatement; 5] = [
    &ERASE_MESSAGE,
    &ERASE_REACTIONS_TO,
    &ERASE_WITHHELD_MESSAGE,
    &ERASE_EDITS_WITHHELD,
    &ERASE_REACTIONS_WITHHELD_FROM,
];

fn erase_messages(engine: &mut dyn Engine, ids: &[MessageId]) -> Result<()> {
    let rows: Vec<_> = ids.iter().map(|id| vec![Value::Int(id.0)]).collect();
    quota::uncount(engine, &rows)?;
    attachment::release(engine, &rows)?;
    for statement in ERASE {
        engine.run_batch(statement, &rows)?;
    }
    Ok(())
}

statements! {
    static ERASE_MESSAGE: BatchStatement = erase!("message where id");

    static ERASE_REACTIONS_TO: BatchStatement = erase!("reaction where message");

    static ERASE_WITHHELD_MESSAGE: BatchStatement = erase!("withheld where message");

    static ERASE_EDITS_WITHHELD: BatchStatement = erase!("withheld_edit where message");

    static ERASE_REACTIONS_WITHHELD_FROM: BatchStatement = erase!("withheld_reaction where message");

    static NEXT_LONG_LOGS: Statement = Statement::both(
        "select account from log where account > $1 and (head - forgotten > $2 or (ripe_at <= $3 \
         and ripe > forgotten)) order by account limit $4"
    );

    static RIPEN: Statement = Statement {
        postgres:
            "update log set ripe = acknowledged, ripe_at = $1 where account in (select account from log \
             where ripe_at <= $2 and ripe <= forgotten and acknowledged > forgotten \
             order by account limit $3 for update) returning account",
        sqlite:
            "update log set ripe = acknowledged, ripe_at = $1 where account in (select account from log \
             where ripe_at <= $2 and ripe <= forgotten and acknowledged > forgotten \
             order by account limit $3) returning account",
    };

    static NEXT_WITH_DAYS: Statement = Statement::both(
        "select id, days from conversation where days is not null and id > $1 order by id limit $2"
    );

    static OLDEST_ENTRY: Statement = Statement::both(
        "select m.at from (select message from entry where conversation = $1 and kind = 0 \
         order by message limit 1) e join message m on m.id = e.message"
    );

    static EXPIRED_ENTRIES: Statement = Statement::both(
        "select m.id, m.at from (select message from entry where conversation = $1 and kind = 0 \
         order by message limit $2) e join message m on m.id = e.message order by m.id"
    );

    static DELETED_MEMBERS: Statement = Statement::both(
        "select s.account, s.conversation from member s join account a on a.id = s.account and a.email is null \
         join conversation c on c.id = s.conversation and c.low is null where s.until is null \
         order by s.conversation, s.account limit $1"
    );

    static NEXT_DELETED_ACCOUNTS: Statement =
        Statement::both(
            "select id from account where email is null and id > $1 order by id limit $2"
        );

    static ERASE_EVENTS: Statement = Statement::both(
        "delete from event where account = $1 and seq in (select seq from event where account = $1 \
         order by seq limit $2) returning seq"
    );

    static ERASE_REFS: Statement = Statement::both(
        "update message set ref = null where id in (select message from reference \
         where sender = $1 limit $2) returning id"
    );

    static ERASE_REACTIONS: Statement = Statement::both(
        "delete from reaction where account = $1 and message in (select message from reaction \
         where account = $1 limit $2) returning message"
    );

    static ERASE_FINDINGS: Statement = Statement::both(
        "delete from finding where account = $1 and found in (select found from finding \
         where account = $1 limit $2) returning found"
    );

    static ERASE_WITHHELD: Statement = Statement::both(
        "delete from withheld where account = $1 and message in (select message from withheld \
         where account = $1 limit $2) returning message"
    );

    static ERASE_MARKS_OF_OTHERS: Statement = Statement::both(
        "delete from block_mark where account = $1 and (blocked, conversation) in (select blocked, conversation \
         from block_mark where account = $1 limit $2) returning blocked"
    );

    static ERASE_MARKS: Statement = Statement::both(
        "delete from block_mark where blocked = $1 and (conversation, account) in (select conversation, account \
         from block_mark where blocked = $1 limit $2) returning account"
    );

    static ERASE_WITHHELD_EDITS: Statement = Statement::both(
        "delete from withheld_edit where account = $1 and message in (select message from withheld_edit \
         where account = $1 limit $2) returning message"
    );

    static ERASE_WITHHELD_REACTIONS: Statement = Statement::both(
        "delete from withheld_reaction where account = $1 and (message, reactor) in (select message, reactor \
         from withheld_reaction where account = $1 limit $2) returning message"
    );

    static ERASE_REACTIONS_WITHHELD: Statement = Statement::both(
        "delete from withheld_reaction where reactor = $1 and (message, account) in (select message, account \
         from withheld_reaction where reactor = $1 limit $2) returning message"
    );

    /// If two accounts are deleted at the same time, the later deletion sees that both are gone.
    static EMPTY_CONVERSATIONS: Statement = Statement::both(
        "select s.conversation from member s where s.account = $1 and not exists (select 1 from member x \
         join account a on a.id = x.account join conversation c on c.id = x.conversation \
         where x.conversation = s.conversation and (a.email is not null or (c.low is null and x.until is null)))"
    );

    static CONVERSATION_ENTRIES: Statement =
        Statement::both(
            "select message from entry where conversation = $1 order by message limit $2"
        );

    static DELETE_MEMBERS: Statement = Statement::both("delete from member where conversation = $1");

    static DELETE_INVITATIONS: Statement = Statement::both("delete from invitation where conversation = $1");

    static DELETE_CONVERSATION: Statement = Statement::both("delete from conversation where id = $1");

    static LOCK_LOG: Statement = locking!("select head, forgotten, ripe, ripe_at from log where account = $1");

    static TRIM_LOG: Statement = Statement::both("delete from event where account = $1 and seq <= $2");

    static SET_FORGOTTEN: Statement = Statement::both("update log set forgotten = $1 where account = $2");
}
