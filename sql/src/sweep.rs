//! What is no longer kept, taken out in small transactions so that nobody waits long for one.

use wire::{AccountId, GroupId, MessageId};

use crate::engine::{Engine, ForEach, Type, Value};
use crate::{Result, Store};

/// Events, or messages, taken out in one transaction.
const ROWS: i64 = 1000;
/// Logs, conversations or members looked at in one go.
const PAGE: i64 = 100;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How much of a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// For how many days at least after an event was acknowledged; it may be up to twice as many.
    pub days: i64,
    /// How many events at the most, acknowledged or not.
    pub events: i64,
}

impl Store {
    /// Has every log forget what is beyond `keep`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what has been taken out stays out.
    pub fn trim_logs(&self, keep: Keep, now: i64) -> Result<()> {
        let sql = "select account from log where head - forgotten > $1 \
                   or (ripe_at <= $2 and acknowledged > forgotten) order by account limit $3";
        let ripe_before = now - keep.days * DAY_MS;
        let params = [Value::Int(keep.events), Value::Int(ripe_before), Value::Int(PAGE)];
        loop {
            let accounts = self.read(sql, &params, |row| row.int(0))?;
            if accounts.is_empty() {
                return Ok(());
            }
            for account in accounts {
                self.write(|engine| trim(engine, account, keep.events, ripe_before, now))?;
            }
        }
    }

    /// Takes out the messages that their conversations no longer keep.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what has been taken out stays out.
    pub fn expire_messages(&self, now: i64) -> Result<()> {
        let sql = "select id, days from conversation where days is not null and id > $1 order by id limit $2";
        let mut after = 0;
        loop {
            let params = [Value::Int(after), Value::Int(PAGE)];
            let page = self.read(sql, &params, |row| Ok((row.int(0)?, row.int(1)?)))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (conversation, days) in page {
                while self.expire_some(conversation, now - days * DAY_MS)? {}
            }
        }
    }

    /// Whether there may be more.
    fn expire_some(&self, conversation: i64, before: i64) -> Result<bool> {
        let sql =
            "select id, at from message where conversation = $1 and kind = 0 order by id limit $2";
        let params = [Value::Int(conversation), Value::Int(ROWS)];
        let oldest = self.read(sql, &params, |row| Ok((MessageId(row.int(0)?), row.int(1)?)))?;
        let expired = oldest.iter().take_while(|(_, at)| *at < before);
        let expired: Vec<_> = expired.map(|(id, _)| *id).collect();
        if !expired.is_empty() {
            self.write(|engine| erase_messages(engine, &expired))?;
        }
        Ok(expired.len() == ROWS as usize)
    }

    /// Deleted accounts that are still in groups: their leaving is to be told to the others.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn ghosts(&self) -> Result<Vec<(AccountId, GroupId)>> {
        let sql = "select s.account, s.conversation from member s \
                   join account a on a.id = s.account and a.email is null \
                   join conversation c on c.id = s.conversation and c.low is null \
                   where s.until is null order by s.conversation, s.account limit $1";
        self.read(sql, &[Value::Int(PAGE)], |row| {
            Ok((AccountId(row.int(0)?), GroupId(row.int(1)?)))
        })
    }

    /// Takes out what nobody is left to read: groups in which only deleted accounts ever were.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what has been taken out stays out.
    pub fn erase_empty_groups(&self) -> Result<()> {
        let sql = "select c.id from conversation c where c.low is null and not exists \
                   (select 1 from member s join account a on a.id = s.account \
                   where s.conversation = c.id and (s.until is null or a.email is not null)) \
                   order by c.id limit $1";
        loop {
            let groups = self.read(sql, &[Value::Int(PAGE)], |row| row.int(0))?;
            if groups.is_empty() {
                return Ok(());
            }
            for group in groups {
                self.write(|engine| erase_conversation(engine, group))?;
            }
        }
    }
}

fn trim(
    engine: &mut dyn Engine,
    account: i64,
    events_max: i64,
    ripe_before: i64,
    now: i64,
) -> Result<()> {
    let sql =
        "select head, acknowledged, forgotten, ripe, ripe_at from log where account = $1 {lock}";
    let rows = engine.run(sql, &[Value::Int(account)])?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (head, acknowledged, forgotten) = (row.int(0)?, row.int(1)?, row.int(2)?);
    let (ripe, ripe_at) = (row.int(3)?, row.int(4)?);
    let is_due = ripe_at <= ripe_before;
    let goal = (head - events_max).max(if is_due { ripe } else { 0 }).max(forgotten);
    let upto = goal.min(forgotten + ROWS);
    let sql = "delete from event where account = $1 and seq <= $2";
    engine.run(sql, &[Value::Int(account), Value::Int(upto)])?;
    // What is acknowledged by now is kept for as long again.
    let (ripe, ripe_at) =
        if is_due && upto >= ripe { (acknowledged, now) } else { (ripe, ripe_at) };
    let sql = "update log set forgotten = $1, ripe = $2, ripe_at = $3 where account = $4";
    let params = [upto, ripe, ripe_at, account].map(Value::Int);
    engine.run(sql, &params).map(drop)
}

static ERASE_REACTIONS: ForEach = ForEach {
    sql: "delete from reaction where message in (select r.id from {rows})",
    columns: &[("id", Type::Int)],
};
static ERASE_WITHHELD: ForEach = ForEach {
    sql: "delete from withheld where message in (select r.id from {rows})",
    columns: &[("id", Type::Int)],
};
static ERASE_MESSAGES: ForEach = ForEach {
    sql: "delete from message where id in (select r.id from {rows})",
    columns: &[("id", Type::Int)],
};

fn erase_messages(engine: &mut dyn Engine, ids: &[MessageId]) -> Result<()> {
    let rows: Vec<_> = ids.iter().map(|id| vec![Value::Int(id.0)]).collect();
    for statement in [&ERASE_REACTIONS, &ERASE_WITHHELD, &ERASE_MESSAGES] {
        engine.run_for_each(statement, &rows)?;
    }
    Ok(())
}

/// Takes a whole conversation out.
pub(crate) fn erase_conversation(engine: &mut dyn Engine, conversation: i64) -> Result<()> {
    let id = [Value::Int(conversation)];
    for sql in [
        "delete from reaction where message in (select id from message where conversation = $1)",
        "delete from withheld where message in (select id from message where conversation = $1)",
        "delete from message where conversation = $1",
        "delete from member where conversation = $1",
        "delete from conversation where id = $1",
    ] {
        engine.run(sql, &id)?;
    }
    Ok(())
}
