//! Creating and changing groups.
//!
//! A change locks the group's row. So changes and messages have the same order in the logs of all members.

use std::collections::BTreeSet;

use wire::limit::{GROUP_MEMBERS_MAX, GROUPS_MAX};
use wire::{AccountId, Change, Code, GroupId, Role};

use super::context::BatchContext;
use super::group_state::{GroupState, Membership};
use super::invitation::InvitationState;
use super::invite::Candidate;
use super::member::{TOO_MANY_GROUPS, add_members, give_role, member_accounts, remove_member};
use super::new_entry::write_group_change;
use super::{GroupAction, OpResult, Outcome, Rejection, Submission, invite, withheld_posts};
use crate::engine::{Statement, Value, first, statements};
use crate::quota::Size;

pub(super) const NOT_ADMIN: Rejection =
    Rejection::forbidden("only an admin of the group may do that");
const NO_MEMBER: Rejection = Rejection::not_found("the group has no such member");
const GROUP_FULL: Rejection =
    Rejection { code: Code::TooMany, message: "a group has at most 1000 members" };

/// Creates a group; its creator is the first admin. Accounts that do not know the creator are invited, all others join at once.
pub(super) fn create(
    ctx: &mut BatchContext<'_>,
    index: usize,
    submission: &Submission,
    name: &str,
    members: &[AccountId],
) -> OpResult {
    let mut everybody: BTreeSet<AccountId> = members.iter().copied().collect();
    everybody.insert(submission.by);
    if everybody.iter().any(|account| !ctx.has_log(*account)) {
        return Err(Rejection::NO_ACCOUNT.into());
    }
    if everybody.len() > GROUP_MEMBERS_MAX {
        return Err(GROUP_FULL.into());
    }
    let everybody: Vec<_> = everybody.into_iter().collect();
    let (candidates, requests) = invite::candidates(ctx, submission.by, &everybody)?;
    let (joining, invited): (Vec<_>, Vec<_>) = candidates.into_iter().partition(Candidate::joins);
    if joining.iter().any(|candidate| ctx.group_count(candidate.account) >= GROUPS_MAX) {
        return Err(TOO_MANY_GROUPS.into());
    }
    let entries = 1 + invited.len() as i64;
    if !ctx.has_room(submission.by, Size::of_entry(name, 0).times(entries)) {
        return Err(Rejection::OVER_QUOTA.into());
    }
    requests.store(ctx)?;
    let group = GroupId(first(&ctx.engine.run(&ADD_GROUP, &[Value::Text(name)])?)?.int(0)?);
    let group_state = GroupState { name: name.to_owned(), ..GroupState::default() };
    *ctx.group_mut(group) = group_state;
    let audience: Vec<_> = joining.iter().map(|candidate| candidate.account).collect();
    let change = (Change::Create, None);
    let id = write_group_change(ctx, Some(index), submission.by, group, change, &audience)?;
    for account in &audience {
        let role = if *account == submission.by { Role::Admin } else { Role::Member };
        ctx.group_mut(group).members.insert(*account, Membership::new(role, id));
    }
    add_members(ctx, group, &audience)?;
    for candidate in &invited {
        invite::invite(ctx, None, submission.by, group, candidate)?;
    }
    Ok(Outcome::Done)
}

/// Changes a group, if the submitter is allowed to.
pub(super) fn change(
    ctx: &mut BatchContext<'_>,
    index: usize,
    submission: &Submission,
    group: GroupId,
    action: &GroupAction,
) -> OpResult {
    let by = submission.by;
    let Some(own) = ctx.membership(group, by) else { return Err(Rejection::NO_GROUP.into()) };
    let is_leaving = match action {
        GroupAction::Leave => true,
        GroupAction::Remove(member) => *member == by,
        _ => false,
    };
    if is_leaving {
        return leave(ctx, index, by, group, own);
    }
    if own.role != Role::Admin {
        return Err(NOT_ADMIN.into());
    }
    // An account over its quota can still remove members.
    let is_more = !matches!(action, GroupAction::Remove(_) | GroupAction::Demote(_));
    if is_more && !ctx.has_room(by, change_size(ctx, group, action)) {
        return Err(Rejection::OVER_QUOTA.into());
    }
    match action {
        GroupAction::Add(member) => add(ctx, index, by, group, *member),
        GroupAction::Remove(member) => remove(ctx, index, by, group, *member),
        GroupAction::Rename(name) => rename(ctx, index, by, group, name),
        GroupAction::Promote(member) => set_role(ctx, index, by, group, *member, Role::Admin),
        GroupAction::Demote(member) => set_role(ctx, index, by, group, *member, Role::Member),
        GroupAction::Leave => Ok(Outcome::Unchanged),
    }
}

