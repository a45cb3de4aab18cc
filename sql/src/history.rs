//! Looking back into one conversation.

use std::cmp::Reverse;
use std::collections::HashMap;

use wire::limit::REACTIONS_LISTED_MAX;
use wire::{AccountId, MessageId, Peer};

use crate::engine::{BatchStatement, Statement, Value, for_each_row, statements};
use crate::entry::{self, Message, bytes_seen, columns, columns_seen, edits_withheld, page};
use crate::limit::PAGE_BYTES;
use crate::{Result, Store};

/// Somebody's reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Whose.
    pub by: AccountId,
    /// What.
    pub emoji: String,
}

/// The part of a conversation that somebody sees.
struct VisibleRange {
    conversation: i64,
    since: MessageId,
    until: MessageId,
}

impl Store {
    /// Up to `limit` messages of a conversation that `account` can see, older than `before`, the newest first; of
    /// longer ones a page of [`PAGE_BYTES`](crate::PAGE_BYTES). Nothing if it is a group that the account never was in; with a
    /// stranger there are no messages.
    ///
    /// The cost does not depend on how long the conversation is.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn history(
        &self,
        account: AccountId,
        with: Peer,
        before: MessageId,
        limit: usize,
    ) -> Result<Option<Vec<Message>>> {
        let Some(window) = self.window(account, with)? else {
            return Ok(matches!(with, Peer::Account(_)).then(Vec::new));
        };
        // What is withheld is passed run by run, however long they are.
        let (mut messages, mut end) = (Vec::new(), window.until.0.min(before.0.saturating_sub(1)));
        loop {
            let page = self.page(account, &window, end, limit)?;
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

    /// A page of the newest messages up to `end`, also of those that are withheld: they are with the first message of their run.
    fn page(
        &self,
        account: AccountId,
        window: &VisibleRange,
        end: i64,
        limit: usize,
    ) -> Result<Vec<(Option<i64>, Message)>> {
        let params = [
            Value::Int(window.conversation),
            Value::Int(window.since.0),
            // One bound: of two, SQLite would use the one and walk to the other.
            Value::Int(end),
            Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
            Value::Int(account.0),
            entry::PAGE,
        ];
        let row = |row: &mut crate::engine::Row| Ok((row.maybe_int(0)?, entry::message(row, 1)?));
        let mut page = self.read(account, &PAGE, &params, row)?;
        page.sort_unstable_by_key(|(_, message)| Reverse(message.id));
        Ok(page)
    }

    /// The reactions to each of these messages that have come to `account`, at most [`REACTIONS_LISTED_MAX`] of each, the
    /// latest first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn reactions(
        &self,
        account: AccountId,
        messages: impl Iterator<Item = MessageId>,
    ) -> Result<HashMap<MessageId, Vec<Reaction>>> {
        let row = |id: MessageId| vec![Value::Int(id.0), Value::Int(account.0)];
        let rows: Vec<_> = messages.map(row).collect();
        let mut all = HashMap::<_, Vec<(i64, Reaction)>>::new();
        let found = self.read_each(account, &REACTIONS, &rows, |row| {
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

    fn window(&self, account: AccountId, with: Peer) -> Result<Option<VisibleRange>> {
        let map_row = |row: &mut crate::engine::Row| {
            let until = row.maybe_int(2)?.unwrap_or(i64::MAX);
            let (since, until) = (MessageId(row.int(1)?), MessageId(until));
            Ok(VisibleRange { conversation: row.int(0)?, since, until })
        };
        let me = Value::Int(account.0);
        let mut found = match with {
            Peer::Account(other) => {
                let low = Value::Int(account.0.min(other.0));
                self.read(
                    account,
                    &WINDOW_OF_PAIR,
                    &[low, Value::Int(account.0.max(other.0)), me],
                    map_row,
                )?
            }
            Peer::Group(group) => {
                self.read(account, &WINDOW_OF_GROUP, &[Value::Int(group.0), me], map_row)?
            }
        };
        Ok(found.pop())
    }
}

/// That reaction `x` was made before this account had left the group, and while it had not blocked whose it is.
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

statements! {
    /// The latest of those that have come: what is withheld must not take the place of another. They are numbered, since
    /// PostgreSQL would look for the latest once for each reaction.
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

    static PAGE: Statement = Statement::both(
        concat!(
            "select e.run, ",
            columns_seen!(),
            " from ",
            page!(
                "select e.message, w.run from (select e.message from entry e where e.conversation = $1 \
                 and e.message > $2 and e.message <= $3 and e.kind = 0 order by e.message desc limit $4) e \
                 left join withheld w on w.message = e.message and w.account = $5",
                account: "$5",
                order: "message desc",
                bytes: "$6"
            ),
            " e join message m on m.id = e.message",
            edits_withheld!("$5"),
        )
    );

    static WINDOW_OF_PAIR: Statement = Statement::both(
        "select s.conversation, s.since, s.until from conversation c join member s on s.conversation = c.id \
         where c.low = $1 and c.high = $2 and s.account = $3"
    );

    static WINDOW_OF_GROUP: Statement = Statement::both(
        "select s.conversation, s.since, s.until from member s join conversation c on c.id = s.conversation \
         and c.low is null where s.conversation = $1 and s.account = $2"
    );
}
