//! Codes that somebody shows outside of a session: looked up under a throttle for wrong ones.

use std::time::Instant;

use sql::{Account, CodePurpose, ShownCode};
use wire::{Email, Token};

use crate::context::Context;
use crate::error::{ApiError, ErrorCode};
use crate::request::Request;

/// A code that is good, or was a moment ago.
pub(crate) struct KnownCode {
    pub(crate) account: Account,
    token: Token,
}

impl KnownCode {
    /// The code, to be used for this email.
    pub(crate) fn shown_for(&self, email: &str) -> ShownCode {
        shown(&self.token, email)
    }
}

/// A code, to be used for this email.
pub(crate) fn shown(token: &Token, email: &str) -> ShownCode {
    ShownCode { hash: token.hash(), email: token.hash_with(&Email::identity_of(email)) }
}

impl Context {
    /// The account of a code.
    ///
    /// # Errors
    /// 410 for one that is no code, was used or is too old, which counts as a failure; 429 after too many of these.
    pub(crate) fn account_by_code(
        &self,
        request: &Request,
        purpose: CodePurpose,
        text: &str,
    ) -> Result<KnownCode, ApiError> {
        let now = Instant::now();
        let checked = self.code_failures.peek(request.address, now);
        checked.map_err(|wait| {
            ApiError::rate_limited("too many links that lead nowhere; wait", wait)
        })?;
        let token = Token::parse(text.trim());
        let account = match &token {
            Some(token) => self.store.account_by_code(purpose, &token.hash(), request.now)?,
            None => None,
        };
        match token.zip(account) {
            Some((token, account)) => Ok(KnownCode { account, token }),
            None => {
                // An empty bucket cannot hold more against anyone.
                let _ = self.code_failures.take(request.address, now);
                Err(gone())
            }
        }
    }
}

/// A code that is none, or not any more; which of these is not told.
pub(crate) fn gone() -> ApiError {
    ApiError::new(ErrorCode::Gone, "this link was used already or is too old; ask for a new one")
}
