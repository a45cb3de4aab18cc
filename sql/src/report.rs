//! Reports of messages, which the operator reads and closes, and their expiry.
//!
//! A report holds a copy of its message. So it stays when the message is edited, deleted or expires, and when one of the two
//! accounts is deleted.

use wire::limit::REPORT_LIFE_MS;
use wire::{AccountId, File, MessageId, Recipient};

use crate::engine::{Row, Statement, Value, statements};
use crate::limit::REPORTS_PAGE;
use crate::pool::Requester;
use crate::{Error, Result, Store};

/// A reported message, as it was at the time of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The message.
    pub message: MessageId,
    /// The account that has reported it.
    pub by: Reported,
    /// The time of the report, in milliseconds.
    pub at: i64,
    /// The reason that the account has given; may be empty.
    pub text: String,
    /// The account that has sent the message.
    pub from: Reported,
    /// The recipient of the message.
    pub to: Recipient,
    /// When it was sent, in milliseconds.
    pub sent_at: i64,
    /// Its text, as the account that reports it saw it.
    pub content: String,
    /// Its files.
    pub files: Vec<File>,
}

/// An account in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Its number.
    pub id: AccountId,
    /// Its name and email; `None` once it is deleted.
    pub known: Option<(String, String)>,
}

/// Where a page of reports ends: the time, the message and the account of its last one.
pub type ReportCursor = (i64, MessageId, AccountId);

/// A report, for the export of the account that has made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedReport {
    /// The message.
    pub id: MessageId,
    /// The reason that the account has given.
    pub text: String,
    /// The time of the report, in milliseconds.
    pub at: i64,
}

impl Report {
    /// The cursor after this report.
    #[must_use]
    pub fn cursor(&self) -> ReportCursor {
        (self.at, self.message, self.by.id)
    }
}

impl Store {
    /// The next page of reports, the oldest first; empty after the last one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn reports(&self, after: Option<ReportCursor>) -> Result<Vec<Report>> {
        let (at, message, account) = after.unwrap_or((i64::MIN, MessageId(0), AccountId(0)));
        let params = [at, message.0, account.0, REPORTS_PAGE].map(Value::Int);
        self.read(Requester::Server, &NEXT_REPORTS, &params, report)
    }

    /// Deletes all reports of a message, and returns their number.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn close_reports(&self, message: MessageId) -> Result<usize> {
        self.write(Requester::Server, |engine| {
            Ok(engine.run(&DELETE_REPORTS, &[Value::Int(message.0)])?.len())
        })
    }

    /// Deletes reports that are older than [`REPORT_LIFE_MS`]. Deletes nothing while the machine's clock is in doubt.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; reports that are already deleted stay deleted.
    pub fn expire_reports(&self, now: i64) -> Result<()> {
        let Some(now) = self.clock.sweep_by(now) else { return Ok(()) };
        let params = [now.saturating_sub(REPORT_LIFE_MS), REPORTS_PAGE].map(Value::Int);
        if self.read(Requester::Server, &FIND_OLD_REPORT, &params[..1], |_| Ok(()))?.is_empty() {
            return Ok(());
        }
        let delete = || {
            self.write_in_background(Requester::Server, |engine| {
                Ok(engine.run(&DELETE_OLD_REPORTS, &params)?.len())
            })
        };
        while delete()? > 0 {}
        Ok(())
    }

    /// The stored reports of an account, at most [`wire::limit::REPORTS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn exported_reports(&self, account: AccountId) -> Result<Vec<ExportedReport>> {
        self.read(account, &REPORTS_OF, &[Value::Int(account.0)], |row| {
            Ok(ExportedReport { id: MessageId(row.int(0)?), text: row.text(1)?, at: row.int(2)? })
        })
    }
}

fn report(row: &mut Row) -> Result<Report> {
    let by = reported(row, 1)?;
    let from = reported(row, 6)?;
    let to = match row.maybe_int(9)? {
        Some(account) => Recipient::Account(AccountId(account)),
        None => Recipient::Group(wire::GroupId(row.int(10)?)),
    };
    let files = row.maybe_text(13)?;
    let files = files.map_or(Some(Vec::new()), |text| File::read_all(&text));
    let files = files.ok_or_else(|| Error::Internal("a report's files are no files".to_owned()))?;
    Ok(Report {
        message: MessageId(row.int(0)?),
        by,
        at: row.int(4)?,
        text: row.text(5)?,
        from,
        to,
        sent_at: row.int(11)?,
        content: row.text(12)?,
        files,
    })
}

/// Reads the three columns of an account that begin at column `at`.
fn reported(row: &mut Row, at: usize) -> Result<Reported> {
    let id = AccountId(row.int(at)?);
    Ok(Reported { id, known: row.maybe_text(at + 1)?.zip(row.maybe_text(at + 2)?) })
}

statements! {
    static NEXT_REPORTS: Statement = Statement::both(
        "select r.message, r.account, b.name, b.email, r.at, r.text, r.sender, s.name, s.email, r.recipient, \
         r.conversation, r.sent_at, r.content, r.files from report r left join account b on b.id = r.account \
         left join account s on s.id = r.sender where (r.at, r.message, r.account) > ($1, $2, $3) \
         order by r.at, r.message, r.account limit $4"
    );

    static DELETE_REPORTS: Statement =
        Statement::both("delete from report where message = $1 returning account");

    static FIND_OLD_REPORT: Statement = Statement::both("select 1 from report where at < $1 limit 1");

    static DELETE_OLD_REPORTS: Statement = Statement::both(
        "delete from report where (message, account) in (select r.message, r.account from report r \
         where r.at < $1 order by r.at, r.message, r.account limit $2) returning message"
    );

    static REPORTS_OF: Statement =
        Statement::both("select message, text, at from report where account = $1 order by message");
}
