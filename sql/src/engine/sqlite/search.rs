//! Full-text search on SQLite: looks up the words in one conversation after another.

use std::time::Instant;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension};

use super::Sqlite;
use crate::Result;
use crate::engine::{Engine, Statement, Value, statements};
use crate::search::{IndexTerm, NewestIds, ParsedQuery, SearchQuery, term, terms, too_slow};

/// Instructions of SQLite's virtual machine between two looks at the clock.
const STEPS: i32 = 1000;

/// Registers the SQL function `message_terms`, with which triggers of the schema fill the index of words.
pub(super) fn add_function(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("message_terms", 2, flags, |call| {
        let conversation = call.get(0)?;
        let content: String = call.get(1)?;
        // Each term once: the index does not contain the positions of words.
        let terms = terms(&content).into_iter().map(|word| term(conversation, &word));
        Ok(terms.collect::<Vec<_>>().join(" "))
    })?;
    // Migration 6 calls this name to fill an index, which migration 14 replaces.
    connection.create_scalar_function("message_words", 2, flags, |_| Ok(""))
}

impl Sqlite {
    /// See [`Engine::search`]. It reads in one transaction, so from one snapshot.
    pub(super) fn find(&mut self, query: &SearchQuery) -> Result<Vec<i64>> {
        let deadline = query.deadline;
        self.script("begin")?;
        self.connection.progress_handler(STEPS, Some(move || Instant::now() >= deadline))?;
        let found = self.find_all(query);
        self.connection.progress_handler(0, None::<fn() -> bool>)?;
        self.rollback()?;
        found
    }

    fn find_all(&mut self, query: &SearchQuery) -> Result<Vec<i64>> {
        let account = Value::Int(query.account.0);
        let indexed = self.run(&LAST_INDEXED, &[])?[0].int(0)?;
        let mut newest = NewestIds::new(query.limit);
        for row in self.run(&OWN, &[account])? {
            if Instant::now() >= query.deadline {
                return Err(too_slow());
            }
            let (conversation, since) = (row.int(0)?, row.int(1)?);
            let before = query.before.0.min(row.int(2)?.saturating_add(1));
            let unindexed = (conversation, since.max(indexed), before);
            self.find_unindexed(query, unindexed, &mut newest)?;
            let sought = |sought: &IndexTerm| {
                let end = if sought.is_beginning { "*" } else { "" };
                format!("\"{}\"{end}", term(conversation, &sought.text))
            };
            let words = query.wanted.terms.iter().map(sought).collect::<Vec<_>>().join(" ");
            self.find_indexed(query, &words, since, before, &mut newest)?;
        }
        Ok(newest.into_ids())
    }

    fn find_unindexed(
        &self,
        query: &SearchQuery,
        (conversation, after, before): (i64, i64, i64),
        newest: &mut NewestIds,
    ) -> Result<()> {
        let mut statement = self.connection.prepare_cached(UNINDEXED.sqlite)?;
        let mut rows = statement.query((conversation, after.max(newest.least()), before))?;
        let mut hidden_from = i64::MAX;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            if id >= hidden_from || !self.text_fits(query, id, ParsedQuery::matches_unindexed)? {
                continue;
            }
            match self.hidden_from(query, id)? {
                Some(run) => hidden_from = run,
                None if newest.add(id) => {}
                None => break,
            }
        }
        Ok(())
    }

    fn find_indexed(
        &self,
        query: &SearchQuery,
        words: &str,
        since: i64,
        before: i64,
        newest: &mut NewestIds,
    ) -> Result<()> {
        let after = since.max(newest.least());
        let mut statement = self.connection.prepare_cached(INDEXED.sqlite)?;
        let mut rows = statement.query((words, after, before))?;
        let mut hidden_from = i64::MAX;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            if id >= hidden_from {
                continue;
            }
            // A message may have all the terms without having the words themselves.
            if !query.wanted.is_exact && !self.text_fits(query, id, ParsedQuery::matches_text)? {
                continue;
            }
            match self.hidden_from(query, id)? {
                Some(run) => hidden_from = run,
                None if newest.add(id) => {}
                None => break,
            }
        }
        Ok(())
    }

    fn text_fits(
        &self,
        query: &SearchQuery,
        id: i64,
        fits: fn(&ParsedQuery, &str) -> bool,
    ) -> Result<bool> {
        if Instant::now() >= query.deadline {
            return Err(too_slow());
        }
        let mut statement = self.connection.prepare_cached(CONTENT.sqlite)?;
        let content: Option<String> = statement.query_row([id], |row| row.get(0)).optional()?;
        Ok(content.is_some_and(|content| fits(&query.wanted, &content)))
    }

    fn hidden_from(&self, query: &SearchQuery, id: i64) -> Result<Option<i64>> {
        let mut statement = self.connection.prepare_cached(HIDDEN.sqlite)?;
        let found = statement.query_row((id, query.account.0), |row| row.get(0));
        Ok(found.optional()?)
    }
}

