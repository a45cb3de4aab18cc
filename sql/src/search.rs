//! Finding one's own messages by their words.
//!
//! Each word in the index carries the number of its conversation. A search looks up its words in each conversation of the
//! searcher, so it reads nothing of what stands in the conversations of others, and its time says nothing about them.
//!
//! The index has the newest texts alone. A message of which somebody reads an older one is not found for them: neither by
//! words that they cannot see, nor by those that they do.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use wire::limit::SEARCH_BYTES_MAX;
use wire::{AccountId, MessageId};

use crate::engine::{ForEach, Type, Value};
use crate::entry::{self, Message, columns, columns_seen, edits_withheld};
use crate::{Error, Result, Store};

/// How long a search may take.
pub const SEARCH_TIME_MAX: Duration = Duration::from_secs(1);
/// Words of a text that are searched for. Of more, the longest count: they are the ones that tell messages apart.
pub const SEARCH_WORDS_MAX: usize = 16;
/// Characters of a word that are in the index. A search has no longer ones.
const WORD_CHARS_MAX: usize = SEARCH_BYTES_MAX;

/// What an engine is to find.
pub(crate) struct Query {
    pub(crate) account: AccountId,
    /// Messages have all of these, or words that begin so.
    pub(crate) words: Vec<String>,
    /// Messages are older than this one.
    pub(crate) before: MessageId,
    pub(crate) limit: usize,
    /// When it gives up, with [`Error::TimedOut`].
    pub(crate) deadline: Instant,
}

impl Query {
    /// Whether a message of this text is one that is looked for.
    pub(crate) fn fits(&self, content: &str) -> bool {
        let words = words(content);
        self.words.iter().all(|start| words.iter().any(|word| word.starts_with(start)))
    }
}

/// The words of a text, in small letters.
pub(crate) fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.chars().take(WORD_CHARS_MAX).collect()).collect()
}

/// A word as the index has it. Digits end at the `x`, so that no two conversations share a word.
pub(crate) fn term(conversation: i64, word: &str) -> String {
    format!("{conversation}x{word}")
}

/// What is to be looked up for `text`: each word once, and none that another one begins with.
fn starts(text: &str) -> Vec<String> {
    let mut words = words(text);
    words.sort_by_key(|word| Reverse(word.len()));
    let mut starts: Vec<String> = Vec::new();
    for word in words {
        if starts.len() < SEARCH_WORDS_MAX && !starts.iter().any(|it| it.starts_with(&word)) {
            starts.push(word);
        }
    }
    starts
}

impl Store {
    /// Up to `limit` messages that `account` can see, older than `before`, with all the words of `text` or words that begin
    /// so, in any letter case; the newest first. None of which an edit is withheld from `account`, and none for a text without letters and digits.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after [`SEARCH_TIME_MAX`], and [`Error::Unavailable`].
    pub fn search(
        &self,
        account: AccountId,
        text: &str,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<Message>> {
        self.search_within(SEARCH_TIME_MAX, account, text, before, limit)
    }

    /// As [`Store::search`], for no longer than `time`.
    ///
    /// # Errors
    /// As there.
    pub fn search_within(
        &self,
        time: Duration,
        account: AccountId,
        text: &str,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let words = starts(text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.read_slowly(account, |engine| {
            let (words, deadline) = (words.clone(), Instant::now() + time);
            let ids = engine.search(&Query { account, words, before, limit, deadline })?;
            let row = |id: &i64| vec![Value::Int(*id), Value::Int(account.0)];
            engine.run_for_each(&FOUND, &ids.iter().map(row).collect::<Vec<_>>())
        });
        let mut found: Vec<Message> =
            rows?.iter_mut().map(|row| entry::message(row, 0)).collect::<Result<_>>()?;
        found.sort_unstable_by_key(|message| Reverse(message.id));
        Ok(found)
    }
}

/// As they are now for the account: something may have been done to them since they were found.
static FOUND: ForEach = ForEach {
    sql: concat!(
        "select ",
        columns_seen!(),
        " from {rows} join message m on m.id = r.message",
        edits_withheld!("r.account"),
        "where m.deleted = 0 and not exists \
         (select 1 from withheld w where w.message = m.id and w.account = r.account)"
    ),
    columns: &[("message", Type::Int), ("account", Type::Int)],
};

/// What a search ends with that has taken too long.
pub(crate) fn too_slow() -> Error {
    Error::TimedOut("a search".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_looked_up_once_and_none_that_another_begins_with() {
        assert_eq!(starts("to Tom, to the Toms"), ["toms", "the"]);
        assert!(starts("'\"* -").is_empty());
        let many: String = (b'a'..=b'z').map(|letter| format!("{} ", letter as char)).collect();
        assert_eq!(starts(&many).len(), SEARCH_WORDS_MAX);
        assert!(starts(&format!("{many} longest")).contains(&"longest".to_owned()));
    }

    #[test]
    fn no_word_of_a_conversation_begins_as_one_of_another() {
        assert!(!term(12, "3x").starts_with(&term(1, "2")));
        assert_eq!(words(&"ü".repeat(WORD_CHARS_MAX + 1)), ["ü".repeat(WORD_CHARS_MAX)]);
    }
}
