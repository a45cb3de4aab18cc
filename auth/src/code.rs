//! Codes of links, which a client presents without a session: looked up under a throttle for wrong ones.

use std::time::Instant;

use sql::{Account, CodePurpose, ShownCode};
use wire::{Email, Token};

use crate::context::Context;
use crate::error::{ApiError, ErrorCode};
use crate::request::Request;

/// A code that was valid when it was looked up.
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
    /// 410 for a code that is unknown, used or expired, which counts as a failure; 429 after too many failures.
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

/// The refusal of a code that is unknown, used or expired. It does not say which.
pub(crate) fn gone() -> ApiError {
    ApiError::new(ErrorCode::Gone, "this link was used already or is too old; ask for a new one")
}