statements! {
    /// The conversations to search, each with the range of messages that the account can see.
    static OWN: Statement = Statement::only_sqlite(
        "select s.conversation, case when s.cleared > s.since then s.cleared else s.since end, coalesce(s.until, 9223372036854775807) from member s \
         join conversation c on c.id = s.conversation where s.account = $1 and (c.declined = 0 \
         or c.asker = s.account)"
    );

    /// FTS5 returns the newest message first without sorting.
    static INDEXED: Statement = Statement::only_sqlite(
        "select rowid from message_text where message_text match $1 and rowid > $2 and rowid < $3 order by rowid desc"
    );

    /// The messages of a conversation that are not in the index yet.
    static UNINDEXED: Statement = Statement::only_sqlite(
        "select e.message from entry e where e.conversation = $1 and e.message > $2 and e.message < $3 \
         and e.kind = 0 order by e.message desc"
    );

    /// The last message whose words are in the index.
    static LAST_INDEXED: Statement = Statement::only_sqlite("select message from indexed");

    static CONTENT: Statement = Statement::only_sqlite(
        "select content || coalesce(char(10) || names, '') from message where id = $1"
    );

    /// The first message of the withheld run that ends with this message. No row: this message may be found.
    static HIDDEN: Statement = Statement::only_sqlite(
        "select run from withheld where message = $1 and account = $2 union all select message \
         from withheld_edit where message = $1 and account = $2 limit 1"
    );
}

#[cfg(test)]
mod tests {
    use crate::engine::statement::in_test;
    use std::time::Duration;

    use super::super::recent::Step;
    use super::*;
    use crate::engine::Purpose;
    use crate::search::SEARCH_TIME_MAX;
    use wire::{AccountId, MessageId};

    /// With two conversations of two.
    fn open() -> Sqlite {
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        sqlite
            .script(
                "insert into account (created_at) values (0), (0), (0), (0);
                 insert into conversation (low, high) values (1, 2), (3, 4);
                 insert into member (conversation, account) values (1, 1), (1, 2), (2, 3), (2, 4);",
            )
            .unwrap();
        sqlite
    }

    fn query(word: &str) -> SearchQuery {
        let deadline = Instant::now() + SEARCH_TIME_MAX;
        let (wanted, before) = (ParsedQuery::new(word), MessageId(i64::MAX));
        SearchQuery { account: AccountId(1), wanted, before, limit: 9, deadline }
    }

    /// Steps of SQLite's machine, and pages read, that a search takes.
    fn cost(sqlite: &mut Sqlite, word: &str) -> i64 {
        sqlite.steps(|sqlite| drop(sqlite.find_all(&query(word)).unwrap()))
    }

    fn say(sqlite: &mut Sqlite, conversation: i64, text: &str) {
        let sql =
            "insert into message (conversation, sender, content, at, seq) values ($1, 1, $2, 0, 1)";
        sqlite.run(in_test(sql), &[Value::Int(conversation), Value::Text(text)]).unwrap();
    }

    #[test]
    fn what_only_others_have_said_is_not_read() {
        let mut sqlite = open();
        for number in 0..2000 {
            say(&mut sqlite, 2, "a secret zebra");
            say(&mut sqlite, 1, &format!("own{number}"));
            if number == 1900 {
                let all = Step { messages: i64::MAX, bytes: i64::MAX };
                sqlite.index_some_of(all).unwrap();
            }
        }
        cost(&mut sqlite, "own1");
        let [zebra, unheard, own] =
            ["zebra", "unheard", "own5"].map(|word| cost(&mut sqlite, word));
        assert_eq!(zebra, unheard, "as if nobody had ever said it");
        assert!(own > zebra, "what is counted");
        sqlite.script("create virtual table term using fts5vocab (message_text, row)").unwrap();
        let foreign = "select count(*) from term where term not glob '1x*' and term not glob '2x*'";
        assert_eq!(sqlite.run(in_test(foreign), &[]).unwrap()[0].int(0).unwrap(), 0);
    }

    #[test]
    fn a_statement_is_stopped_when_the_time_is_over() {
        let mut sqlite = open();
        let deadline = Instant::now() + Duration::from_millis(20);
        sqlite
            .connection
            .progress_handler(STEPS, Some(move || Instant::now() >= deadline))
            .unwrap();
        let endless =
            "with recursive x (n) as (select 1 union all select n + 1 from x) select max(n) from x";
        assert!(matches!(sqlite.run(in_test(endless), &[]), Err(crate::Error::TimedOut(_))));
    }
}
