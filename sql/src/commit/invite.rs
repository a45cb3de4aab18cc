//! Invitations to groups. Adding an account to a group invites it if it does not know the admin, or was a member or invited before.

use std::collections::{BTreeSet, HashMap, HashSet};

use wire::limit::GROUPS_MAX;
use wire::{AccountId, Change, GroupId, Recipient, Role};

use super::context::BatchContext;
use super::group_state::Membership;
use super::invitation::{Invitation, InvitationState};
use super::member::{TOO_MANY_GROUPS, add_members, member_accounts};
use super::new_entry::{advance_seen_at, write_group_change};
use super::pair::{self, AccountPair, ContactRequest, FIND_PAIRS, PairConversation};
use super::request::{ContactRequests, ContactStage};
use super::{OpResult, Outcome, Rejection};
use crate::Result;
use crate::engine::{BatchStatement, Statement, Value, for_each_row, run_batches, statements};
use crate::entry::{Entry, GroupChange};
use crate::event::{EventBody, EventKind, named_in};
use crate::quota::Size;

const NO_INVITATION: Rejection = Rejection::not_found("you are not invited to such a group");

/// An account that is to be added to a group.
pub(super) struct Candidate {
    pub(super) account: AccountId,
    /// Whether the account and the admin know each other.
    is_known: bool,
    /// Whether the account has blocked the admin or declined its contact request.
    is_excluded: bool,
}

impl Candidate {
    /// Whether the account joins without an invitation.
    pub(super) fn joins(&self) -> bool {
        self.is_known && !self.is_excluded
    }
}

/// The contact requests of new invitations, before they are stored.
pub(super) struct PendingRequests {
    requests: ContactRequests,
    found: HashMap<AccountPair, PairConversation>,
}

impl PendingRequests {
    /// Stores the requests, once the accounts are invited.
    pub(super) fn store(self, ctx: &mut BatchContext<'_>) -> Result<()> {
        self.requests.store(ctx.engine, self.found).map(drop)
    }
}

/// Looks up which of these accounts know `by`, and which have blocked it. An invitation of a stranger is a contact request, like a
/// message. It is rejected if `by` has too many of them.
pub(super) fn candidates(
    ctx: &mut BatchContext<'_>,
    by: AccountId,
    accounts: &[AccountId],
) -> OpResult<(Vec<Candidate>, PendingRequests)> {
    let pairs: Vec<_> = accounts
        .iter()
        .filter_map(|account| pair::pair(by, Recipient::Account(*account)))
        .collect();
    let blocked = accounts.iter().map(|account| [account.0, by.0].map(Value::Int).to_vec());
    let all = [(&FIND_PAIRS, pair::rows(&pairs)), (&FIND_BLOCKERS, blocked.collect())];
    let [found, blockers] = run_batches(ctx.engine, &all)?;
    let found = pair::parse_pairs(&found)?;
    let blockers: HashSet<i64> = blockers.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    let people = accounts.iter().map(|account| (by, *account));
    let mut requests = ContactRequests::load(ctx, &found, people)?;
    let mut candidates = Vec::with_capacity(accounts.len());
    for account in accounts {
        let stage = requests.invitation_stage(by, *account)?;
        let mut is_excluded = blockers.contains(&account.0);
        if let ContactStage::Request { is_declined } = stage {
            is_excluded |= is_declined;
        }
        requests.record_invitation(by, *account, stage);
        candidates.push(Candidate {
            account: *account,
            is_known: stage == ContactStage::Known,
            is_excluded,
        });
    }
    Ok((candidates, PendingRequests { requests, found }))
}

