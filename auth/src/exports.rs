//! The running exports: at most one for each account. An export keeps one page in memory, and waits for its turn at the
//! database for each page. So the total number of exports needs no bound, which a few accounts that read slowly could
//! use up.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::AccountId;

use crate::error::ApiError;
use crate::limit::EXPORT_RETRY_AFTER;

/// The accounts whose exports are being sent.
#[derive(Default)]
pub(crate) struct Exports(Mutex<HashSet<AccountId>>);

impl Exports {
    /// Begins an export.
    ///
    /// # Errors
    /// 429 while the account's previous export is being sent.
    pub(crate) fn begin(self: &Arc<Self>, account: AccountId) -> Result<Export, ApiError> {
        let mut accounts = self.lock();
        if !accounts.insert(account) {
            let sentence = "an export of yours is still being sent; wait until it has ended";
            return Err(ApiError::rate_limited(sentence, EXPORT_RETRY_AFTER));
        }
        Ok(Export { exports: Arc::clone(self), account })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running export, until this is dropped.
pub(crate) struct Export {
    exports: Arc<Exports>,
    account: AccountId,
}

impl Export {
    /// The export runs until `document` has been read to its end or is dropped. So a client that has received all of it
    /// may ask again at once.
    pub(crate) fn of(self, document: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        Box::new(SlotReader { document, export: Some(self) })
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        self.exports.lock().remove(&self.account);
    }
}

struct SlotReader<D> {
    document: D,
    export: Option<Export>,
}

impl<D: Read> Read for SlotReader<D> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.document.read(out)?;
        if read == 0 && !out.is_empty() {
            self.export = None;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn refused(outcome: Result<Export, ApiError>) -> Option<ErrorCode> {
        outcome.err().map(|refusal| refusal.code)
    }

    #[test]
    fn one_account_has_one_export_until_its_document_is_read_or_dropped() {
        let exports = Arc::<Exports>::default();
        let mut document = exports.begin(AccountId(1)).unwrap().of(&b"text"[..]);
        document.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(refused(exports.begin(AccountId(1))), Some(ErrorCode::RateLimited));
        drop(exports.begin(AccountId(2)).unwrap());
        assert_eq!(document.read(&mut [0]).unwrap(), 0);
        let other = exports.begin(AccountId(1)).unwrap().of(&b"text"[..]);
        drop(document);
        assert_eq!(refused(exports.begin(AccountId(1))), Some(ErrorCode::RateLimited));
        drop(other);
        drop(exports.begin(AccountId(1)).unwrap());
    }

    #[test]
    fn however_many_others_are_being_sent_one_can_be_begun() {
        let exports = Arc::<Exports>::default();
        let all: Vec<_> = (1..=1000).map(|id| exports.begin(AccountId(id)).unwrap()).collect();
        drop(exports.begin(AccountId(0)).unwrap());
        drop(all);
        assert!(exports.lock().is_empty());
    }
}
