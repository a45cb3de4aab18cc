//! Full-text search in an account's own messages.
//!
//! Both engines index the same terms, since texts are folded and split in Rust: by [`wire::folded`], [`wire::words`] and
//! [`terms`]. A word is a term, and is found by its prefixes. A *run* (text in a script without spaces between words) is indexed
//! as its pairs of characters, so that each part of it is found. A part of three or more characters is compared with the text
//! of the messages that the index returns.
//!
//! Each term in the index begins with the number of its conversation. A search looks up its terms in each conversation of the
//! account. So it reads nothing of other conversations, and its duration reveals nothing about them.
//!
//! The index has the current texts only. If an edit is withheld from an account (so that it still sees the older text), a search
//! of that account does not find the message, neither by words of the new text nor by words of the old one.

mod query;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use wire::MessageId;

use crate::engine::{BatchStatement, Value, for_each_row, statements};
use crate::entry::{self, Message, columns, columns_seen, edits_withheld};
use crate::{Reader, Result, Store};
pub use query::{INDEXED_WORDS_MAX, SEARCH_WORDS_MAX, WORD_CHARS_MAX};
pub(crate) use query::{IndexTerm, NewestIds, ParsedQuery, SearchQuery, term, terms, too_slow};

/// How long a search may take.
pub const SEARCH_TIME_MAX: Duration = Duration::from_secs(1);

impl Store {
    /// Up to `limit` messages that `account` can see, with ids lower than `before` and all the words of `text`; the newest first.
    /// A word also matches longer words that begin with it, and in scripts without spaces any text that contains it. Letter case,
    /// the encoding of accents and Unicode's compatibility forms make no difference. A message of which an edit is withheld from
    /// `account` is not found. A `text` without letters and digits finds nothing.
    ///
    /// # Errors
    /// [`crate::Error::TimedOut`] after [`SEARCH_TIME_MAX`], and [`crate::Error::Unavailable`].
    pub fn search<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        text: &str,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<Message>> {
        self.search_within(SEARCH_TIME_MAX, reader, text, before, limit)
    }

    /// The same as [`Store::search`], with another time limit.
    ///
    /// # Errors
    /// As there.
    pub fn search_within<'a>(
        &self,
        time: Duration,
        reader: impl Into<Reader<'a>>,
        text: &str,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let wanted = ParsedQuery::new(text);
        if wanted.terms.is_empty() {
            return Ok(Vec::new());
        }
        let reader = reader.into();
        let account = reader.account;
        let rows = self.read_for_search(reader, |engine| {
            let (wanted, deadline) = (wanted.clone(), Instant::now() + time);
            let ids = engine.search(&SearchQuery { account, wanted, before, limit, deadline })?;
            if ids.is_empty() {
                return Ok(Vec::new());
            }
            let row = |id: &i64| vec![Value::Int(*id), Value::Int(account.0)];
            engine.run_batch(&FOUND, &ids.iter().map(row).collect::<Vec<_>>())
        });
        let mut found: Vec<Message> =
            rows?.iter_mut().map(|row| entry::message(row, 0)).collect::<Result<_>>()?;
        found.sort_unstable_by_key(|message| Reverse(message.id));
        Ok(found)
    }
}

statements! {
    /// The found messages as the account sees them now: they may have changed since the search.
    static FOUND: BatchStatement = for_each_row!(
        r(message bigint, account bigint),
        concat!(
            "select ",
            columns_seen!(),
            " from r join message m on m.id = r.message",
            edits_withheld!("r.account"),
            "where m.deleted = 0 and not exists (select 1 from withheld w where w.message = m.id \
             and w.account = r.account)",
        )
    );
}
