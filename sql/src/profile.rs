//! An account's own data, together with the session of the request, in one statement.

use wire::TokenHash;

use crate::account::{Account, account_at};
use crate::engine::{Row, Statement, Value, statements};
use crate::privacy::Privacy;
use crate::session::{Session, session};
use crate::{Result, Store};

/// A live session and its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The session.
    pub session: Session,
    /// Its account.
    pub account: Account,
    /// Its privacy settings.
    pub privacy: Privacy,
    /// The bytes of text and files that the account has sent and that are kept.
    pub stored: i64,
}

impl Store {
    /// The session of this token, unless it has ended, with its account. The same as [`Store::session_by_token`] and
    /// [`Store::account`], in one round trip.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn profile_by_token(&self, token: &TokenHash, now: i64) -> Result<Option<Profile>> {
        let params = [Value::Bytes(&token.0), Value::Int(self.clock.trusted_by(now))];
        let found =
            self.read(self.tokens.requester(token), &PROFILE_BY_TOKEN, &params, profile)?.pop();
        self.tokens.note(token, found.as_ref().map(|profile| profile.account.id));
        Ok(found)
    }
}

fn profile(row: &mut Row) -> Result<Profile> {
    let (session, account) = (session(row)?, account_at(row, 6)?);
    Ok(Profile { session, account, privacy: Privacy::of(row, 13)?, stored: row.int(15)? })
}

statements! {
    static PROFILE_BY_TOKEN: Statement = Statement::both(
        "select s.id, s.account, s.device, s.created_at, s.seen_at, s.expires_at, \
         a.id, a.email, a.name, a.created_at, a.proved, a.next_email, a.picture, \
         l.shows_last_seen, l.shows_read, l.stored \
         from session s join account a on a.id = s.account join log l on l.account = s.account \
         where s.token_hash = $1 and s.expires_at > $2 and a.email is not null"
    );
}
