//! A group as a batch works on it: its name, who is in it, and who is invited.

use std::collections::{BTreeMap, BTreeSet};

use wire::{AccountId, MessageId, Role};

use super::Act;
use super::invite::{Invitation, State};
use crate::Result;
use crate::engine::{Engine, ForEach, Row, Rows, Type, Value, run_all};

/// A group and who is in it now.
#[derive(Default)]
pub(super) struct Room {
    pub(super) name: String,
    pub(super) days: Option<i64>,
    pub(super) members: BTreeMap<AccountId, Seat>,
    /// Who is or was invited. Looked up only for deeds that need it.
    pub(super) invitations: BTreeMap<AccountId, Invitation>,
}

/// A member's place in a group.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    pub(super) role: Role,
    /// What it sees comes after this message.
    pub(super) since: MessageId,
}

impl Room {
    /// Who is in it.
    pub(super) fn accounts(&self) -> Vec<AccountId> {
        self.members.keys().copied().collect()
    }

    /// How many are in it or invited.
    pub(super) fn size(&self) -> usize {
        let invited = self.invitations.values().filter(|it| it.state != State::Withdrawn);
        self.members.len() + invited.count()
    }
}

/// Takes groups that [`LOCK_GROUPS`] has answered with, and looks up who is in them.
pub(super) fn complete(
    engine: &mut dyn Engine,
    acts: &[Act],
    rows: Vec<Row>,
) -> Result<BTreeMap<i64, Room>> {
    let mut rooms = BTreeMap::new();
    for mut row in rows {
        let room = Room { name: row.text(1)?, days: row.maybe_int(2)?, ..Room::default() };
        rooms.insert(row.int(0)?, room);
    }
    let groups = rooms.keys().map(|group| vec![Value::Int(*group)]).collect();
    let all = [(&FIND_MEMBERS, groups), (&FIND_INVITATIONS, invitation_rows(acts))];
    let [members, invitations] = run_all(engine, &all)?;
    for row in members {
        let role = if row.int(2)? == 1 { Role::Admin } else { Role::Member };
        let seat = Seat { role, since: MessageId(row.int(3)?) };
        if let Some(room) = rooms.get_mut(&row.int(0)?) {
            room.members.insert(AccountId(row.int(1)?), seat);
        }
    }
    for row in invitations {
        if let Some(room) = rooms.get_mut(&row.int(0)?) {
            room.invitations.insert(AccountId(row.int(1)?), Invitation::of(&row, 2)?);
        }
    }
    Ok(rooms)
}

/// The rows for [`FIND_INVITATIONS`].
fn invitation_rows(acts: &[Act]) -> Rows<'static> {
    let deeds = acts.iter().map(|act| &act.deed).filter(|deed| deed.needs_invitations());
    let groups: BTreeSet<i64> = deeds.filter_map(|deed| Some(deed.group()?.0)).collect();
    groups.into_iter().map(|group| vec![Value::Int(group)]).collect()
}

pub(super) static LOCK_GROUPS: ForEach = ForEach {
    sql: "select c.id, c.name, c.days from conversation c \
          where c.id in (select r.id from {rows}) and c.low is null order by c.id {lock}",
    columns: &[("id", Type::Int)],
};

static FIND_MEMBERS: ForEach = ForEach {
    sql: "select m.conversation, m.account, m.role, m.since from {rows} \
          join member m on m.conversation = r.conversation and m.until is null",
    columns: &[("conversation", Type::Int)],
};

static FIND_INVITATIONS: ForEach = ForEach {
    sql: "select i.conversation, i.account, i.inviter, i.entry, i.state, i.counted from {rows} \
          join invitation i on i.conversation = r.conversation",
    columns: &[("conversation", Type::Int)],
};
