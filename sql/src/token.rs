//! A memory of recently valid tokens, by their hashes, with their accounts.
//!
//! It replaces no look-up in the database. It only decides in which queue a look-up waits for a connection, so that valid tokens do
//! not wait behind invented ones.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wire::{AccountId, TokenHash};

use crate::Store;
use crate::limit::{TOKENS_REMEMBERED_MAX, TOKENS_REMEMBERED_PER_ACCOUNT};
use crate::pool::Requester;

#[derive(Default)]
pub(crate) struct RecentTokens(Mutex<Known>);

#[derive(Default)]
struct Known {
    owners: HashMap<[u8; 32], AccountId>,
    /// The tokens of each account, the oldest first. No list is empty.
    tokens: HashMap<AccountId, VecDeque<[u8; 32]>>,
}

impl RecentTokens {
    /// The requester under which a token is looked up.
    pub(crate) fn requester(&self, token: &TokenHash) -> Requester {
        self.owner(token).map_or(Requester::Newcomer, Requester::Session)
    }

    /// Records the result of a look-up: the token's account; `None`: the token is not valid.
    pub(crate) fn note(&self, token: &TokenHash, owner: Option<AccountId>) {
        let mut known = self.lock();
        match owner {
            None => known.forget(token.0),
            Some(owner) if known.owners.get(&token.0) != Some(&owner) => {
                known.forget(token.0);
                known.add(token.0, owner);
            }
            Some(_) => {}
        }
    }

    fn owner(&self, token: &TokenHash) -> Option<AccountId> {
        self.lock().owners.get(&token.0).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, token: [u8; 32], owner: AccountId) {
        if self.owners.len() >= TOKENS_REMEMBERED_MAX {
            // It does not matter which tokens are forgotten. They are looked up like new ones.
            let half = self.tokens.len() / 2;
            let gone: Vec<_> = self.tokens.keys().copied().skip(half).collect();
            for account in gone {
                for token in self.tokens.remove(&account).unwrap_or_default() {
                    self.owners.remove(&token);
                }
            }
        }
        let own = self.tokens.entry(owner).or_default();
        own.push_back(token);
        // An account with many tokens displaces only its own.
        if own.len() > TOKENS_REMEMBERED_PER_ACCOUNT
            && let Some(oldest) = own.pop_front()
        {
            self.owners.remove(&oldest);
        }
        self.owners.insert(token, owner);
    }

    fn forget(&mut self, token: [u8; 32]) {
        let Some(owner) = self.owners.remove(&token) else { return };
        if let Some(own) = self.tokens.get_mut(&owner) {
            own.retain(|one| *one != token);
            if own.is_empty() {
                self.tokens.remove(&owner);
            }
        }
    }
}

impl Store {
    /// The account of this token when this process last looked it up. The session may have ended since. Reads no database.
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

    /// Tokens `from..to` of an account.
    fn note_all(tokens: &RecentTokens, account: i64, numbers: std::ops::Range<u64>) {
        for number in numbers {
            tokens.note(&numbered(number), Some(AccountId(account)));
        }
    }

    fn numbered(number: u64) -> TokenHash {
        let mut token = [0; 32];
        token[..8].copy_from_slice(&number.to_be_bytes());
        TokenHash(token)
    }

    #[test]
    fn who_makes_many_tokens_pushes_out_only_its_own() {
        let tokens = RecentTokens::default();
        tokens.note(&TOKEN, Some(AccountId(2)));
        note_all(&tokens, 1, 0..2 * TOKENS_REMEMBERED_MAX as u64);
        assert_eq!(tokens.owner(&TOKEN), Some(AccountId(2)));
        let known = tokens.lock();
        assert_eq!(known.owners.len(), TOKENS_REMEMBERED_PER_ACCOUNT + 1);
        assert_eq!(known.tokens[&AccountId(1)].len(), TOKENS_REMEMBERED_PER_ACCOUNT);
        drop(known);
        assert_eq!(tokens.owner(&numbered(0)), None);
        assert_eq!(
            tokens.owner(&numbered(2 * TOKENS_REMEMBERED_MAX as u64 - 1)),
            Some(AccountId(1))
        );
    }

    #[test]
    fn tokens_are_remembered_up_to_a_bound() {
        let tokens = RecentTokens::default();
        for account in 0..TOKENS_REMEMBERED_MAX as u64 + 1 {
            note_all(&tokens, account as i64, account..account + 1);
        }
        let known = tokens.lock();
        assert_eq!(known.owners.len(), TOKENS_REMEMBERED_MAX / 2 + 1);
        assert_eq!(known.tokens.len(), known.owners.len());
        drop(known);
        for number in 0..=TOKENS_REMEMBERED_MAX as u64 {
            tokens.note(&numbered(number), None);
        }
        assert!(tokens.lock().owners.is_empty() && tokens.lock().tokens.is_empty());
    }
}
