//! Passes operations to the committer, which answers them after the commit. Operations are requests that change the database.

use std::sync::Arc;
use std::time::Instant;

use sql::{Operation, Submission};
use wire::AccountId;

use crate::committer::Task;
use crate::dispatcher::unavailable;
use crate::limit::QUEUE_WAIT_MAX;
use crate::metrics;
use crate::replies::Replies;
use crate::server::Accounts;

/// Submits an operation of account `by`. Everything that a connection submits in a tick, which began at `now`, waits
/// for room in the queue only once.
pub(crate) fn submit(
    accounts: &Accounts,
    replies: &Replies,
    now: Instant,
    by: AccountId,
    operation: Operation,
    reference: Option<&str>,
) {
    let is_message = matches!(operation, Operation::Post { .. });
    let submission = Submission { by, reference: reference.map(str::to_owned), operation };
    let task = Task::Operation(submission, Some(Arc::clone(replies.outbox())));
    if !accounts.committer.submit_by(task, now + QUEUE_WAIT_MAX) {
        if is_message {
            metrics::MESSAGES.inc("unavailable");
        }
        replies.push(&unavailable(reference));
    }
}

/// Answers an operation in guest mode. An acknowledgement is answered `ok`, although guests have no log. All other operations are
/// refused.
pub(crate) fn answer_guest(replies: &Replies, operation: &Operation, reference: Option<&str>) {
    match operation {
        Operation::Received { .. } => replies.ok(reference),
        _ => replies.unsupported(reference),
    }
}
