//! Full-text search on PostgreSQL: looks up the words in many conversations at a time.

use std::time::Instant;

use postgres::types::ToSql;

use super::Postgres;
use crate::Result;
use crate::engine::{BatchStatement, Engine, IndexCursor, Statement, Value, statements};
use crate::search::{IndexTerm, NewestIds, SearchQuery, term, terms, too_slow};

/// Conversations that one search of the index covers. For each message that is found, PostgreSQL compares the words of all these
/// conversations.
const CONVERSATIONS: usize = 64;
/// Messages whose texts are read at a time, if they must be compared with the words of the search.
const TEXTS_PAGE: usize = 256;
/// Messages that get their words in one transaction while the index is rebuilt. An edit of such a message waits for it.
const REINDEXED_MAX: i64 = 256;

/// The condition that the account of `member s` can see and find `message m`.
macro_rules! visible {
    () => {
        "m.kind = 0 and m.id < $3 and m.id > s.since and m.id > s.cleared and (s.until is null or m.id <= s.until) \
         and not exists (select 1 from withheld w where w.account = s.account and w.conversation = m.conversation \
         and w.message = m.id) \
         and not exists (select 1 from withheld_edit h where h.message = m.id and h.account = s.account) \
         order by m.id desc limit $4"
    };
}

/// The words of a text as they are stored.
pub(super) fn words(content: &str) -> String {
    terms(content).join(" ")
}

impl Postgres {
    /// See [`Engine::search`].
    pub(super) fn find(&mut self, query: &SearchQuery) -> Result<Vec<i64>> {
        let own = self.run(&OWN, &[Value::Int(query.account.0)])?;
        let own: Vec<i64> = own.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        let mut newest = NewestIds::new(query.limit);
        // Messages without words are read first. One that gets its words after this is then found in the index.
        self.find_wordless(query, &own, &mut newest)?;
        let all = own.chunks(CONVERSATIONS).map(|chunk| any_of(chunk, &query.wanted.terms));
        let all: Vec<_> = all.collect();
        let mut before = query.before.0;
        let limit = if query.wanted.is_exact { query.limit } else { TEXTS_PAGE };
        loop {
            let ids = self.look_up(&INDEXED, &all, query.account.0, before, limit)?;
            let ids: Vec<i64> = ids.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_>>()?;
            let is_last = ids.len() < limit || query.wanted.is_exact;
            before = ids.last().copied().unwrap_or(0);
            let found = if query.wanted.is_exact { ids } else { self.having(query, &ids)? };
            let is_full = !found.into_iter().all(|id| newest.add(id));
            if is_last || is_full || before <= newest.least() {
                return Ok(newest.into_ids());
            }
            in_time(query)?;
        }
    }

    fn find_wordless(
        &mut self,
        query: &SearchQuery,
        own: &[i64],
        newest: &mut NewestIds,
    ) -> Result<()> {
        let mut before = query.before.0;
        loop {
            let rows = self.look_up(&WORDLESS, &own, query.account.0, before, TEXTS_PAGE)?;
            for row in &rows {
                before = row.try_get(0)?;
                if query.wanted.matches_unindexed(row.try_get(1)?) {
                    newest.add(before);
                }
            }
            if rows.len() < TEXTS_PAGE || before <= newest.least() {
                return Ok(());
            }
            in_time(query)?;
        }
    }

    fn look_up(
        &mut self,
        statement: &Statement,
        conversations: &(dyn ToSql + Sync),
        account: i64,
        before: i64,
        limit: usize,
    ) -> Result<Vec<postgres::Row>> {
        let statement = self.prepare(statement.postgres)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params: [&(dyn ToSql + Sync); 4] = [conversations, &account, &before, &limit];
        Ok(self.client.query(&statement, &params)?)
    }

