//! Exports that are being sent: one for each account, and a few in all. Each reads the database again and again.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::AccountId;

use crate::limit::{EXPORT_RETRY_AFTER, EXPORTS_MAX};
use crate::refusal::Refusal;

/// The accounts whose exports are being sent.
#[derive(Default)]
pub(crate) struct Exports(Mutex<HashSet<AccountId>>);

impl Exports {
    /// Begins one.
    ///
    /// # Errors
    /// 429 while the account's last one is being sent; 503 while [`EXPORTS_MAX`] are.
    pub(crate) fn begin(self: &Arc<Self>, account: AccountId) -> Result<Export, Refusal> {
        let mut accounts = self.lock();
        if accounts.contains(&account) {
            let sentence = "an export of yours is still being sent; wait until it has ended";
            return Err(Refusal::rate_limited(sentence, EXPORT_RETRY_AFTER));
        }
        if accounts.len() == EXPORTS_MAX {
            return Err(Refusal::busy("too many exports are being sent at this moment; try again"));
        }
        accounts.insert(account);
        Ok(Export { exports: Arc::clone(self), account })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one export; given back when this is dropped.
pub(crate) struct Export {
    exports: Arc<Exports>,
    account: AccountId,
}

impl Export {
    /// Keeps the place until `document` is dropped.
    pub(crate) fn of(self, document: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        Box::new(Held { document, _export: self })
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        self.exports.lock().remove(&self.account);
    }
}

struct Held<D> {
    document: D,
    _export: Export,
}

impl<D: Read> Read for Held<D> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.document.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Code;

    fn refused(outcome: Result<Export, Refusal>) -> Option<Code> {
        outcome.err().map(|refusal| refusal.code)
    }

    #[test]
    fn one_account_has_one_export_until_its_document_is_dropped() {
        let exports = Arc::<Exports>::default();
        let mut document = exports.begin(AccountId(1)).unwrap().of(&b"text"[..]);
        let mut text = String::new();
        document.read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        assert_eq!(refused(exports.begin(AccountId(1))), Some(Code::RateLimited));
        drop(exports.begin(AccountId(2)).unwrap());
        drop(document);
        drop(exports.begin(AccountId(1)).unwrap());
    }

    #[test]
    fn there_are_so_many_in_all() {
        let exports = Arc::<Exports>::default();
        let begin = |id| exports.begin(AccountId(id));
        let mut all: Vec<_> = (1..=EXPORTS_MAX as i64).map(|id| begin(id).unwrap()).collect();
        assert_eq!(refused(begin(0)), Some(Code::Busy));
        all.pop();
        drop(begin(0).unwrap());
    }
}
