//! Tickets: credentials that stand for a session once and for a short time, where its token must not be shown. They expire by
//! PostgreSQL's clock, since another machine may issue them than uses them.

use wire::limit::TICKETS_MAX;
use wire::{AccountId, SessionId, TokenHash};

use crate::engine::{Statement, Value, statements};
use crate::{Result, Store};

/// The session that a ticket stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The session.
    pub session: SessionId,
    /// The account of the session.
    pub account: AccountId,
}

impl Store {
    /// Stores a ticket that is valid until `expires_at`. An account has at most [`TICKETS_MAX`] tickets; the oldest ones end.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the ticket may exist, and nobody has it.
    pub fn open_ticket(
        &self,
        ticket: Ticket,
        hash: &TokenHash,
        now: i64,
        expires_at: i64,
    ) -> Result<()> {
        let account = Value::Int(ticket.account.0);
        let shared = self.clock.shared_by(now);
        let (now, expires_at) = (shared, expires_at + (shared - now));
        let kept = [account, Value::Int(now), Value::Int(TICKETS_MAX - 1)];
        let (session, expiry) = (Value::Int(ticket.session.0), Value::Int(expires_at));
        let added = [Value::Bytes(&hash.0), account, session, expiry];
        self.write(ticket.account, |engine| {
            engine.run(&END_OLDEST, &kept)?;
            engine.run(&ADD_TICKET, &added).map(drop)
        })?;
        self.tokens.note(hash, Some(ticket.account));
        Ok(())
    }

    /// Uses a ticket up and returns its session. `None` if the ticket does not exist, was used before, or has expired. The session
    /// may have ended meanwhile: [`Store::log_position_of`] checks that.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the ticket may be used up.
    pub fn redeem_ticket(&self, hash: &TokenHash, now: i64) -> Result<Option<Ticket>> {
        let params = [Value::Bytes(&hash.0), Value::Int(self.clock.shared_by(now))];
        let requester = self.tokens.requester(hash);
        self.tokens.note(hash, None);
        // The ticket is looked up first, so that an invented one costs no write.
        let found = self.read(requester, &FIND_TICKET, &params, |row| row.int(0))?.pop();
        let Some(account) = found else { return Ok(None) };
        self.write(AccountId(account), |engine| {
            let used = engine.run(&USE_TICKET, &params)?;
            let ticket = used.first().map(|row| {
                Ok(Ticket { session: SessionId(row.int(0)?), account: AccountId(row.int(1)?) })
            });
            ticket.transpose()
        })
    }
}

statements! {
    static END_OLDEST: Statement = Statement::both(
        "delete from ticket where account = $1 and (expires_at <= $2 or hash not in (select hash from ticket \
         where account = $1 order by expires_at desc, hash limit $3))"
    );

    static ADD_TICKET: Statement = Statement::both(
        "insert into ticket (hash, account, session, expires_at) values ($1, $2, $3, $4)"
    );

    static FIND_TICKET: Statement =
        Statement::both("select account from ticket where hash = $1 and expires_at > $2");

    static USE_TICKET: Statement =
        Statement::both("delete from ticket where hash = $1 and expires_at > $2 returning session, account");

    /// Deletes expired tickets.
    pub(crate) static DELETE_OLD_TICKETS: Statement = Statement::both("delete from ticket where expires_at <= $1");
}