    /// The ids among `ids` whose texts have the words, the newest first.
    fn having(&mut self, query: &SearchQuery, ids: &[i64]) -> Result<Vec<i64>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<_> = ids.iter().map(|id| vec![Value::Int(*id)]).collect();
        let mut having = Vec::new();
        for mut row in self.run_batch(&CONTENTS, &rows)? {
            if query.wanted.matches_text(&row.text(1)?) {
                having.push(row.int(0)?);
            }
        }
        having.sort_unstable_by(|a, b| b.cmp(a));
        Ok(having)
    }

    /// See [`Engine::index_some`].
    pub(super) fn index_wordless(&mut self, cursor: IndexCursor) -> Result<Option<IndexCursor>> {
        let params = [cursor.0, cursor.1, REINDEXED_MAX].map(Value::Int);
        let mut found = self.run(&NEXT_WORDLESS, &params)?;
        let Some(last) = found.last() else { return Ok(None) };
        let cursor = (last.int(0)?, last.int(1)?);
        let mut texts = Vec::with_capacity(found.len());
        for row in &mut found {
            texts.push((row.int(1)?, row.text(2)?));
        }
        let rows = texts.iter().map(|(id, text)| vec![Value::Int(*id), Value::Terms(text)]);
        let rows: Vec<_> = rows.collect();
        self.run_batch(&GIVE_WORDS, &rows)?;
        Ok(Some(cursor))
    }
}

fn in_time(query: &SearchQuery) -> Result<()> {
    if Instant::now() >= query.deadline { Err(too_slow()) } else { Ok(()) }
}

/// A `tsquery` for messages of any of these conversations that have all the terms. Terms consist of letters, digits and marks,
/// so they need no quoting.
fn any_of(conversations: &[i64], terms: &[IndexTerm]) -> String {
    let all_in = |conversation: &i64| {
        let term = |sought: &IndexTerm| {
            let end = if sought.is_beginning { ":*" } else { "" };
            format!("'{}'{end}", term(*conversation, &sought.text))
        };
        format!("({})", terms.iter().map(term).collect::<Vec<_>>().join(" & "))
    };
    conversations.iter().map(all_in).collect::<Vec<_>>().join(" | ")
}

statements! {
    static CONTENTS: BatchStatement = BatchStatement::of(Statement::only_postgres(
        "select m.id, m.content || coalesce(chr(10) || m.names, '') from unnest($1::bigint[]) as r(message) join message m on m.id = r.message"
    ));

    static GIVE_WORDS: BatchStatement = BatchStatement::of(Statement::only_postgres(
        "update message set words = r.words from unnest($1::bigint[], $2::text[]) as r(id, words) \
         where message.id = r.id"
    ));

    static OWN: Statement = Statement::only_postgres(
        "select s.conversation from member s join conversation c on c.id = s.conversation where s.account = $1 \
         and (c.declined = 0 or c.asker = s.account)"
    );

    /// `materialized` makes the planner search the index of words first. Otherwise it would read all messages from the newest
    /// on, and split each of them into words.
    static INDEXED: Statement = Statement::only_postgres(
        concat!(
            "with found as materialized (select f.id, f.conversation, f.kind \
             from unnest($1::text[]) q (words) cross join message f where message_words(f.conversation, f.words) @@ \
             q.words::tsquery) select m.id from found m join member s on s.conversation = m.conversation \
             and s.account = $2 where ",
            visible!(),
        )
    );

    /// The messages that are not in the index yet: older ones, after an upgrade that rebuilds the index. `offset 0` makes the
    /// planner look them up by conversation, whatever number of such messages it expects.
    static WORDLESS: Statement = Statement::only_postgres(
        concat!(
            "with found as materialized (select f.* from unnest($1::bigint[]) c (id) cross join lateral \
             (select o.id, o.conversation, o.kind, o.content || coalesce(chr(10) || o.names, '') as content from message o where o.conversation = c.id \
             and o.kind = 0 and o.words is null offset 0) f) select m.id, m.content from found m \
             join member s on s.conversation = m.conversation and s.account = $2 where ",
            visible!(),
        )
    );

    /// Skips locked rows: an edit or another node is about to set their words.
    static NEXT_WORDLESS: Statement = Statement::only_postgres(
        "select conversation, id, content || coalesce(chr(10) || names, '') from message where kind = 0 and words is null \
         and (conversation, id) > ($1, $2) order by conversation, id limit $3 for update skip locked"
    );
}
