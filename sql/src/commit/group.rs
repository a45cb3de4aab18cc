//! Groups: made and changed.
//!
//! A group's row is locked while it is changed, so that changes, messages and leaving have one order in every log.

use std::collections::BTreeSet;

use wire::limit::{GROUP_MEMBERS_MAX, GROUPS_MAX};
use wire::{AccountId, Change, Code, GroupId, MessageId, Role, Seq, To};

use super::invite::{Standing, State};
use super::ledger::Ledger;
use super::room::{Room, Seat};
use super::{Act, Alteration, Done, Outcome, Refusal, for_each, invite, post};
use crate::Result;
use crate::account::first;
use crate::engine::{ForEach, Type, Value};
use crate::entry::{Entry, GroupChange, kind_of};
use crate::event::{Kind, What};

pub(super) const NOT_ADMIN: Refusal = Refusal::forbidden("only an admin of the group may do that");
const NO_MEMBER: Refusal = Refusal::not_found("the group has no such member");
const FULL: Refusal = Refusal { code: Code::TooMany, message: "a group has at most 1000 members" };

pub(super) const IN_TOO_MANY: Refusal = Refusal {
    code: Code::TooMany,
    message: "an account can be in 1000 groups: you, or somebody you want to add, must leave one first",
};

/// Makes a group; who makes it is its first admin. Who does not know it is invited, everybody else is in it at once.
pub(super) fn create(
    ledger: &mut Ledger<'_>,
    place: usize,
    act: &Act,
    name: &str,
    members: &[AccountId],
) -> Done {
    let mut everybody: BTreeSet<AccountId> = members.iter().copied().collect();
    everybody.insert(act.by);
    if everybody.iter().any(|account| !ledger.has_log(*account)) {
        return Ok(Err(Refusal::NO_ACCOUNT));
    }
    if everybody.len() > GROUP_MEMBERS_MAX {
        return Ok(Err(FULL));
    }
    let everybody: Vec<_> = everybody.into_iter().collect();
    let (standings, asked) = match invite::standings(ledger, act.by, &everybody)? {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (joining, invited): (Vec<_>, Vec<_>) = standings.into_iter().partition(Standing::joins);
    if joining.iter().any(|standing| ledger.groups(standing.account) >= GROUPS_MAX) {
        return Ok(Err(IN_TOO_MANY));
    }
    let entries = 1 + invited.len();
    if !ledger.has_room(act.by, (entries * name.len()) as i64) {
        return Ok(Err(Refusal::OVER_QUOTA));
    }
    asked.store(ledger)?;
    let sql = "insert into conversation (name) values ($1) returning id";
    let group = GroupId(first(&ledger.engine.run(sql, &[Value::Text(name)])?)?.int(0)?);
    let room = Room { name: name.to_owned(), ..Room::default() };
    *ledger.room_mut(group) = room;
    let audience: Vec<_> = joining.iter().map(|standing| standing.account).collect();
    let change = (Change::Create, None);
    let id = record(ledger, Some(place), act.by, group, change, &audience)?;
    for account in &audience {
        let role = if *account == act.by { Role::Admin } else { Role::Member };
        ledger.room_mut(group).members.insert(*account, Seat { role, since: id });
    }
    seat(ledger, group, &audience)?;
    for standing in &invited {
        invite::invite(ledger, None, act.by, group, standing)?;
    }
    Ok(Ok(Outcome::Done))
}

/// Changes a group, if who wants it may.
pub(super) fn change(
    ledger: &mut Ledger<'_>,
    place: usize,
    act: &Act,
    group: GroupId,
    how: &Alteration,
) -> Done {
    let by = act.by;
    let Some(own) = ledger.seat(group, by) else { return Ok(Err(Refusal::NO_GROUP)) };
    let is_leaving = match how {
        Alteration::Leave => true,
        Alteration::Remove(member) => *member == by,
        _ => false,
    };
    if is_leaving {
        return leave(ledger, place, by, group, own);
    }
    if own.role != Role::Admin {
        return Ok(Err(NOT_ADMIN));
    }
    // Who is over its quota can still have others go.
    let is_more = !matches!(how, Alteration::Remove(_) | Alteration::Demote(_));
    if is_more && !ledger.has_room(by, name_bytes(ledger, group, how)) {
        return Ok(Err(Refusal::OVER_QUOTA));
    }
    match how {
        Alteration::Add(member) => add(ledger, place, by, group, *member),
        Alteration::Remove(member) => remove(ledger, place, by, group, *member),
        Alteration::Rename(name) => rename(ledger, place, by, group, name),
        Alteration::Promote(member) => set_role(ledger, place, by, group, *member, Role::Admin),
        Alteration::Demote(member) => set_role(ledger, place, by, group, *member, Role::Member),
        Alteration::Leave => Ok(Ok(Outcome::Nothing)),
    }
}

fn add(
    ledger: &mut Ledger<'_>,
    place: usize,
    by: AccountId,
    group: GroupId,
    member: AccountId,
) -> Done {
    if !ledger.has_log(member) {
        return Ok(Err(Refusal::NO_ACCOUNT));
    }
    let invited = invite::state(ledger, group, member);
    let is_invited = invited.is_some_and(|state| state != State::Withdrawn);
    if is_invited {
        invite::invite_again(ledger, by, group, member)?;
    }
    if is_invited || ledger.seat(group, member).is_some() {
        return Ok(Ok(Outcome::Nothing));
    }
    if ledger.room(group).is_some_and(|room| room.size() >= GROUP_MEMBERS_MAX) {
        return Ok(Err(FULL));
    }
    let (standings, asked) = match invite::standings(ledger, by, &[member])? {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_asked = invite::was_there(ledger, group, member)?;
    if let Some(standing) = standings.iter().find(|standing| is_asked || !standing.joins()) {
        asked.store(ledger)?;
        invite::invite(ledger, Some(place), by, group, standing)?;
        return Ok(Ok(Outcome::Done));
    }
    if ledger.groups(member) >= GROUPS_MAX {
        return Ok(Err(IN_TOO_MANY));
    }
    let mut audience = accounts(ledger, group);
    audience.push(member);
    let id = record(ledger, Some(place), by, group, (Change::Add, Some(member)), &audience)?;
    let role = Role::Member;
    ledger.room_mut(group).members.insert(member, Seat { role, since: id });
    seat(ledger, group, &[member])?;
    Ok(Ok(Outcome::Done))
}

fn remove(
    ledger: &mut Ledger<'_>,
    place: usize,
    by: AccountId,
    group: GroupId,
    member: AccountId,
) -> Done {
    if ledger.seat(group, member).is_none() {
        let is_withdrawn = invite::withdraw(ledger, place, by, group, member)?;
        return Ok(if is_withdrawn { Ok(Outcome::Done) } else { Err(NO_MEMBER) });
    }
    let change = (Change::Remove, Some(member));
    let id = record(ledger, Some(place), by, group, change, &accounts(ledger, group))?;
    unseat(ledger, group, member, id)?;
    Ok(Ok(Outcome::Done))
}

/// The last admin's place goes to the longest-standing member.
fn leave(ledger: &mut Ledger<'_>, place: usize, by: AccountId, group: GroupId, own: Seat) -> Done {
    let audience = accounts(ledger, group);
    let others = || {
        let room = ledger.room(group);
        room.into_iter().flat_map(|room| &room.members).filter(|(account, _)| **account != by)
    };
    let has_admin = others().any(|(_, seat)| seat.role == Role::Admin);
    let heir = others().min_by_key(|(account, seat)| (seat.since, **account)).map(|(id, _)| *id);
    if let Some(heir) = heir.filter(|_| own.role == Role::Admin && !has_admin) {
        record(ledger, None, by, group, (Change::Promote, Some(heir)), &audience)?;
        give_role(ledger, group, heir, Role::Admin)?;
    }
    let id = record(ledger, Some(place), by, group, (Change::Leave, None), &audience)?;
    unseat(ledger, group, by, id)?;
    if accounts(ledger, group).is_empty() {
        invite::withdraw_all(ledger, group)?;
    }
    Ok(Ok(Outcome::Done))
}

fn rename(
    ledger: &mut Ledger<'_>,
    place: usize,
    by: AccountId,
    group: GroupId,
    name: &str,
) -> Done {
    if ledger.room(group).is_some_and(|room| room.name == name) {
        return Ok(Ok(Outcome::Nothing));
    }
    let sql = "update conversation set name = $1 where id = $2";
    ledger.engine.run(sql, &[Value::Text(name), Value::Int(group.0)])?;
    name.clone_into(&mut ledger.room_mut(group).name);
    // The name holds for all; but it is text, and reaches nobody who has blocked whose it is.
    let deaf = post::blocks_in(ledger, by, group)?;
    let mut audience = accounts(ledger, group);
    audience.retain(|account| !deaf.contains_key(account));
    let id = record(ledger, Some(place), by, group, (Change::Rename, None), &audience)?;
    for (account, run) in deaf {
        ledger.note_withheld(id, account, group.0, if run > 0 { run } else { id.0 });
    }
    ledger.withhold()?;
    Ok(Ok(Outcome::Done))
}

fn set_role(
    ledger: &mut Ledger<'_>,
    place: usize,
    by: AccountId,
    group: GroupId,
    member: AccountId,
    role: Role,
) -> Done {
    let Some(seat) = ledger.seat(group, member) else { return Ok(Err(NO_MEMBER)) };
    if seat.role == role {
        return Ok(Ok(Outcome::Nothing));
    }
    let room = ledger.room(group);
    let admins = room
        .map_or(0, |room| room.members.values().filter(|seat| seat.role == Role::Admin).count());
    let change = match role {
        Role::Admin => Change::Promote,
        Role::Member | Role::Invited if admins == 1 => {
            return Ok(Err(Refusal::forbidden(
                "a group needs an admin: promote another member first",
            )));
        }
        Role::Member | Role::Invited => Change::Demote,
    };
    record(ledger, Some(place), by, group, (change, Some(member)), &accounts(ledger, group))?;
    give_role(ledger, group, member, role)?;
    Ok(Ok(Outcome::Done))
}

/// Bytes of the name that the entry of a change holds.
fn name_bytes(ledger: &Ledger<'_>, group: GroupId, how: &Alteration) -> i64 {
    let name = match how {
        Alteration::Rename(name) => Some(name),
        _ => ledger.room(group).map(|room| &room.name),
    };
    name.map_or(0, |name| name.len() as i64)
}

/// Who is in a group now.
pub(super) fn accounts(ledger: &Ledger<'_>, group: GroupId) -> Vec<AccountId> {
    ledger.room(group).map(Room::accounts).unwrap_or_default()
}

fn give_role(ledger: &mut Ledger<'_>, group: GroupId, member: AccountId, role: Role) -> Result<()> {
    if let Some(seat) = ledger.room_mut(group).members.get_mut(&member) {
        seat.role = role;
    }
    let sql = "update member set role = $1 where conversation = $2 and account = $3";
    let params = [Value::Int(number(role)), Value::Int(group.0), Value::Int(member.0)];
    ledger.engine.run(sql, &params).map(drop)
}

fn number(role: Role) -> i64 {
    i64::from(role == Role::Admin)
}

static SEAT: ForEach = ForEach {
    sql: "insert into member (conversation, account, role, since, delivered, read) \
          select r.conversation, r.account, r.role, r.since, r.since, r.since from {rows} where true \
          on conflict (conversation, account) do update set role = excluded.role, since = excluded.since, \
          until = null, delivered = excluded.delivered, read = excluded.read",
    columns: &[
        ("conversation", Type::Int),
        ("account", Type::Int),
        ("role", Type::Int),
        ("since", Type::Int),
    ],
};

/// Writes down who has come. Who comes back begins anew.
pub(super) fn seat(ledger: &mut Ledger<'_>, group: GroupId, accounts: &[AccountId]) -> Result<()> {
    accounts.iter().for_each(|account| ledger.add_groups(*account, 1));
    let row = |account: &AccountId| {
        let seat = ledger.seat(group, *account)?;
        let (role, since) = (Value::Int(number(seat.role)), Value::Int(seat.since.0));
        Some(vec![Value::Int(group.0), Value::Int(account.0), role, since])
    };
    let rows: Vec<_> = accounts.iter().filter_map(row).collect();
    for_each(ledger.engine, &SEAT, rows)
}

/// Who has gone sees everything up to its going, `last`.
fn unseat(
    ledger: &mut Ledger<'_>,
    group: GroupId,
    member: AccountId,
    last: MessageId,
) -> Result<()> {
    ledger.room_mut(group).members.remove(&member);
    ledger.add_groups(member, -1);
    if !ledger.has_log(member) {
        let sql = "delete from member where conversation = $1 and account = $2";
        return ledger.engine.run(sql, &[group.0, member.0].map(Value::Int)).map(drop);
    }
    let sql = "update member set until = $1, role = 0 where conversation = $2 and account = $3";
    let params = [Value::Int(last.0), Value::Int(group.0), Value::Int(member.0)];
    ledger.engine.run(sql, &params).map(drop)
}

/// Writes a change of a group into it and into everybody's log.
pub(super) fn record(
    ledger: &mut Ledger<'_>,
    place: Option<usize>,
    by: AccountId,
    group: GroupId,
    (change, member): (Change, Option<AccountId>),
    audience: &[AccountId],
) -> Result<MessageId> {
    let name = ledger.room(group).map(|room| room.name.clone()).unwrap_or_default();
    let (to, kind, subject) = (To::Group(group), kind_of(change), member.map(|id| id.0));
    let at = ledger.time_in(group.0)?;
    let row = NewEntry { conversation: group.0, to, kind, content: &name, subject, at };
    let entry = Entry::Change(GroupChange { group, change, by, member, name: name.clone(), at });
    write(ledger, place, by, &row, entry, audience)
}

/// What `by` does reaches these; see [`Ledger::note_reached`].
pub(super) fn note_reached(
    ledger: &mut Ledger<'_>,
    by: AccountId,
    at: i64,
    audience: &[AccountId],
) -> Result<()> {
    if audience.iter().all(|account| *account == by) {
        return Ok(());
    }
    let sql = "select account, blocked from block where account = $1";
    let blocked = ledger.engine.run(sql, &[Value::Int(by.0)])?;
    ledger.note_all_blocked(&blocked)?;
    ledger.note_reached(by, at, audience.iter().copied());
    Ok(())
}

pub(super) struct NewEntry<'a> {
    pub(super) conversation: i64,
    pub(super) to: To,
    pub(super) kind: i64,
    pub(super) content: &'a str,
    pub(super) subject: Option<i64>,
    pub(super) at: i64,
}

/// Inserts an entry and puts it into everybody's log; `by` is among them. `place`: the act whose answer it is.
pub(super) fn write(
    ledger: &mut Ledger<'_>,
    place: Option<usize>,
    by: AccountId,
    row: &NewEntry<'_>,
    entry: Entry,
    audience: &[AccountId],
) -> Result<MessageId> {
    let mut to = Vec::with_capacity(audience.len());
    let mut own = Seq(0);
    for account in audience {
        let Some(seq) = ledger.next(*account) else { continue };
        if *account == by {
            own = seq;
        }
        to.push((*account, seq));
    }
    ledger.add_bytes(by, row.content.len() as i64);
    note_reached(ledger, by, row.at, audience)?;
    let sql = "insert into message (conversation, kind, sender, recipient, content, subject, at, ref, seq) \
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id";
    let recipient = match row.to {
        To::Account(account) => Value::Int(account.0),
        To::Group(_) => Value::Null,
    };
    let reference = place.and_then(|place| ledger.reference(place));
    let params = [
        Value::Int(row.conversation),
        Value::Int(row.kind),
        Value::Int(by.0),
        recipient,
        Value::Text(row.content),
        row.subject.map_or(Value::Null, Value::Int),
        Value::Int(row.at),
        Value::maybe_text(reference),
        Value::Int(own.0),
    ];
    let id = MessageId(first(&ledger.engine.run(sql, &params)?)?.int(0)?);
    ledger.tell_at(to, (Kind::Entry, Some(id), None), What::Entry(entry), place);
    Ok(id)
}