/// Invites an account that is not in the group. `index`: the submission that the event answers.
pub(super) fn invite(
    ctx: &mut BatchContext<'_>,
    index: Option<usize>,
    by: AccountId,
    group: GroupId,
    invited: &Candidate,
) -> Result<()> {
    let account = invited.account;
    let mut audience = member_accounts(ctx, group);
    let state =
        if invited.is_excluded { InvitationState::Silent } else { InvitationState::Waiting };
    audience.extend((state == InvitationState::Waiting).then_some(account));
    let change = (Change::Invite, Some(account));
    let entry = write_group_change(ctx, index, by, group, change, &audience)?;
    let counts = !invited.is_known;
    let params = [group.0, account.0, by.0, entry.0, state as i64, counts.into()].map(Value::Int);
    ctx.engine.run(&ADD_INVITATION, &params)?;
    let invitation = Invitation { inviter: by, entry, counts, state };
    ctx.group_mut(group).invitations.insert(account, invitation);
    Ok(())
}

/// An admin `by` adds an account whose invitation is silent, because the account has blocked the admin who invited it. The account
/// now gets the event of an invitation by `by`. Otherwise a blocked admin could prevent invitations by others. The group and `by`
/// notice nothing: no entry is written, nothing is counted, and nothing is rejected.
pub(super) fn renew_invitation(
    ctx: &mut BatchContext<'_>,
    by: AccountId,
    group: GroupId,
    account: AccountId,
) -> Result<()> {
    let found =
        ctx.group(group).and_then(|group_state| group_state.invitations.get(&account)).copied();
    let Some(Invitation { inviter, entry, state: InvitationState::Silent, .. }) = found else {
        return Ok(());
    };
    if !is_excluded(ctx, account, inviter)? || is_excluded(ctx, account, by)? {
        return Ok(());
    }
    let mut rows = ctx.engine.run(&FIND_ENTRY, &[Value::Int(entry.0)])?;
    let Some(row) = rows.first_mut() else { return Ok(()) };
    let (name, at) = (row.text(0)?, row.int(1)?);
    let params = [by.0, InvitationState::Waiting as i64, group.0, account.0].map(Value::Int);
    ctx.engine.run(&RENEW_INVITATION, &params)?;
    let invitation =
        Invitation { inviter: by, entry, counts: false, state: InvitationState::Waiting };
    ctx.group_mut(group).invitations.insert(account, invitation);
    let change = GroupChange { group, change: Change::Invite, by, member: Some(account), name, at };
    let about = (EventKind::Entry, Some(entry), Some(by));
    advance_seen_at(ctx, by, group.0, ctx.at, &[account])?;
    let named = named_in(&change);
    ctx.append_event([account], about, EventBody::Entry(Entry::Change(change)), None);
    ctx.add_names_to_last_event(named, BTreeSet::from([account]), Some(account));
    Ok(())
}

/// Whether `account` has blocked `other` or declined its contact request.
fn is_excluded(ctx: &mut BatchContext<'_>, account: AccountId, other: AccountId) -> Result<bool> {
    let request = pair::find(ctx.engine, account, other)?.map(|shared| shared.request);
    if request.is_some_and(|it| it.is_declined && it.asker == Some(other)) {
        return Ok(true);
    }
    Ok(!ctx.engine.run(&IS_BLOCKED, &[other.0, account.0].map(Value::Int))?.is_empty())
}

/// Whether an account was a member of the group or invited before. Then it can only join by accepting an invitation.
pub(super) fn was_member_or_invited(
    ctx: &mut BatchContext<'_>,
    group: GroupId,
    account: AccountId,
) -> Result<bool> {
    if ctx.group(group).is_some_and(|group_state| group_state.invitations.contains_key(&account)) {
        return Ok(true);
    }
    Ok(!ctx.engine.run(&WAS_MEMBER, &[group.0, account.0].map(Value::Int))?.is_empty())
}

