//! What is no longer kept, taken out in small steps so that nobody waits long for one; see [`crate::pacer`].

use wire::{AccountId, GroupId, MessageId};

use crate::engine::{Engine, ForEach, Type, Value};
use crate::pacer::{Pacer, ROWS_MAX};
use crate::pool::Requester;
use crate::{Result, Store};

/// Logs, conversations or members looked at in one go.
const PAGE: i64 = 100;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How much of a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogRetention {
    /// For how many days at least after an event was acknowledged; it may be up to twice as many.
    pub days: i64,
    /// How many events at the most, acknowledged or not.
    pub events: i64,
}

impl Store {
    /// Has every log forget what is beyond `keep`; nothing while the machine's clock is in doubt.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what has been taken out stays out.
    pub fn trim_logs(&self, keep: LogRetention, now: i64) -> Result<()> {
        let Some(now) = self.clock.sweep_by(now) else { return Ok(()) };
        let acknowledged_before = now - keep.days * DAY_MS;
        let mut pacer = Pacer::new();
        self.advance_trim_marks(&mut pacer, acknowledged_before, now)?;
        let sql = "select account from log where account > $1 \
                   and (head - forgotten > $2 or (ripe_at <= $3 and ripe > forgotten)) order by account limit $4";
        let mut after = 0;
        loop {
            let params = [after, keep.events, acknowledged_before, PAGE].map(Value::Int);
            let accounts = self.read(Requester::Server, sql, &params, |row| row.int(0))?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = *last;
            for account in accounts {
                while self.write_paced(&mut pacer, |engine, rows| {
                    trim(engine, account, rows, keep.events, acknowledged_before)
                })? {}
            }
            // What had to go first is gone.
            self.advance_trim_marks(&mut pacer, acknowledged_before, now)?;
        }
    }

    /// Where nothing is to be forgotten, what is acknowledged by now becomes ripe, and is kept for as long again.
    fn advance_trim_marks(
        &self,
        pacer: &mut Pacer,
        acknowledged_before: i64,
        now: i64,
    ) -> Result<()> {
        let sql = "update log set ripe = acknowledged, ripe_at = $1 where account in \
                   (select account from log where ripe_at <= $2 and ripe <= forgotten and acknowledged > forgotten \
                   order by account limit $3 {lock}) returning account";
        let advance_trim_marks = |engine: &mut dyn Engine, rows| {
            engine.run(sql, &[now, acknowledged_before, rows].map(Value::Int))
        };
        while !self.write_paced(pacer, advance_trim_marks)?.is_empty() {}
        Ok(())
    }

    /// Takes out the messages that their conversations no longer keep; nothing while the machine's clock is in doubt.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what has been taken out stays out.
    pub fn expire_messages(&self, now: i64) -> Result<()> {
        let Some(now) = self.clock.sweep_by(now) else { return Ok(()) };
        let sql = "select id, days from conversation where days is not null and id > $1 order by id limit $2";
        let (mut after, mut pacer) = (0, Pacer::new());
        loop {
            let params = [Value::Int(after), Value::Int(PAGE)];
            let page =
                self.read(Requester::Server, sql, &params, |row| Ok((row.int(0)?, row.int(1)?)))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (conversation, days) in page {
                while self.expire_some(&mut pacer, conversation, now - days * DAY_MS)? {}
            }
        }
    }

