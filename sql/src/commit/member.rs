//! Adds, changes and removes members of a group, both in the database and in the group in memory.

use wire::{AccountId, Code, GroupId, MessageId, Role};

use super::context::BatchContext;
use super::group_state::GroupState;
use super::{Rejection, execute_each};
use crate::Result;
use crate::engine::{BatchStatement, Statement, Value, statements};

pub(super) const TOO_MANY_GROUPS: Rejection = Rejection {
    code: Code::TooMany,
    message: "an account can be in 1000 groups: you, or somebody you want to add, must leave one first",
};

/// The accounts of the members of a group.
pub(super) fn member_accounts(ctx: &BatchContext<'_>, group: GroupId) -> Vec<AccountId> {
    ctx.group(group).map(GroupState::accounts).unwrap_or_default()
}

/// Gives a member another role.
pub(super) fn give_role(
    ctx: &mut BatchContext<'_>,
    group: GroupId,
    member: AccountId,
    role: Role,
) -> Result<()> {
    if let Some(membership) = ctx.group_mut(group).members.get_mut(&member) {
        membership.role = role;
    }
    let params = [Value::Int(role_number(role)), Value::Int(group.0), Value::Int(member.0)];
    ctx.engine.run(&SET_ROLE, &params).map(drop)
}

fn role_number(role: Role) -> i64 {
    i64::from(role == Role::Admin)
}

/// Stores new members, which are in the group in memory already. A member who comes back sees only entries from now on.
pub(super) fn add_members(
    ctx: &mut BatchContext<'_>,
    group: GroupId,
    accounts: &[AccountId],
) -> Result<()> {
    accounts.iter().for_each(|account| ctx.add_to_group_count(*account, 1));
    let row = |account: &AccountId| {
        let membership = ctx.membership(group, *account)?;
        let (role, since) =
            (Value::Int(role_number(membership.role)), Value::Int(membership.since.0));
        Some(vec![Value::Int(group.0), Value::Int(account.0), role, since])
    };
    let rows: Vec<_> = accounts.iter().filter_map(row).collect();
    execute_each(ctx.engine, &ADD_MEMBERS, rows)
}

/// Ends a membership. The former member still sees all entries up to `last`, the entry that says that it has left.
pub(super) fn remove_member(
    ctx: &mut BatchContext<'_>,
    group: GroupId,
    member: AccountId,
    last: MessageId,
) -> Result<()> {
    ctx.group_mut(group).members.remove(&member);
    ctx.add_to_group_count(member, -1);
    if !ctx.has_log(member) {
        return ctx.engine.run(&DELETE_MEMBER, &[group.0, member.0].map(Value::Int)).map(drop);
    }
    let params = [Value::Int(last.0), Value::Int(group.0), Value::Int(member.0)];
    ctx.engine.run(&LEAVE_GROUP, &params).map(drop)
}

statements! {
    static ADD_MEMBERS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into member (conversation, account, role, since, delivered, read) \
             select r.conversation, r.account, r.role, r.since, r.since, r.since \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as r(conversation, account, role, \
             since) where true on conflict (conversation, account) do update \
             set role = excluded.role, since = excluded.since, until = null, delivered = excluded.delivered, read = \
             excluded.read, read_hidden = null",
        sqlite:
            "insert or fail into member (conversation, account, role, since, delivered, read) \
             select ?1, ?2, ?3, ?4, ?4, ?4 where true on conflict (conversation, account) do update \
             set role = excluded.role, since = excluded.since, until = null, delivered = excluded.delivered, read = \
             excluded.read, read_hidden = null",
    });

    static SET_ROLE: Statement =
        Statement::both("update member set role = $1 where conversation = $2 and account = $3");

    static DELETE_MEMBER: Statement = Statement::both("delete from member where conversation = $1 and account = $2");

    static LEAVE_GROUP: Statement = Statement::both(
        "update member set until = $1, role = 0 where conversation = $2 and account = $3"
    );
}
