//! The members of a group from whom a post is withheld, because they have blocked its sender.

use std::collections::{BTreeSet, HashMap};

use wire::{AccountId, GroupId, MessageId, Recipient};

use super::blocker::{blockers, few_blockers};
use super::context::BatchContext;
use super::{Operation, Submission, query_each};
use crate::Result;
use crate::engine::{BatchStatement, Row, Rows, Value, for_each_row, statements};

/// The accounts from which each post is withheld, by the index of the post. The number is the first of the consecutive entries up to
/// the conversation's last one that are withheld from the account, too; 0 if the last entry is not withheld.
pub(super) type WithheldPosts = HashMap<usize, HashMap<AccountId, i64>>;

/// The members of a group who have blocked `sender`, as in [`WithheldPosts`].
pub(super) fn withheld_members(
    ctx: &mut BatchContext<'_>,
    sender: AccountId,
    group: GroupId,
) -> Result<HashMap<AccountId, i64>> {
    let row = [sender.0, group.0].map(Value::Int).to_vec();
    let blocks = query_each(ctx.engine, &FIND_BLOCKERS, vec![row])?;
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

/// The rows of [`FIND_BLOCKERS`], by the index of the post.
pub(super) fn withheld_posts(
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

/// Records the accounts from which each post is withheld. Consecutive entries that are withheld from one account are a run.
/// `posts`: the id, the conversation and the index of each.
pub(super) fn note_withheld(
    ctx: &mut BatchContext<'_>,
    mut posts: Vec<(MessageId, i64, usize)>,
    withheld: &WithheldPosts,
) {
    posts.sort_unstable();
    // For each conversation: the accounts from which its last post is withheld, with the start of each run.
    let mut last = HashMap::<i64, HashMap<AccountId, i64>>::new();
    for (id, conversation, index) in posts {
        let before = last.get(&conversation);
        let mine = withheld.get(&index).into_iter().flatten();
        let run = |(account, stored): (&AccountId, &i64)| {
            let run = before.map_or(Some(*stored), |before| before.get(account).copied());
            (*account, run.filter(|run| *run > 0).unwrap_or(id.0))
        };
        let runs: HashMap<_, _> = mine.map(run).collect();
        for (account, run) in &runs {
            ctx.note_withheld(id, *account, conversation, *run);
        }
        last.insert(conversation, runs);
    }
}

statements! {
    /// The members of a group who have blocked the sender of a post. Must run after the members' logs are locked.
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