    /// Whether there may be more.
    fn expire_some(&self, pacer: &mut Pacer, conversation: i64, before: i64) -> Result<bool> {
        let sql = "select m.at from (select message from entry where conversation = $1 and kind = 0 \
                   order by message limit 1) e join message m on m.id = e.message";
        let oldest =
            self.read(Requester::Server, sql, &[Value::Int(conversation)], |row| row.int(0))?;
        if oldest.first().is_none_or(|at| *at >= before) {
            return Ok(false);
        }
        let sql = "select m.id, m.at from (select message from entry where conversation = $1 and kind = 0 \
                   order by message limit $2) e join message m on m.id = e.message order by m.id";
        let params = [Value::Int(conversation), Value::Int(ROWS_MAX)];
        let oldest = self.read(Requester::Server, sql, &params, |row| {
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

    /// Deleted accounts that are still in groups: their leaving is to be told to the others.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn deleted_members(&self) -> Result<Vec<(AccountId, GroupId)>> {
        let sql = "select s.account, s.conversation from member s \
                   join account a on a.id = s.account and a.email is null \
                   join conversation c on c.id = s.conversation and c.low is null \
                   where s.until is null order by s.conversation, s.account limit $1";
        self.read(Requester::Server, sql, &[Value::Int(PAGE)], |row| {
            Ok((AccountId(row.int(0)?), GroupId(row.int(1)?)))
        })
    }

    /// Takes out what is left of deleted accounts and nobody is there to read. To be called now and then: a deletion may have
    /// been interrupted.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what has been taken out stays out.
    pub fn erase_deleted_accounts_rows(&self) -> Result<()> {
        let sql = "select id from account where email is null and id > $1 order by id limit $2";
        let mut after = 0;
        loop {
            let params = [after, PAGE].map(Value::Int);
            let accounts = self.read(Requester::Server, sql, &params, |row| row.int(0))?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = *last;
            for account in accounts {
                self.erase_account_rows(AccountId(account), Pacer::new())?;
            }
        }
    }

    /// Takes out what is left of a deleted account: its names for messages, its reactions, whom it has found and who has found
    /// it, what blocks withheld from it, and conversations of which only deleted accounts know. This is the server's own work, and there
    /// may be much of it: `pace` has the bound on its time, if somebody waits.
    pub(crate) fn erase_account_rows(&self, account: AccountId, mut pacer: Pacer) -> Result<()> {
        for sql in [
            "delete from event where account = $1 and seq in \
             (select seq from event where account = $1 order by seq limit $2) returning seq",
            "update message set ref = null where id in \
             (select message from reference where sender = $1 limit $2) returning id",
            "delete from reaction where account = $1 and message in \
             (select message from reaction where account = $1 limit $2) returning message",
            "delete from finding where account = $1 and found in \
             (select found from finding where account = $1 limit $2) returning found",
            "delete from finding where found = $1 and account in \
             (select account from finding where found = $1 limit $2) returning account",
            "delete from withheld where account = $1 and message in \
             (select message from withheld where account = $1 limit $2) returning message",
            "delete from block_mark where account = $1 and (blocked, conversation) in \
             (select blocked, conversation from block_mark where account = $1 limit $2) returning blocked",
            "delete from block_mark where blocked = $1 and (conversation, account) in \
             (select conversation, account from block_mark where blocked = $1 limit $2) returning account",
            "delete from withheld_edit where account = $1 and message in \
             (select message from withheld_edit where account = $1 limit $2) returning message",
            "delete from withheld_reaction where account = $1 and (message, reactor) in \
             (select message, reactor from withheld_reaction where account = $1 limit $2) returning message",
            "delete from withheld_reaction where reactor = $1 and (message, account) in \
             (select message, account from withheld_reaction where reactor = $1 limit $2) returning message",
        ] {
            let step = |engine: &mut dyn Engine, rows| {
                engine.run(sql, &[account.0, rows].map(Value::Int)).map(|done| done.is_empty())
            };
            while !self.write_paced(&mut pacer, step)? {}
        }
        // Of two who delete their accounts at once the later one sees that both are gone.
        let sql = "select s.conversation from member s where s.account = $1 and not exists \
                   (select 1 from member x join account a on a.id = x.account \
                   join conversation c on c.id = x.conversation where x.conversation = s.conversation \
                   and (a.email is not null or (c.low is null and x.until is null)))";
        let params = [Value::Int(account.0)];
        for conversation in self.read(Requester::Server, sql, &params, |row| row.int(0))? {
            self.erase_conversation(&mut pacer, conversation)?;
        }
        Ok(())
    }

    fn erase_conversation(&self, pacer: &mut Pacer, conversation: i64) -> Result<()> {
        let sql = "select message from entry where conversation = $1 order by message limit $2";
        let params = [conversation, ROWS_MAX].map(Value::Int);
        loop {
            let page =
                self.read(Requester::Server, sql, &params, |row| Ok(MessageId(row.int(0)?)))?;
            if page.is_empty() {
                break;
            }
            self.erase_in_steps(pacer, &page)?;
        }
        self.write(Requester::Server, |engine| {
            for sql in [
                "delete from member where conversation = $1",
                "delete from invitation where conversation = $1",
                "delete from conversation where id = $1",
            ] {
                engine.run(sql, &[Value::Int(conversation)])?;
            }
            Ok(())
        })
    }
}

/// Returns whether there is more to forget.
fn trim(
    engine: &mut dyn Engine,
    account: i64,
    rows_max: i64,
    events_max: i64,
    acknowledged_before: i64,
) -> Result<bool> {
    let sql = "select head, forgotten, ripe, ripe_at from log where account = $1 {lock}";
    let rows = engine.run(sql, &[Value::Int(account)])?;
    let Some(row) = rows.first() else { return Ok(false) };
    let (head, forgotten, ripe, ripe_at) = (row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?);
    let ripe = if ripe_at <= acknowledged_before { ripe } else { 0 };
    let goal = (head - events_max).max(ripe).max(forgotten);
    let upto = goal.min(forgotten + rows_max);
    let sql = "delete from event where account = $1 and seq <= $2";
    engine.run(sql, &[Value::Int(account), Value::Int(upto)])?;
    let sql = "update log set forgotten = $1 where account = $2";
    engine.run(sql, &[Value::Int(upto), Value::Int(account)])?;
    Ok(upto < goal)
}

macro_rules! erase {
    ($table_and_key:literal) => {
        ForEach {
            sql: concat!("delete from ", $table_and_key, " in (select r.id from {rows})"),
            columns: &[("id", Type::Int)],
        }
    };
}

/// Logs are locked before messages, as whoever commits does.
static LOCK_SENDERS: ForEach = ForEach {
    sql: "select account from log where account in (select m.sender from message m where m.id in (select r.id from {rows})) \
          order by account {lock}",
    columns: &[("id", Type::Int)],
};

/// Their senders have so many fewer bytes stored.
static UNSTORE: ForEach = ForEach {
    sql: "update log set stored = stored - d.bytes from \
          (select m.sender, sum(octet_length(m.content)) as bytes from message m where m.id in (select r.id from {rows}) \
          group by m.sender) d where log.account = d.sender",
    columns: &[("id", Type::Int)],
};

/// Messages first: whoever reacts holds the message's row, so that its reaction is there already, or will find no message.
static ERASE: [ForEach; 5] = [
    erase!("message where id"),
    erase!("reaction where message"),
    erase!("withheld where message"),
    erase!("withheld_edit where message"),
    erase!("withheld_reaction where message"),
];

fn erase_messages(engine: &mut dyn Engine, ids: &[MessageId]) -> Result<()> {
    let rows: Vec<_> = ids.iter().map(|id| vec![Value::Int(id.0)]).collect();
    for statement in [&LOCK_SENDERS, &UNSTORE].into_iter().chain(&ERASE) {
        engine.run_for_each(statement, &rows)?;
    }
    Ok(())
}
