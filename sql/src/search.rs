//! Finding one's own messages by their words.
//!
//! The index has the newest texts alone. A message of which somebody reads an older one is not found for them: neither by
//! words that they cannot see, nor by those that they do.

use wire::{AccountId, MessageId};

use crate::engine::Value;
use crate::entry::{self, Message};
use crate::{Result, Store};

/// The end of both engines' statements: `$2` sees the message, it is older than `$3`, and `m` has the words of `$1`.
macro_rules! visible {
    ($matches:literal) => {
        concat!(
            "join member s on s.conversation = m.conversation where ",
            $matches,
            " and s.account = $2 and m.kind = 0 and m.deleted = 0 and m.id < $3 \
             and m.id > s.since and (s.until is null or m.id <= s.until) \
             and not exists (select 1 from conversation c where c.id = m.conversation \
             and c.declined = 1 and c.asker <> s.account) \
             and not exists (select 1 from withheld w where w.message = m.id and w.account = s.account) \
             and not exists (select 1 from withheld_edit h where h.message = m.id and h.account = s.account)"
        )
    };
}
pub(crate) use visible;

impl Store {
    /// Up to `limit` messages that `account` can see, older than `before`, with all the words of `text` or words that begin
    /// so, in any letter case; the newest first. None of which an edit is withheld from `account`, and none for a text without letters and digits.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn search(
        &self,
        account: AccountId,
        text: &str,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<Message>> {
        // Letters and digits only: nothing of either engine's query language is left.
        let text = text.to_lowercase();
        let words: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let params = [Value::Int(account.0), Value::Int(before.0), limit];
        let found = self.read_slowly(account, |engine| match engine.is_indexed()? {
            true => engine.search(&words, &params).map(Some),
            false => Ok(None),
        })?;
        let mut rows = match found {
            Some(rows) => rows,
            None => {
                self.write(account, |engine| engine.index_texts())?;
                self.read_slowly(account, |engine| engine.search(&words, &params))?
            }
        };
        rows.iter_mut().map(|row| entry::message(row, 0)).collect()
    }
}
