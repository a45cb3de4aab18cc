//! Reports: copies of messages that accounts give to the operator.

use wire::limit::REPORTS_MAX;
use wire::{AccountId, Code};

use super::context::BatchContext;
use super::{OpResult, Outcome, Rejection};
use crate::engine::{Statement, Value, statements};
use crate::entry::edits_withheld;

const DELETED: Rejection = Rejection {
    code: Code::TooLate,
    message: "this message is deleted: there is nothing to report",
};
const TOO_MANY: Rejection = Rejection {
    code: Code::TooMany,
    message: "the operator has 50 reports of yours and has not closed them yet; wait for that",
};

/// Stores a copy of a message for the operator, as `by` sees the message. There is no event of it.
pub(super) fn report(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    text: &str,
) -> OpResult {
    let Some(target) = ctx.target(index) else { return Err(Rejection::NO_MESSAGE.into()) };
    if target.deleted {
        return Err(DELETED.into());
    }
    let (id, account) = (Value::Int(target.id.0), Value::Int(by.0));
    if !ctx.engine.run(&FIND_REPORT, &[id, account])?.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    // The log of the account is locked, so no other node counts its reports at the same time.
    let open = ctx.engine.run(&COUNT_REPORTS, &[account, Value::Int(REPORTS_MAX)])?;
    if open.first().map_or(Ok(0), |row| row.int(0))? >= REPORTS_MAX {
        return Err(TOO_MANY.into());
    }
    let params = [account, Value::Int(ctx.at), Value::Text(text), id];
    ctx.engine.run(&ADD_REPORT, &params)?;
    Ok(Outcome::Unchanged)
}

statements! {
    static FIND_REPORT: Statement = Statement::both("select 1 from report where message = $1 and account = $2");

    static COUNT_REPORTS: Statement = Statement::both(
        "select count(*) from (select 1 from report where account = $1 limit $2) r"
    );

    /// Stores nothing if the message was deleted since it was looked up.
    static ADD_REPORT: Statement = Statement::both(concat!(
        "insert into report (message, account, at, text, sender, recipient, conversation, sent_at, content, files) \
         select m.id, q.account, q.at, q.text, m.sender, m.recipient, m.conversation, m.at, \
         coalesce(h.content, m.content), m.files from (select cast($1 as bigint) as account, \
         cast($2 as bigint) as at, cast($3 as text) as text, cast($4 as bigint) as message) q \
         join message m on m.id = q.message and m.deleted = 0",
        edits_withheld!("q.account")
    ));
}
