//! What is stored: handed to the committer, which answers.

use std::sync::Arc;

use sql::{Operation, Submission};
use wire::AccountId;

use crate::committer::{Task, unavailable};
use crate::connection::Connection;
use crate::limit::QUEUE_WAIT_MAX;
use crate::metrics;
use crate::server::Accounts;

/// Has `by`'s deed stored; the answer comes after the commit.
pub(crate) fn submit(
    connection: &Connection<'_>,
    accounts: &Accounts,
    by: AccountId,
    operation: Operation,
    reference: Option<&str>,
) {
    let is_message = matches!(operation, Operation::Post { .. });
    let act = Submission { by, reference: reference.map(str::to_owned), operation };
    let task = Task::Act(act, Some(Arc::clone(&connection.outbox)));
    if !accounts.committer.submit_by(task, connection.now + QUEUE_WAIT_MAX) {
        if is_message {
            metrics::MESSAGES.inc("unavailable");
        }
        connection.outbox.push(&unavailable(reference));
    }
}
