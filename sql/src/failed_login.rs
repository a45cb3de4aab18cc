//! Wrong passwords of the last moments, by which several auth servers on one database count those of each other.
//!
//! Rows name accounts and devices by hashes only. They are deleted after 30 s, by PostgreSQL's clock.

use crate::engine::{BatchStatement, Statement, Value, statements};
use crate::limit::{FAILED_LOGINS_KEPT_MS, FAILED_LOGINS_READ_MAX};
use crate::pool::Requester;
use crate::{Result, Store};

/// A wrong password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedLogin {
    /// A random number of the server that was sent it.
    pub source: i64,
    /// Its number at that server.
    pub number: i64,
    /// The client's IP address: 4 or 16 bytes.
    pub address: Vec<u8>,
    /// A hash of the email.
    pub account: i64,
    /// A hash of how the client is known to the account; `None` for a stranger.
    pub origin: Option<i64>,
}

impl Store {
    /// Adds wrong passwords that this server was sent, and deletes outdated ones of all servers.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn add_failed_logins(&self, failed: &[FailedLogin], now: i64) -> Result<()> {
        let now = self.clock.shared_by(now);
        let rows: Vec<_> = failed
            .iter()
            .map(|it| {
                let origin = it.origin.map_or(Value::Null, Value::Int);
                let (address, account) = (Value::Bytes(&it.address), Value::Int(it.account));
                vec![
                    Value::Int(it.source),
                    Value::Int(it.number),
                    Value::Int(now),
                    address,
                    account,
                    origin,
                ]
            })
            .collect();
        self.write(Requester::Server, |engine| {
            engine.run(&DELETE_OLD, &[Value::Int(now - FAILED_LOGINS_KEPT_MS)])?;
            engine.run_batch(&ADD, &rows).map(drop)
        })
    }

    /// The wrong passwords of the last moments that other servers than `source` were sent. The same ones are returned again until
    /// they are outdated. At most 10,000, the latest ones.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn failed_logins_elsewhere(&self, source: i64, now: i64) -> Result<Vec<FailedLogin>> {
        let since = self.clock.shared_by(now) - FAILED_LOGINS_KEPT_MS;
        let params = [source, since, FAILED_LOGINS_READ_MAX].map(Value::Int);
        self.read(Requester::Server, &ELSEWHERE, &params, |row| {
            Ok(FailedLogin {
                source: row.int(0)?,
                number: row.int(1)?,
                address: row.bytes(2)?,
                account: row.int(3)?,
                origin: row.maybe_int(4)?,
            })
        })
    }
}

statements! {
    static ADD: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into failed_login (source, number, at, address, account, origin) select * from unnest($1::bigint[], \
             $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[]) \
             as r(source, number, at, address, account, origin) on conflict do nothing",
        sqlite:
            "insert into failed_login (source, number, at, address, account, origin) values (?1, ?2, ?3, ?4, ?5, ?6) \
             on conflict do nothing",
    });

    static DELETE_OLD: Statement = Statement::both("delete from failed_login where at <= $1");

    static ELSEWHERE: Statement = Statement::both(
        "select source, number, address, account, origin from failed_login where source <> $1 and at > $2 \
         order by at desc, source, number limit $3"
    );
}
