//! Recently valid tokens, by their hashes, with their accounts.
//!
//! Each is looked up all the same. Only the wait for a connection differs: made-up tokens wait apart from these.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wire::{AccountId, TokenHash};

use crate::Store;
use crate::limit::TOKENS_REMEMBERED_MAX;
use crate::pool::Requester;

#[derive(Default)]
pub(crate) struct RecentTokens(Mutex<HashMap<[u8; 32], AccountId>>);

impl RecentTokens {
    /// Who asks by showing this token.
    pub(crate) fn requester(&self, token: &TokenHash) -> Requester {
        self.owner(token).map_or(Requester::Newcomer, Requester::Session)
    }

    /// The token has been looked up: it is this account's, or nobody's.
    pub(crate) fn note(&self, token: &TokenHash, owner: Option<AccountId>) {
        let mut known = self.lock();
        let Some(owner) = owner else {
            known.remove(&token.0);
            return;
        };
        if known.len() >= TOKENS_REMEMBERED_MAX && !known.contains_key(&token.0) {
            // Which ones makes little difference: they are looked up like any that came for the first time.
            let mut kept = 0;
            known.retain(|_, _| {
                kept += 1;
                kept <= TOKENS_REMEMBERED_MAX / 2
            });
        }
        known.insert(token.0, owner);
    }

    fn owner(&self, token: &TokenHash) -> Option<AccountId> {
        self.lock().get(&token.0).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], AccountId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Whose this token was when it was last looked up here; it may have ended since. Asks no database.
    pub fn last_owner(&self, token: &TokenHash) -> Option<AccountId> {
        self.tokens.owner(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: TokenHash = TokenHash([7; 32]);

    #[test]
    fn a_token_is_known_from_when_it_was_good_until_it_is_not() {
        let tokens = RecentTokens::default();
        assert_eq!(tokens.requester(&TOKEN), Requester::Newcomer);
        tokens.note(&TOKEN, Some(AccountId(1)));
        assert_eq!(tokens.requester(&TOKEN), Requester::Session(AccountId(1)));
        tokens.note(&TOKEN, None);
        assert_eq!(tokens.requester(&TOKEN), Requester::Newcomer);
    }

    #[test]
    fn tokens_are_remembered_up_to_a_bound() {
        let tokens = RecentTokens::default();
        for n in 0..=TOKENS_REMEMBERED_MAX as u64 {
            let mut token = [0; 32];
            token[..8].copy_from_slice(&n.to_be_bytes());
            tokens.note(&TokenHash(token), Some(AccountId(1)));
        }
        assert_eq!(tokens.lock().len(), TOKENS_REMEMBERED_MAX / 2 + 1);
    }
}
