//! The messages that the submissions of a batch refer to.

use std::collections::HashMap;

use wire::{AccountId, MessageId};

use super::Submission;
use crate::Result;
use crate::engine::{BatchStatement, Row, Rows, Value, for_each_row, statements};
use crate::entry::REQUEST;

/// The targets by the index of their submission. A message that the submitter cannot see is missing.
pub(super) type Targets = HashMap<usize, TargetMessage>;

/// A message that a submission refers to.
#[derive(Clone)]
pub(super) struct TargetMessage {
    pub(super) id: MessageId,
    pub(super) conversation: i64,
    pub(super) from: AccountId,
    /// `None`: the message is in a group.
    pub(super) recipient: Option<AccountId>,
    pub(super) at: i64,
    pub(super) deleted: bool,
    /// Whether it was sent as a message request.
    pub(super) request: bool,
}

/// The rows for [`FIND_TARGETS`].
pub(super) fn rows(submissions: &[Submission]) -> Rows<'static> {
    let row = |(index, submission): (i64, &Submission)| {
        let id = submission.operation.target()?;
        Some(vec![Value::Int(index), Value::Int(submission.by.0), Value::Int(id.0)])
    };
    (0..).zip(submissions).filter_map(row).collect()
}

/// Parses the rows of [`FIND_TARGETS`].
pub(super) fn targets(rows: &[Row]) -> Result<Targets> {
    let map_row = |row: &Row| {
        let target = TargetMessage {
            id: MessageId(row.int(1)?),
            conversation: row.int(2)?,
            from: AccountId(row.int(3)?),
            recipient: row.maybe_int(4)?.map(AccountId),
            at: row.int(5)?,
            deleted: row.int(6)? != 0,
            request: row.maybe_int(7)? == Some(REQUEST),
        };
        Ok((row.int(0)? as usize, target))
    };
    rows.iter().map(map_row).collect()
}

statements! {
    /// `member` is read by a subquery: in a join PostgreSQL may read all members of the group.
    pub(super) static FIND_TARGETS: BatchStatement = for_each_row!(
        r(submission bigint, account bigint, message bigint),
        "select r.submission, m.id, m.conversation, m.sender, m.recipient, m.at, m.deleted, m.subject from r \
         join message m on m.id = r.message and m.kind = 0 where (select m.id > s.since and m.id > s.cleared and (s.until is null \
         or m.id <= s.until) from member s where s.conversation = m.conversation and s.account = r.account) \
         and not exists (select 1 from withheld w where w.message = m.id and w.account = r.account)"
    );
}
