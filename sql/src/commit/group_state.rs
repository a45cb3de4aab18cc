//! A group in memory while a batch is carried out: its name, members and invitations.

use std::collections::{BTreeMap, BTreeSet};

use wire::{AccountId, MessageId, Role};

use super::Submission;
use super::invitation::{Invitation, InvitationState};
use crate::Result;
use crate::engine::{
    BatchStatement, Engine, Row, Rows, Statement, Value, for_each_row, run_batches, statements,
};

/// A locked group and its members.
#[derive(Default)]
pub(super) struct GroupState {
    pub(super) name: String,
    /// The number of days for which the group keeps its messages; `None`: for ever.
    pub(super) days: Option<i64>,
    pub(super) members: BTreeMap<AccountId, Membership>,
    /// Present and withdrawn invitations. They are looked up only for operations that need them.
    pub(super) invitations: BTreeMap<AccountId, Invitation>,
}

/// The state of one member of a group.
#[derive(Clone, Copy)]
pub(super) struct Membership {
    pub(super) role: Role,
    /// The member sees messages after this one.
    pub(super) since: MessageId,
    /// The member's last message that carried its name. Members who joined later have not got the name yet.
    pub(super) named: MessageId,
}

impl Membership {
    /// The state of a new member, who sees messages after `since`.
    pub(super) fn new(role: Role, since: MessageId) -> Self {
        Self { role, since, named: MessageId(0) }
    }
}

impl GroupState {
    /// The members' accounts.
    pub(super) fn accounts(&self) -> Vec<AccountId> {
        self.members.keys().copied().collect()
    }

    /// The number of members and of invited accounts.
    pub(super) fn size(&self) -> usize {
        let invited = self.invitations.values().filter(|it| it.state != InvitationState::Withdrawn);
        self.members.len() + invited.count()
    }
}

/// Looks up the members and invitations of the locked groups. `rows`: the rows of [`LOCK_GROUPS`].
pub(super) fn complete(
    engine: &mut dyn Engine,
    submissions: &[Submission],
    rows: Vec<Row>,
) -> Result<BTreeMap<i64, GroupState>> {
    let mut states = BTreeMap::new();
    for mut row in rows {
        let group_state =
            GroupState { name: row.text(1)?, days: row.maybe_int(2)?, ..GroupState::default() };
        states.insert(row.int(0)?, group_state);
    }
    let groups = states.keys().map(|group| vec![Value::Int(*group)]).collect();
    let all = [(&FIND_MEMBERS, groups), (&FIND_INVITATIONS, invitation_rows(submissions))];
    let [members, invitations] = run_batches(engine, &all)?;
    for row in members {
        let role = if row.int(2)? == 1 { Role::Admin } else { Role::Member };
        let membership =
            Membership { role, since: MessageId(row.int(3)?), named: MessageId(row.int(4)?) };
        if let Some(group_state) = states.get_mut(&row.int(0)?) {
            group_state.members.insert(AccountId(row.int(1)?), membership);
        }
    }
    for row in invitations {
        if let Some(group_state) = states.get_mut(&row.int(0)?) {
            group_state.invitations.insert(AccountId(row.int(1)?), Invitation::of(&row, 2)?);
        }
    }
    Ok(states)
}

/// The rows for [`FIND_INVITATIONS`].
fn invitation_rows(submissions: &[Submission]) -> Rows<'static> {
    let operations = submissions
        .iter()
        .map(|submission| &submission.operation)
        .filter(|operation| operation.needs_invitations());
    let groups: BTreeSet<i64> =
        operations.filter_map(|operation| Some(operation.group()?.0)).collect();
    groups.into_iter().map(|group| vec![Value::Int(group)]).collect()
}

statements! {
    pub(super) static LOCK_GROUPS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select c.id, c.name, c.days from conversation c where c.id in (select r.id \
             from unnest($1::bigint[]) as r(id)) and c.low is null order by c.id for update",
        sqlite: "select c.id, c.name, c.days from conversation c where c.id = (?1) and c.low is null order by c.id",
    });

    static FIND_MEMBERS: BatchStatement = for_each_row!(
        r(conversation bigint),
        "select m.conversation, m.account, m.role, m.since, m.named from r \
         join member m on m.conversation = r.conversation and m.until is null"
    );

    static FIND_INVITATIONS: BatchStatement = for_each_row!(
        r(conversation bigint),
        "select i.conversation, i.account, i.inviter, i.entry, i.state, i.counted from r \
         join invitation i on i.conversation = r.conversation"
    );
}