/// Withdraws an invitation; false if the account is not invited. The invitation still counts as an open request of the inviter, since
/// the account may have read it. Otherwise an admin could reach any number of strangers by inviting and withdrawing.
pub(super) fn withdraw(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
    account: AccountId,
) -> Result<bool> {
    let found =
        ctx.group(group).and_then(|group_state| group_state.invitations.get(&account)).copied();
    let Some(Invitation { state, .. }) = found.filter(|it| it.state != InvitationState::Withdrawn)
    else {
        return Ok(false);
    };
    let mut audience = member_accounts(ctx, group);
    audience.extend((state == InvitationState::Waiting).then_some(account));
    write_group_change(ctx, Some(index), by, group, (Change::Remove, Some(account)), &audience)?;
    set_state(ctx, group, account, InvitationState::Withdrawn)?;
    Ok(true)
}

/// Deletes all invitations to a group without members. They still count as open requests, as in [`withdraw`].
pub(super) fn withdraw_all(ctx: &mut BatchContext<'_>, group: GroupId) -> Result<()> {
    ctx.group_mut(group).invitations.clear();
    ctx.engine.run(&DELETE_INVITATIONS, &[Value::Int(group.0)]).map(drop)
}

/// After an accepted invitation: closes the request of `asker` to `other` if it consists of invitations only and none of them
/// waits for an answer. Withdrawn invitations still count among the five that a request may have.
fn close_if_nothing_waits(
    ctx: &mut BatchContext<'_>,
    asker: AccountId,
    other: AccountId,
) -> Result<()> {
    let (low, high) = (asker.0.min(other.0), asker.0.max(other.0));
    ctx.engine.run(&CLOSE_CONVERSATION, &[low, high, asker.0, other.0].map(Value::Int)).map(drop)
}

/// Accepts an invitation: `by` joins the group.
pub(super) fn join(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
) -> OpResult {
    if ctx.membership(group, by).is_some() {
        return Ok(Outcome::Unchanged);
    }
    if state(ctx, group, by) != Some(InvitationState::Waiting) {
        return Err(NO_INVITATION.into());
    }
    if ctx.group_count(by) >= GROUPS_MAX {
        return Err(TOO_MANY_GROUPS.into());
    }
    let name = ctx.group(group).map_or("", |group_state| &group_state.name);
    if !ctx.has_room(by, Size::of_entry(name, 0)) {
        return Err(Rejection::OVER_QUOTA.into());
    }
    let mut audience = member_accounts(ctx, group);
    audience.push(by);
    let id = write_group_change(ctx, Some(index), by, group, (Change::Join, None), &audience)?;
    let group_state = ctx.group_mut(group);
    group_state.members.insert(by, Membership::new(Role::Member, id));
    let invitation = group_state.invitations.remove(&by);
    add_members(ctx, group, &[by])?;
    ctx.engine.run(&DELETE_INVITATION, &[group.0, by.0].map(Value::Int))?;
    if let Some(Invitation { inviter, counts: true, .. }) = invitation {
        uncount_invitation(ctx, by, inviter)?;
    }
    Ok(Outcome::Done)
}

/// Removes an accepted invitation from the counts of a contact request. If the request has nothing else left, it ends, or the
/// invitations by the other account become the request.
fn uncount_invitation(ctx: &mut BatchContext<'_>, by: AccountId, inviter: AccountId) -> Result<()> {
    let Some(shared) = pair::find(ctx.engine, by, inviter)? else { return Ok(()) };
    let mut request = shared.request;
    let Some(asker) = request.asker else { return Ok(()) };
    let count = if asker == inviter { &mut request.asks } else { &mut request.invites };
    *count = (*count - 1).max(0);
    if request.asks == 0 && !has_entries(ctx, &shared)? {
        let (other, asks) = (if asker == by { inviter } else { by }, request.invites);
        if asks == 0 {
            return pair::delete(ctx.engine, &shared);
        }
        request =
            ContactRequest { asker: Some(other), asks, is_open: true, ..ContactRequest::default() };
    }
    pair::set_requests(ctx.engine, [(shared.conversation, request)])?;
    let asker = request.asker.unwrap_or(asker);
    close_if_nothing_waits(ctx, asker, if asker == by { inviter } else { by })
}

