//! Reading the history of one conversation.

use std::collections::HashMap;

use wire::limit::REACTIONS_LISTED_MAX;
use wire::{AccountId, MessageId, Peer};

use crate::engine::{BatchStatement, Statement, Value, for_each_row, statements};
use crate::entry::{self, Message, bytes_seen, columns, columns_seen, edits_withheld, page};
use crate::limit::{PAGE_BYTES, WITHHELD_STRIDE};
use crate::{Reader, Result, Store};

/// A reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// The account that reacts.
    pub by: AccountId,
    /// The reaction.
    pub emoji: String,
}

/// The part of a conversation that an account sees.
struct VisibleRange {
    conversation: i64,
    since: MessageId,
    until: MessageId,
}

/// The end of a range from which a page is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PageOrder {
    NewestFirst,
    OldestFirst,
}

impl Store {
    /// Up to `limit` messages of a conversation that the account of `reader` can see, older than `before`, the newest first. If their
    /// texts are longer than [`PAGE_BYTES`](crate::PAGE_BYTES), only the first of them, at least one. `None` for a group that the
    /// account was never in. A conversation with a stranger is empty.
    ///
    /// The cost does not depend on how long the conversation is.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn history<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        with: Peer,
        before: MessageId,
        limit: usize,
    ) -> Result<Option<Vec<Message>>> {
        let reader = reader.into();
        let Some(mut window) = self.window(reader, with)? else {
            return Ok(matches!(with, Peer::Account(_)).then(Vec::new));
        };
        // Withheld messages are skipped run by run, so their number does not matter.
        let (mut messages, mut end) = (Vec::new(), window.until.0.min(before.0.saturating_sub(1)));
        loop {
            window.until = MessageId(end);
            let page = self.page(reader, &window, PageOrder::NewestFirst, limit)?;
            let is_whole = page.iter().all(|(run, _)| run.is_none());
            for (run, message) in page {
                if message.id.0 <= end {
                    end = run.unwrap_or(message.id.0) - 1;
                    if run.is_none() {
                        messages.push(message);
                    }
                }
            }
            let before_last = messages.iter().rev().skip(1);
            let bytes: usize = before_last.map(|message: &Message| message.content.len()).sum();
            if is_whole || messages.len() >= limit || bytes >= PAGE_BYTES {
                messages.truncate(limit);
                return Ok(Some(messages));
            }
        }
    }

    /// As [`Store::history`], for messages newer than `after`, the oldest first.
    ///
    /// The cost does not depend on how long the conversation is. It grows with the messages that a block withholds:
    /// `WITHHELD_STRIDE` of them are skipped at a time.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn history_after<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        with: Peer,
        after: MessageId,
        limit: usize,
    ) -> Result<Option<Vec<Message>>> {
        let reader = reader.into();
        let Some(mut window) = self.window(reader, with)? else {
            return Ok(matches!(with, Peer::Account(_)).then(Vec::new));
        };
        window.since = window.since.max(after);
        let mut messages = Vec::new();
        loop {
            let page = self.page(reader, &window, PageOrder::OldestFirst, limit)?;
            let is_whole = page.iter().all(|(run, _)| run.is_none());
            let Some((last_run, last)) = page.last().map(|(run, last)| (*run, last.id)) else {
                return Ok(Some(messages));
            };
            let seen = page.into_iter().filter(|(run, _)| run.is_none());
            messages.extend(seen.map(|(_, message)| message));
            let before_last = messages.iter().rev().skip(1);
            let bytes: usize = before_last.map(|message: &Message| message.content.len()).sum();
            if is_whole || messages.len() >= limit || bytes >= PAGE_BYTES {
                messages.truncate(limit);
                return Ok(Some(messages));
            }
            window.since = last;
            if last_run.is_some() {
                let Some(next) = self.next_visible(reader, &window)? else {
                    return Ok(Some(messages));
                };
                window.since = MessageId(next.0 - 1);
            }
        }
    }

    /// The oldest message in `window` that is not withheld.
    fn next_visible(&self, reader: Reader<'_>, window: &VisibleRange) -> Result<Option<MessageId>> {
        let mut since = window.since.0;
        loop {
            let params =
                [reader.account.0, window.conversation, since, window.until.0, WITHHELD_STRIDE];
            let row = |row: &mut crate::engine::Row| Ok((row.maybe_int(0)?, row.maybe_int(1)?));
            let found = self.read(reader, &NEXT_VISIBLE, &params.map(Value::Int), row)?.pop();
            match found {
                Some((_, Some(visible))) => return Ok(Some(MessageId(visible))),
                Some((Some(last), None)) => since = last,
                _ => return Ok(None),
            }
        }
    }

    /// A page of the messages in `window`, from one end of it. It includes withheld messages, each with the first
    /// message of its run.
    fn page(
        &self,
        reader: Reader<'_>,
        window: &VisibleRange,
        order: PageOrder,
        limit: usize,
    ) -> Result<Vec<(Option<i64>, Message)>> {
        let statement = match order {
            PageOrder::NewestFirst => &NEWEST_PAGE,
            PageOrder::OldestFirst => &OLDEST_PAGE,
        };
        let params = [
            Value::Int(window.conversation),
            Value::Int(window.since.0),
            // Only one bound is used: with two, SQLite would search by one and read all rows up to the other.
            Value::Int(window.until.0),
            Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
            Value::Int(reader.account.0),
            entry::PAGE,
        ];
        let row = |row: &mut crate::engine::Row| Ok((row.maybe_int(0)?, entry::message(row, 1)?));
        let mut page = self.read(reader, statement, &params, row)?;
        page.sort_unstable_by_key(|(_, message)| message.id);
        if order == PageOrder::NewestFirst {
            page.reverse();
        }
        Ok(page)
    }

    /// The reactions to each of these messages that the account sees, at most [`REACTIONS_LISTED_MAX`] for each message, the latest
    /// first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn reactions<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        messages: impl Iterator<Item = MessageId>,
    ) -> Result<HashMap<MessageId, Vec<Reaction>>> {
        let reader = reader.into();
        let row = |id: MessageId| vec![Value::Int(id.0), Value::Int(reader.account.0)];
        let rows: Vec<_> = messages.map(row).collect();
        let mut all = HashMap::<_, Vec<(i64, Reaction)>>::new();
        let found = self.read_each(reader, &REACTIONS, &rows, |row| {
            let reaction = Reaction { by: AccountId(row.int(1)?), emoji: row.text(2)? };
            Ok((MessageId(row.int(0)?), row.int(3)?, reaction))
        })?;
        for (message, at, reaction) in found {
            all.entry(message).or_default().push((at, reaction));
        }
        let latest_first = |(id, mut reactions): (MessageId, Vec<(i64, Reaction)>)| {
            reactions.sort_by_key(|(at, reaction)| (-at, reaction.by));
            (id, reactions.into_iter().map(|(_, reaction)| reaction).collect())
        };
        Ok(all.into_iter().map(latest_first).collect())
    }

    fn window(&self, reader: Reader<'_>, with: Peer) -> Result<Option<VisibleRange>> {
        let map_row = |row: &mut crate::engine::Row| {
            let until = row.maybe_int(2)?.unwrap_or(i64::MAX);
            let (since, until) = (MessageId(row.int(1)?), MessageId(until));
            Ok(VisibleRange { conversation: row.int(0)?, since, until })
        };
        let account = reader.account;
        let me = Value::Int(account.0);
        let mut found = match with {
            Peer::Account(other) => {
                let low = Value::Int(account.0.min(other.0));
                self.read(
                    reader,
                    &WINDOW_OF_PAIR,
                    &[low, Value::Int(account.0.max(other.0)), me],
                    map_row,
                )?
            }
            Peer::Group(group) => {
                self.read(reader, &WINDOW_OF_GROUP, &[Value::Int(group.0), me], map_row)?
            }
        };
        Ok(found.pop())
    }
}

