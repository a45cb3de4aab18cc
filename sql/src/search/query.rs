//! What is looked up in the index for a search, and the terms of a text.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use wire::limit::SEARCH_BYTES_MAX;
use wire::{AccountId, MessageId, Word};

use crate::Error;

/// Words of one search. Of more words the longest are used, since they match the fewest messages.
pub const SEARCH_WORDS_MAX: usize = 16;
/// Characters of a word that are in the index. The rest of a longer word is compared with the text of the messages.
pub const WORD_CHARS_MAX: usize = SEARCH_BYTES_MAX;
/// Different terms of one message that are in the index: the first ones of its text. The message is not found by others.
pub const INDEXED_WORDS_MAX: usize = 4096;
/// Characters of one term of a run.
const PAIR: usize = 2;

/// The parameters of a search, for an engine.
pub(crate) struct SearchQuery {
    pub(crate) account: AccountId,
    /// The words that a message must have.
    pub(crate) wanted: ParsedQuery,
    /// Only messages with a lower id than this are found.
    pub(crate) before: MessageId,
    pub(crate) limit: usize,
    /// The time at which the search ends with [`Error::TimedOut`].
    pub(crate) deadline: Instant,
}

/// The words of a search.
#[derive(Clone, Debug)]
pub(crate) struct ParsedQuery {
    /// Prefixes of words (`false`) and parts of runs (`true`).
    words: Vec<(String, bool)>,
    /// The terms that are looked up in the index.
    pub(crate) terms: Vec<IndexTerm>,
    /// Whether every message with all the terms has all the words. If not, the texts must be compared.
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
    /// Parses the text of a search. A word that another word implies is left out.
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
        // Takes one term of each word in turn, so that the bound leaves out no word entirely.
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

    /// Whether a text has all the words of the search.
    pub(crate) fn matches_text(&self, content: &str) -> bool {
        let folded = wire::folded(content);
        let all: Vec<Word<'_>> = wire::words(&folded).collect();
        self.words.iter().all(|(text, is_run)| all.iter().any(|it| has(it, text, *is_run)))
    }

    /// Whether a message with this text will match once it is in the index.
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

/// Whether a word of a text matches a word of the search.
fn has(word: &Word<'_>, text: &str, is_run: bool) -> bool {
    word.is_run == is_run
        && if is_run { word.text.contains(text) } else { word.text.starts_with(text) }
}

/// The terms to look up for a word of the search.
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

/// The terms of a text, each once: its words, and of each run all pairs of neighbouring characters and the last character. So each
/// character and each pair of a run is a prefix of a term.
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

/// A term as it is in the index. The `x` ends the number of the conversation, so no two conversations share a term.
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

    /// Ids up to this one are not wanted any more: there are enough newer ones.
    pub(crate) fn least(&self) -> i64 {
        let is_full = self.ids.len() >= self.limit;
        self.ids.first().copied().filter(|_| is_full).unwrap_or(0)
    }

    /// Adds an id. Returns `false` if there are enough newer ones.
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

/// The error of a search that takes too long.
pub(crate) fn too_slow() -> Error {
    Error::TimedOut("a search".to_owned())
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
        // Of a long run at most 16 pairs are looked up. Whether a message matches is decided by its text.
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
