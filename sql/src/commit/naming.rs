//! The names that go with events of a batch: looked up once at its end, for the few events that have any.

use std::collections::{BTreeSet, HashMap};

use wire::{AccountId, GroupId, MessageId, Recipient};

use super::context::BatchContext;
use super::pair::PairConversation;
use super::{CommittedEvent, ask};
use crate::contact::{FIND_NAMES, name_row};
use crate::engine::{BatchStatement, Statement, Value, statements};
use crate::event::{Authors, EventNames};
use crate::{ContactPolicy, Result};

/// Names that are to go with an event.
pub(super) struct Naming {
    /// The index of the event among those of the batch.
    event: usize,
    named: Authors,
    /// Who gets the names.
    to: BTreeSet<AccountId>,
    /// One of them, that gets the name of the author only if it may see it: it is not where the author is.
    outsider: Option<AccountId>,
}

impl BatchContext<'_> {
    /// The names of these accounts go with the last event, to the accounts `to`. `outsider` gets the author's name if it may see it.
    pub(in crate::commit) fn name_in_last(
        &mut self,
        named: Authors,
        to: BTreeSet<AccountId>,
        outsider: Option<AccountId>,
    ) {
        let event = self.committed.len() - 1;
        self.namings.push(Naming { event, named, to, outsider });
    }

    /// Looks up the names and puts them into the events.
    pub(super) fn add_names(&mut self) -> Result<()> {
        let namings = std::mem::take(&mut self.namings);
        if namings.is_empty() {
            return Ok(());
        }
        let accounts = namings.iter().flat_map(|it| it.named.0.into_iter().chain(it.named.1));
        let accounts: BTreeSet<_> = accounts.collect();
        // Everybody sees its own name.
        let own = accounts.iter().map(|id| name_row(ContactPolicy::Request, *id, *id));
        let seen = namings.iter().filter_map(|it| Some((it.outsider?, it.named.0?)));
        let seen: BTreeSet<_> = seen.filter(|(viewer, other)| viewer != other).collect();
        let seen =
            seen.iter().map(|(viewer, other)| name_row(self.policy.contact, *viewer, *other));
        let rows = own.chain(seen).collect();
        let mut names = HashMap::new();
        for mut row in ask(self.engine, &FIND_NAMES, rows)? {
            names.insert((AccountId(row.int(0)?), AccountId(row.int(1)?)), row.text(2)?);
        }
        for Naming { event, named: (by, member), mut to, outsider } in namings {
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

/// The name of `by` has gone with a message to `named`. If that is in a group: the row for [`SET_NAMED`].
pub(super) fn note_named(
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

/// Whose names have gone with messages, in conversations of two: before the posts of a batch, and after those so far.
#[derive(Default)]
pub(super) struct PairNames(HashMap<i64, (i64, i64)>);

impl PairNames {
    /// Whether the name of `by` goes with its message to `to`: with its first one there, and with each that is a request.
    pub(super) fn goes(
        &mut self,
        shared: &PairConversation,
        by: AccountId,
        to: AccountId,
        is_request: bool,
    ) -> bool {
        let (_, named) = self.0.entry(shared.conversation).or_insert((shared.named, shared.named));
        let side = if by < to { 1 } else { 2 };
        let goes = by != to && (is_request || *named & side == 0);
        *named |= if goes { side } else { 0 };
        goes
    }

    /// The conversations where that has changed.
    pub(super) fn changed(self) -> impl Iterator<Item = (i64, i64)> {
        let changed = self.0.into_iter().filter(|(_, (before, now))| before != now);
        changed.map(|(conversation, (_, now))| (conversation, now))
    }
}

/// The members of a group who came after the last message of `by` with which its name went.
pub(super) fn without_name(
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
    /// The last message of a member of a group with which its name went.
    pub(super) static SET_NAMED: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update member set named = r.message from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as \
             r(conversation, account, message) where member.conversation = r.conversation \
             and member.account = r.account",
        sqlite: "update member set named = ?3 where conversation = ?1 and account = ?2",
    });
}