/// Whether the conversation of a pair has entries.
fn has_entries(ctx: &mut BatchContext<'_>, shared: &PairConversation) -> Result<bool> {
    Ok(!ctx.engine.run(&HAS_ENTRY, &[Value::Int(shared.conversation)])?.is_empty())
}

/// Declines an invitation. The group gets no event of it, and cannot invite the account again before it withdraws the invitation.
pub(super) fn decline(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    group: GroupId,
) -> OpResult {
    if ctx.membership(group, by).is_some() {
        return Err(Rejection::forbidden("you are in this group; leave it").into());
    }
    match ctx.group(group).and_then(|group_state| group_state.invitations.get(&by)).copied() {
        Some(Invitation { state: InvitationState::Waiting, entry, .. }) => {
            set_state(ctx, group, by, InvitationState::Silent)?;
            let about = (EventKind::DeclineInvitation, Some(entry), None);
            ctx.append_event([by], about, EventBody::DeclineInvitation { group }, Some(index));
            Ok(Outcome::Done)
        }
        Some(Invitation { state: InvitationState::Silent, .. }) => Ok(Outcome::Unchanged),
        _ => Err(NO_INVITATION.into()),
    }
}

/// The state of an account's invitation; `None` if there was none.
pub(super) fn state(
    ctx: &BatchContext<'_>,
    group: GroupId,
    account: AccountId,
) -> Option<InvitationState> {
    Some(ctx.group(group)?.invitations.get(&account)?.state)
}

fn set_state(
    ctx: &mut BatchContext<'_>,
    group: GroupId,
    account: AccountId,
    state: InvitationState,
) -> Result<()> {
    if let Some(invitation) = ctx.group_mut(group).invitations.get_mut(&account) {
        invitation.state = state;
    }
    let params = [state as i64, group.0, account.0].map(Value::Int);
    ctx.engine.run(&SET_STATE, &params).map(drop)
}

statements! {
    /// Must run after the logs of both accounts are locked. A block locks the blocker's log as well, so it cannot change meanwhile.
    static FIND_BLOCKERS: BatchStatement = for_each_row!(
        r(account bigint, inviter bigint),
        "select r.account from r join block b on b.blocked = r.inviter and b.account = r.account"
    );

    static ADD_INVITATION: Statement = Statement::both(
        "insert into invitation (conversation, account, inviter, entry, state, counted) \
         values ($1, $2, $3, $4, $5, $6) on conflict (conversation, account) do update \
         set inviter = excluded.inviter, entry = excluded.entry, state = excluded.state, counted = excluded.counted"
    );

    static FIND_ENTRY: Statement = Statement::both("select m.content, m.at from message m where m.id = $1");

    static RENEW_INVITATION: Statement = Statement::both(
        "update invitation set inviter = $1, counted = 0, state = $2 where conversation = $3 and account = $4"
    );

    static IS_BLOCKED: Statement = Statement::both("select 1 from block where blocked = $1 and account = $2");

    static WAS_MEMBER: Statement = Statement::both("select 1 from member where conversation = $1 and account = $2");

    static DELETE_INVITATIONS: Statement = Statement::both("delete from invitation where conversation = $1");

    static CLOSE_CONVERSATION: Statement = Statement::both(
        "update conversation set open = 0 where low = $1 and high = $2 and asker = $3 and not exists (select 1 \
         from entry e where e.conversation = conversation.id) and not exists (select 1 from invitation i \
         where i.account = $4 and i.inviter = $3 and i.state < 2)"
    );

    static DELETE_INVITATION: Statement =
        Statement::both("delete from invitation where conversation = $1 and account = $2");

    static HAS_ENTRY: Statement = Statement::both("select 1 from entry where conversation = $1 limit 1");

    static SET_STATE: Statement =
        Statement::both("update invitation set state = $1 where conversation = $2 and account = $3");
}
