//! Full-text search in an account's own messages.
//!
//! Words are folded and cut in one place for both engines: [`wire::folded`], [`wire::words`] and here. A word is in the index as it
//! stands and is found by its beginning. A run of a script without spaces is in the index as its pairs of characters, so that
//! each part of it is found; whether a longer part stands there as one is looked up in the text.
//!
//! Each word in the index carries the number of its conversation. A search looks up its words in each conversation of the
//! searcher, so it reads nothing of what stands in the conversations of others, and its time says nothing about them.
//!
//! The index has the newest texts alone. A message of which somebody reads an older one is not found for them: neither by
//! words that they cannot see, nor by those that they do.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use wire::limit::SEARCH_BYTES_MAX;
use wire::{AccountId, MessageId, Word};

use crate::engine::{BatchStatement, Value, for_each_row, statements};
use crate::entry::{self, Message, columns, columns_seen, edits_withheld};
use crate::{Error, Result, Store};

/// How long a search may take.
pub const SEARCH_TIME_MAX: Duration = Duration::from_secs(1);
/// Words of a text that are searched for. Of more, the longest count: they are the ones that tell messages apart.
pub const SEARCH_WORDS_MAX: usize = 16;
/// Characters of a word that are in the index. What a longer word has after them is looked up in the text.
pub const WORD_CHARS_MAX: usize = SEARCH_BYTES_MAX;
/// Different words and pairs of one message that are in the index: the first of its text. It is found by no others.
pub const INDEXED_WORDS_MAX: usize = 4096;
/// Characters of a run that are in the index together.
const PAIR: usize = 2;

/// A search as an engine gets it.
pub(crate) struct SearchQuery {
    pub(crate) account: AccountId,
    /// Messages have all of these.
    pub(crate) wanted: ParsedQuery,
    /// Messages are older than this one.
    pub(crate) before: MessageId,
    pub(crate) limit: usize,
    /// The time at which it gives up, with [`Error::TimedOut`].
    pub(crate) deadline: Instant,
}

/// The words of a search.
#[derive(Clone, Debug)]
pub(crate) struct ParsedQuery {
    /// Prefixes of words, and parts of runs; true: of a run.
    words: Vec<(String, bool)>,
    /// The terms that are looked up in the index.
    pub(crate) terms: Vec<IndexTerm>,
    /// Whether every message with all the terms has all the words. If not, its text decides.
    pub(crate) is_exact: bool,
}

/// A term of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexTerm {
    pub(crate) text: String,
    /// Whether it is a prefix.
    pub(crate) is_beginning: bool,
}

impl ParsedQuery {
    /// Each word once, and none that another one says already.
    pub(crate) fn new(text: &str) -> Self {
        let folded = wire::folded(text);
        let mut all: Vec<Word<'_>> = wire::words(&folded).collect();
        all.sort_by_key(|word| Reverse(word.text.len()));
        let mut words: Vec<Word<'_>> = Vec::new();
        for word in all {
            if words.len() < SEARCH_WORDS_MAX
                && !words.iter().any(|it| has(it, word.text, word.is_run))
            {
                words.push(word);
            }
        }
        // First one of each word, so that none is left out.
        let sought: Vec<Vec<IndexTerm>> = words.iter().map(sought).collect();
        let longest = sought.iter().map(Vec::len).max().unwrap_or(0);
        let mut terms = Vec::new();
        for term in (0..longest).flat_map(|at| sought.iter().filter_map(move |all| all.get(at))) {
            if terms.len() < SEARCH_WORDS_MAX && !terms.contains(term) {
                terms.push(term.clone());
            }
        }
        let is_exact = words.iter().all(|word| {
            word.text.chars().count() <= if word.is_run { PAIR } else { WORD_CHARS_MAX }
        });
        let words = words.iter().map(|word| (word.text.to_owned(), word.is_run)).collect();
        Self { words, terms, is_exact }
    }

    /// Whether a text has all the words.
    pub(crate) fn matches_text(&self, content: &str) -> bool {
        let folded = wire::folded(content);
        let all: Vec<Word<'_>> = wire::words(&folded).collect();
        self.words.iter().all(|(text, is_run)| all.iter().any(|it| has(it, text, *is_run)))
    }

    /// Whether a text that is not in the index yet will be found by it.
    pub(crate) fn matches_unindexed(&self, content: &str) -> bool {
        if !self.matches_text(content) {
            return false;
        }
        let indexed = terms(content);
        self.terms.iter().all(|sought| {
            indexed.iter().any(|term| {
                if sought.is_beginning {
                    term.starts_with(&sought.text)
                } else {
                    *term == sought.text
                }
            })
        })
    }
}

/// Whether a word of a text is one that is searched for.
fn has(word: &Word<'_>, text: &str, is_run: bool) -> bool {
    word.is_run == is_run
        && if is_run { word.text.contains(text) } else { word.text.starts_with(text) }
}

/// What is looked up for a word.
fn sought(word: &Word<'_>) -> Vec<IndexTerm> {
    let beginning = |text: String| vec![IndexTerm { text, is_beginning: true }];
    let chars: Vec<char> = word.text.chars().collect();
    if !word.is_run {
        return beginning(chars.iter().take(WORD_CHARS_MAX).collect());
    }
    if chars.len() < PAIR {
        return beginning(word.text.to_owned());
    }
    chars
        .windows(PAIR)
        .map(|pair| IndexTerm { text: pair.iter().collect(), is_beginning: false })
        .collect()
}

