//! Members of a group who do not get a post, because they have blocked the sender.

use std::collections::{BTreeSet, HashMap};

use wire::{AccountId, GroupId, Recipient};

use super::blocker::{blockers, few};
use super::context::BatchContext;
use super::{Operation, Submission, ask};
use crate::Result;
use crate::engine::{BatchStatement, Row, Rows, Value, for_each_row, statements};

/// By the index of a post: the accounts from which it is withheld. Each with the first of the consecutive entries before the batch
/// that are withheld as well; 0: none.
pub(super) type WithheldPosts = HashMap<usize, HashMap<AccountId, i64>>;

/// The members of a group who have blocked `sender`, as in [`WithheldPosts`].
pub(super) fn blocks_in(
    ctx: &mut BatchContext<'_>,
    sender: AccountId,
    group: GroupId,
) -> Result<HashMap<AccountId, i64>> {
    let row = [sender.0, group.0].map(Value::Int).to_vec();
    let blocks = ask(ctx.engine, &FIND_BLOCKERS, vec![row])?;
    blocks.iter().map(|row| Ok((AccountId(row.int(2)?), row.int(3)?))).collect()
}

/// The sender of a post to a group, and the group.
fn sender(submission: &Submission) -> Option<(i64, i64)> {
    match submission {
        Submission {
            by, operation: Operation::Post { to: Recipient::Group(group), .. }, ..
        } => Some((by.0, group.0)),
        _ => None,
    }
}

/// The rows for [`FIND_BLOCKERS`] and [`FIND_BLOCKED`]: one for all posts of a sender to a group.
pub(super) fn block_rows(submissions: &[Submission], indexes: &[usize]) -> Rows<'static> {
    let senders: BTreeSet<_> =
        indexes.iter().filter_map(|index| sender(&submissions[*index])).collect();
    senders.into_iter().map(|(by, group)| [by, group].map(Value::Int).to_vec()).collect()
}

/// The result of [`FIND_BLOCKERS`], by the index of the post.
pub(super) fn blocks_of(
    submissions: &[Submission],
    indexes: &[usize],
    rows: &[Row],
) -> Result<WithheldPosts> {
    let mut found = HashMap::<(i64, i64), HashMap<AccountId, i64>>::new();
    for row in rows {
        let blockers = found.entry((row.int(0)?, row.int(1)?)).or_default();
        blockers.insert(AccountId(row.int(2)?), row.int(3)?);
    }
    let of = |index: &usize| Some((*index, found.get(&sender(&submissions[*index])?)?.clone()));
    Ok(indexes.iter().filter_map(of).collect())
}

statements! {
    /// The members of a group who have blocked the sender of a post. To be run once the members' logs are locked.
    pub(super) static FIND_BLOCKERS: BatchStatement = for_each_row!(
        r(sender bigint, conversation bigint),
        blockers!(
            "r.sender, r.conversation, b.account, coalesce((select w.run from withheld w \
             where w.account = b.account and w.message = (select e.message from entry e \
             where e.conversation = r.conversation order by e.message desc limit 1)), 0)",
            "",
        )
    );
}
