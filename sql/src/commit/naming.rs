//! The names of accounts that are sent with events. They are looked up once at the end of a batch, for the few events that have any.

use std::collections::{BTreeSet, HashMap};

use wire::{AccountId, GroupId, MessageId, Recipient};

use super::context::BatchContext;
use super::pair::PairConversation;
use super::{CommittedEvent, query_each};
use crate::contact::{FIND_NAMES, name_row};
use crate::engine::{BatchStatement, Statement, Value, statements};
use crate::event::{Authors, EventNames};
use crate::{ContactPolicy, Result};

/// Names that are to be sent with an event, before they are looked up.
pub(super) struct PendingNames {
    /// The index of the event among those of the batch.
    event: usize,
    named: Authors,
    /// The accounts that get the names.
    to: BTreeSet<AccountId>,
    /// An account of `to` that is not in the conversation of the author. It gets the name of the author only if it may see it.
    outsider: Option<AccountId>,
}

impl BatchContext<'_> {
    /// The accounts `to` get the names of the accounts `named` with the last event. `outsider`: see [`PendingNames`].
    pub(in crate::commit) fn add_names_to_last_event(
        &mut self,
        named: Authors,
        to: BTreeSet<AccountId>,
        outsider: Option<AccountId>,
    ) {
        let event = self.committed.len() - 1;
        self.pending_names.push(PendingNames { event, named, to, outsider });
    }

    /// Looks up the names and puts them into the events.
    pub(super) fn look_up_names(&mut self) -> Result<()> {
        let pending_names = std::mem::take(&mut self.pending_names);
        if pending_names.is_empty() {
            return Ok(());
        }
        let accounts = pending_names.iter().flat_map(|it| it.named.0.into_iter().chain(it.named.1));
        let accounts: BTreeSet<_> = accounts.collect();
        // Every account may see its own name, so this look-up always answers.
        let own = accounts.iter().map(|id| name_row(ContactPolicy::Request, *id, *id));
        let seen = pending_names.iter().filter_map(|it| Some((it.outsider?, it.named.0?)));
        let seen: BTreeSet<_> = seen.filter(|(viewer, other)| viewer != other).collect();
        let seen =
            seen.iter().map(|(viewer, other)| name_row(self.policy.contact, *viewer, *other));
        let rows = own.chain(seen).collect();
        let mut names = HashMap::new();
        for mut row in query_each(self.engine, &FIND_NAMES, rows)? {
            names.insert((AccountId(row.int(0)?), AccountId(row.int(1)?)), row.text(2)?);
        }
        for PendingNames { event, named: (by, member), mut to, outsider } in pending_names {
            let name = |id: Option<AccountId>| names.get(&(id?, id?)).cloned();
            let may_see =
                |viewer: AccountId| by.is_some_and(|by| names.contains_key(&(viewer, by)));
            if let Some(outsider) = outsider.filter(|outsider| !may_see(*outsider)) {
                to.remove(&outsider);
            }
            let names = EventNames { by: name(by), member: name(member) };
            self.set_names(event, (names, to));
        }
        Ok(())
    }

    fn set_names(&mut self, event: usize, named: (EventNames, BTreeSet<AccountId>)) {
        let committed: &mut CommittedEvent = &mut self.committed[event];
        committed.named = Some(named);
    }
}

/// Records that the accounts `named` have got the name of `by` with a message. For a message in a group, returns the row for
/// [`SET_NAMED`].
pub(super) fn record_name_sent(
    ctx: &mut BatchContext<'_>,
    to: Recipient,
    by: AccountId,
    id: MessageId,
    named: &BTreeSet<AccountId>,
) -> Option<Vec<Value<'static>>> {
    let Recipient::Group(group) = to else { return None };
    if named.is_empty() {
        return None;
    }
    if let Some(membership) = ctx.group_mut(group).members.get_mut(&by) {
        membership.named = id;
    }
    Some([group.0, by.0, id.0].map(Value::Int).to_vec())
}

/// The accounts whose names were sent in conversations of two accounts (see [`PairConversation::named`]): before the posts of a
/// batch, and after the posts so far.
#[derive(Default)]
pub(super) struct PairNames(HashMap<i64, (i64, i64)>);

impl PairNames {
    /// Whether a message of `by` to `to` carries the name of `by`. The first message there does, and each message of a contact
    /// request.
    pub(super) fn is_due(
        &mut self,
        shared: &PairConversation,
        by: AccountId,
        to: AccountId,
        is_request: bool,
    ) -> bool {
        let (_, named) = self.0.entry(shared.conversation).or_insert((shared.named, shared.named));
        let side = if by < to { 1 } else { 2 };
        let is_due = by != to && (is_request || *named & side == 0);
        *named |= if is_due { side } else { 0 };
        is_due
    }

    /// The conversations that have changed, with their new value of `named`.
    pub(super) fn changed(self) -> impl Iterator<Item = (i64, i64)> {
        let changed = self.0.into_iter().filter(|(_, (before, now))| before != now);
        changed.map(|(conversation, (_, now))| (conversation, now))
    }
}

/// The members of a group who have not got the name of `by`: they joined after its last message that carried the name.
pub(super) fn members_without_name(
    ctx: &BatchContext<'_>,
    group: GroupId,
    by: AccountId,
) -> BTreeSet<AccountId> {
    let Some(own) = ctx.membership(group, by) else { return BTreeSet::new() };
    let members = ctx.group(group).into_iter().flat_map(|group_state| &group_state.members);
    let came = members.filter(|(account, it)| **account != by && it.since > own.named);
    came.map(|(account, _)| *account).collect()
}

statements! {
    /// Stores the last message of a member of a group that carried its name.
    pub(super) static SET_NAMED: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update member set named = r.message from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as \
             r(conversation, account, message) where member.conversation = r.conversation \
             and member.account = r.account",
        sqlite: "update member set named = ?3 where conversation = ?1 and account = ?2",
    });
}