/// What the index has of a text, each once: words, and of each run the pairs of characters that follow each other and the last
/// character. So every character and every pair of a run is the beginning of one of them.
pub(crate) fn terms(content: &str) -> Vec<String> {
    let folded = wire::folded(content);
    let (mut terms, mut seen) = (Vec::new(), HashSet::new());
    for word in wire::words(&folded) {
        let starts = word.text.char_indices().map(|(at, _)| at);
        let length = if word.is_run { PAIR } else { WORD_CHARS_MAX };
        for start in starts.take(if word.is_run { usize::MAX } else { 1 }) {
            let rest = &word.text[start..];
            let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
            if terms.len() == INDEXED_WORDS_MAX {
                return terms;
            }
            if seen.insert(rest[..end].to_owned()) {
                terms.push(rest[..end].to_owned());
            }
        }
    }
    terms
}

/// A word as the index has it. Digits end at the `x`, so that no two conversations share a word.
pub(crate) fn term(conversation: i64, word: &str) -> String {
    format!("{conversation}x{word}")
}

/// The newest ids found so far.
pub(crate) struct NewestIds {
    ids: BTreeSet<i64>,
    limit: usize,
}

impl NewestIds {
    pub(crate) fn new(limit: usize) -> Self {
        Self { ids: BTreeSet::new(), limit }
    }

    /// Ids up to this one are too old.
    pub(crate) fn least(&self) -> i64 {
        let is_full = self.ids.len() >= self.limit;
        self.ids.first().copied().filter(|_| is_full).unwrap_or(0)
    }

    /// False if it is older than all, and there are enough.
    pub(crate) fn add(&mut self, id: i64) -> bool {
        if id <= self.least() {
            return false;
        }
        self.ids.insert(id);
        if self.ids.len() > self.limit {
            self.ids.pop_first();
        }
        true
    }

    pub(crate) fn into_ids(self) -> Vec<i64> {
        self.ids.into_iter().collect()
    }
}

impl Store {
    /// Up to `limit` messages that `account` can see, older than `before`, with all the words of `text`; the newest first. A word
    /// stands for those that begin so, in scripts without spaces for all that it is a part of; letter case, the way accents are
    /// written and Unicode's forms for compatibility make no difference. None of which an edit is withheld from `account`, and
    /// none for a text without letters and digits.
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
        let wanted = ParsedQuery::new(text);
        if wanted.terms.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.read_for_search(account, |engine| {
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

/// The error of a search that takes too long.
pub(crate) fn too_slow() -> Error {
    Error::TimedOut("a search".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(text: &str) -> Vec<String> {
        ParsedQuery::new(text).terms.into_iter().map(|term| term.text).collect()
    }

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
        assert_eq!(terms(&"ü".repeat(WORD_CHARS_MAX + 1)), ["ü".repeat(WORD_CHARS_MAX)]);
    }

    #[test]
    fn a_run_is_indexed_by_its_pairs() {
        assert_eq!(terms("東京都 A東京"), ["東京", "京都", "都", "a", "京"]);
        assert_eq!(starts("東京都"), ["東京", "京都"]);
        assert!(ParsedQuery::new("京都").is_exact && !ParsedQuery::new("東京都").is_exact);
        let wanted = ParsedQuery::new("東京都");
        assert!(wanted.matches_unindexed("大東京都庁") && !wanted.matches_unindexed("東京と京都"));
        assert_eq!(starts("京"), ["京"]);
        assert!(ParsedQuery::new("京").terms[0].is_beginning);
        // Of a long run so many pairs are looked up as of words; the text has the last say.
        let long: String = ('\u{4e00}'..).take(80).collect();
        assert_eq!(starts(&long).len(), SEARCH_WORDS_MAX);
        assert!(starts(&format!("{long} and")).contains(&"and".to_owned()));
    }

    #[test]
    fn a_long_word_is_asked_of_the_text() {
        let long = "x".repeat(WORD_CHARS_MAX);
        assert!(ParsedQuery::new(&long).is_exact);
        let wanted = ParsedQuery::new(&format!("{long}y"));
        assert!(!wanted.is_exact && wanted.terms[0].text == long);
        assert!(
            wanted.matches_unindexed(&format!("{long}yz"))
                && !wanted.matches_unindexed(&format!("{long}z"))
        );
    }

    #[test]
    fn one_message_has_no_more_words_than_its_share() {
        let many: String = ('\u{4e00}'..).take(INDEXED_WORDS_MAX + 9).collect();
        let indexed = terms(&many);
        assert_eq!(indexed.len(), INDEXED_WORDS_MAX);
        let last: String = many.chars().skip(INDEXED_WORDS_MAX - 1).take(PAIR).collect();
        assert_eq!(indexed.last(), Some(&last));
        let next: String = many.chars().skip(INDEXED_WORDS_MAX).take(PAIR).collect();
        assert!(
            ParsedQuery::new(&last).matches_unindexed(&many)
                && !ParsedQuery::new(&next).matches_unindexed(&many)
        );
    }
}
