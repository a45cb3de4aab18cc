//! Bounds on the uploads and downloads of one account that are in progress at the same time on one node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::AccountId;

use crate::error::ApiError;
use crate::limit::TRANSFERS_RETRY_AFTER;

/// The number of transfers in progress in one direction, by account.
pub(crate) struct Transfers {
    most: usize,
    /// The text of the error at the bound.
    sentence: &'static str,
    counts: Mutex<HashMap<AccountId, usize>>,
}

impl Transfers {
    /// Allows each account `most` transfers at a time.
    pub(crate) fn new(most: usize, sentence: &'static str) -> Arc<Self> {
        Arc::new(Self { most, sentence, counts: Mutex::default() })
    }

    /// Counts a transfer, until the result is dropped.
    ///
    /// # Errors
    /// 429 at the bound.
    pub(crate) fn begin(self: &Arc<Self>, account: AccountId) -> Result<Transfer, ApiError> {
        let mut counts = self.lock();
        let count = counts.entry(account).or_default();
        if *count >= self.most {
            return Err(ApiError::rate_limited(self.sentence, TRANSFERS_RETRY_AFTER));
        }
        *count += 1;
        Ok(Transfer { transfers: Arc::clone(self), account })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transfer in progress.
pub(crate) struct Transfer {
    transfers: Arc<Transfers>,
    account: AccountId,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let mut counts = self.transfers.lock();
        if let Some(count) = counts.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn an_account_has_so_many_at_once_and_keeps_nobody_else_from_any() {
        let transfers = Transfers::new(2, "wait");
        let (alice, bob) = (AccountId(1), AccountId(2));
        let first = transfers.begin(alice).unwrap_or_else(|_| panic!("the first"));
        let second = transfers.begin(alice);
        let third = transfers.begin(alice).err().map(|refusal| refusal.code);
        assert_eq!(third, Some(ErrorCode::RateLimited));
        assert!(transfers.begin(bob).is_ok());
        drop(first);
        assert!(transfers.begin(alice).is_ok());
        drop(second);
        assert!(transfers.lock().is_empty());
    }
}