fn add(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
    member: AccountId,
) -> OpResult {
    if !ctx.has_log(member) {
        return Err(Rejection::NO_ACCOUNT.into());
    }
    let invited = invite::state(ctx, group, member);
    let is_invited = invited.is_some_and(|state| state != InvitationState::Withdrawn);
    if is_invited {
        invite::renew_invitation(ctx, by, group, member)?;
    }
    if is_invited || ctx.membership(group, member).is_some() {
        return Ok(Outcome::Unchanged);
    }
    if ctx.group(group).is_some_and(|group_state| group_state.size() >= GROUP_MEMBERS_MAX) {
        return Err(GROUP_FULL.into());
    }
    let (candidates, requests) = invite::candidates(ctx, by, &[member])?;
    let must_accept = invite::was_member_or_invited(ctx, group, member)?;
    if let Some(candidate) = candidates.iter().find(|candidate| must_accept || !candidate.joins()) {
        requests.store(ctx)?;
        invite::invite(ctx, Some(index), by, group, candidate)?;
        return Ok(Outcome::Done);
    }
    if ctx.group_count(member) >= GROUPS_MAX {
        return Err(TOO_MANY_GROUPS.into());
    }
    let mut audience = member_accounts(ctx, group);
    audience.push(member);
    let id =
        write_group_change(ctx, Some(index), by, group, (Change::Add, Some(member)), &audience)?;
    let role = Role::Member;
    ctx.group_mut(group).members.insert(member, Membership::new(role, id));
    add_members(ctx, group, &[member])?;
    Ok(Outcome::Done)
}

fn remove(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
    member: AccountId,
) -> OpResult {
    if ctx.membership(group, member).is_none() {
        let is_withdrawn = invite::withdraw(ctx, index, by, group, member)?;
        return if is_withdrawn { Ok(Outcome::Done) } else { Err(NO_MEMBER.into()) };
    }
    let change = (Change::Remove, Some(member));
    let id = write_group_change(ctx, Some(index), by, group, change, &member_accounts(ctx, group))?;
    remove_member(ctx, group, member, id)?;
    Ok(Outcome::Done)
}

/// If the last admin leaves, the longest-standing member becomes admin.
fn leave(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
    own: Membership,
) -> OpResult {
    let audience = member_accounts(ctx, group);
    let others = || {
        let group_state = ctx.group(group);
        group_state
            .into_iter()
            .flat_map(|group_state| &group_state.members)
            .filter(|(account, _)| **account != by)
    };
    let has_admin = others().any(|(_, membership)| membership.role == Role::Admin);
    let successor = others()
        .min_by_key(|(account, membership)| (membership.since, **account))
        .map(|(id, _)| *id);
    if let Some(successor) = successor.filter(|_| own.role == Role::Admin && !has_admin) {
        write_group_change(ctx, None, by, group, (Change::Promote, Some(successor)), &audience)?;
        give_role(ctx, group, successor, Role::Admin)?;
    }
    let id = write_group_change(ctx, Some(index), by, group, (Change::Leave, None), &audience)?;
    remove_member(ctx, group, by, id)?;
    if member_accounts(ctx, group).is_empty() {
        invite::withdraw_all(ctx, group)?;
    }
    Ok(Outcome::Done)
}

fn rename(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
    name: &str,
) -> OpResult {
    if ctx.group(group).is_some_and(|group_state| group_state.name == name) {
        return Ok(Outcome::Unchanged);
    }
    ctx.engine.run(&SET_GROUP_NAME, &[Value::Text(name), Value::Int(group.0)])?;
    name.clone_into(&mut ctx.group_mut(group).name);
    // The name changes for all members. But a name is a text of the submitter, so members who have blocked it get no event.
    let excluded = withheld_posts::withheld_members(ctx, by, group)?;
    let mut audience = member_accounts(ctx, group);
    audience.retain(|account| !excluded.contains_key(account));
    let id = write_group_change(ctx, Some(index), by, group, (Change::Rename, None), &audience)?;
    for (account, run) in excluded {
        ctx.note_withheld(id, account, group.0, if run > 0 { run } else { id.0 });
    }
    ctx.write_withheld()?;
    Ok(Outcome::Done)
}

fn set_role(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
    member: AccountId,
    role: Role,
) -> OpResult {
    let Some(membership) = ctx.membership(group, member) else { return Err(NO_MEMBER.into()) };
    if membership.role == role {
        return Ok(Outcome::Unchanged);
    }
    let group_state = ctx.group(group);
    let admins = group_state.map_or(0, |group_state| {
        group_state.members.values().filter(|membership| membership.role == Role::Admin).count()
    });
    let change = match role {
        Role::Admin => Change::Promote,
        Role::Member | Role::Invited if admins == 1 => {
            return Err(Rejection::forbidden(
                "a group needs an admin: promote another member first",
            )
            .into());
        }
        Role::Member | Role::Invited => Change::Demote,
    };
    write_group_change(
        ctx,
        Some(index),
        by,
        group,
        (change, Some(member)),
        &member_accounts(ctx, group),
    )?;
    give_role(ctx, group, member, role)?;
    Ok(Outcome::Done)
}

/// What the entry of a change counts for the quota of the submitter.
fn change_size(ctx: &BatchContext<'_>, group: GroupId, action: &GroupAction) -> Size {
    match action {
        GroupAction::Rename(name) => Size::of_entry(name, ctx.other_members(group)),
        _ => {
            let group_state = ctx.group(group);
            group_state.map_or_else(Size::default, |it| Size::of_entry(&it.name, 0))
        }
    }
}

statements! {
    static ADD_GROUP: Statement = Statement::both("insert into conversation (name) values ($1) returning id");

    static SET_GROUP_NAME: Statement = Statement::both("update conversation set name = $1 where id = $2");
}