/// The condition that reaction `x` was made before this account left the group, and while it had not blocked the
/// account that reacted.
macro_rules! reaction_has_come {
    ($account:literal) => {
        concat!(
            "not exists (select 1 from withheld_reaction v \
             where v.message = x.message and v.reactor = x.account and v.account = ",
            $account,
            ") and not exists (select 1 from message n \
             join member s on s.conversation = n.conversation and s.account = ",
            $account,
            " join message gone on gone.id = s.until where n.id = x.message and gone.at <= x.at)"
        )
    };
}
pub(crate) use reaction_has_come;

const _: () = assert!(REACTIONS_LISTED_MAX == 100, "as in the statement");

macro_rules! page_of_history {
    ($direction:literal, $order:literal) => {
        concat!(
            "select e.run, ",
            columns_seen!(),
            " from ",
            page!(
                concat!(
                    "select e.message, w.run from (select e.message from entry e where e.conversation = $1 \
                     and e.message > $2 and e.message <= $3 and e.kind = 0 order by e.message",
                    $direction,
                    " limit $4) e left join withheld w on w.message = e.message and w.account = $5"
                ),
                account: "$5", order: $order, bytes: "$6"
            ),
            " e join message m on m.id = e.message",
            edits_withheld!("$5"),
        )
    };
}

statements! {
    /// The latest reactions that are not withheld, so that a withheld one does not displace another. The rows are
    /// numbered, because PostgreSQL would otherwise look for the latest ones again for each reaction.
    static REACTIONS: BatchStatement = for_each_row!(
        r(message bigint, account bigint),
        concat!(
            "select l.message, l.account, l.emoji, l.at from (select x.message, x.account, x.emoji, x.at, \
             row_number() over (partition by x.message order by x.at desc, x.account) as place from r \
             join reaction x on x.message = r.message where ",
            reaction_has_come!("r.account"),
            ") l where l.place <= 100",
        )
    );

    static NEWEST_PAGE: Statement = Statement::both(page_of_history!(" desc", "message desc"));

    static OLDEST_PAGE: Statement = Statement::both(page_of_history!("", "message"));

    /// Looked up message by message: with a join, PostgreSQL may compare each message with all withheld ones.
    static NEXT_VISIBLE: Statement = Statement::both(
        "select max(e.message), min(case when e.run is null then e.message end) from \
         (select e.message, (select w.run from withheld w where w.message = e.message \
         and w.account = $1) as run from (select e.message from entry e \
         where e.conversation = $2 and e.message > $3 and e.message <= $4 and e.kind = 0 \
         order by e.message limit $5) e) e"
    );

    static WINDOW_OF_PAIR: Statement = Statement::both(
        "select s.conversation, case when s.cleared > s.since then s.cleared else s.since end, s.until from conversation c join member s on s.conversation = c.id \
         where c.low = $1 and c.high = $2 and s.account = $3"
    );

    static WINDOW_OF_GROUP: Statement = Statement::both(
        "select s.conversation, case when s.cleared > s.since then s.cleared else s.since end, s.until from member s join conversation c on c.id = s.conversation \
         and c.low is null where s.conversation = $1 and s.account = $2"
    );
}
