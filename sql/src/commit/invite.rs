//! Invitations to groups. An account is invited, and not added, if it does not know the admin, was a member or was invited before.

use std::collections::{BTreeSet, HashMap, HashSet};

use wire::limit::GROUPS_MAX;
use wire::{AccountId, Change, GroupId, Recipient, Role};

use super::context::BatchContext;
use super::group_state::Membership;
use super::invitation::{Invitation, InvitationState};
use super::member::{IN_TOO_MANY, accounts, add_members};
use super::new_entry::{note_reached, record};
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
    /// The account and the admin know each other.
    is_known: bool,
    /// The account has blocked the admin, or declined its request.
    is_excluded: bool,
}

impl Candidate {
    /// Whether the account joins without an invitation.
    pub(super) fn joins(&self) -> bool {
        self.is_known && !self.is_excluded
    }
}

/// The contact requests of new invitations, not stored yet.
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

/// Looks up what `by` and these accounts have to do with each other. An invitation of a stranger is a contact request, like a
/// message, and is rejected if there are too many.
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
    let found = pair::found(&found)?;
    let blockers: HashSet<i64> = blockers.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    let people = accounts.iter().map(|account| (by, *account));
    let mut requests = ContactRequests::begin(ctx, &found, people)?;
    let mut candidates = Vec::with_capacity(accounts.len());
    for account in accounts {
        let stage = requests.invitation(by, *account)?;
        let mut is_excluded = blockers.contains(&account.0);
        if let ContactStage::Request { is_declined } = stage {
            is_excluded |= is_declined;
        }
        requests.note_invitation(by, *account, stage);
        candidates.push(Candidate {
            account: *account,
            is_known: stage == ContactStage::Known,
            is_excluded,
        });
    }
    Ok((candidates, PendingRequests { requests, found }))
}

/// Invites an account that is not in the group. `index`: the submission whose reply this is.
pub(super) fn invite(
    ctx: &mut BatchContext<'_>,
    index: Option<usize>,
    by: AccountId,
    group: GroupId,
    invited: &Candidate,
) -> Result<()> {
    let account = invited.account;
    let mut audience = accounts(ctx, group);
    let state =
        if invited.is_excluded { InvitationState::Silent } else { InvitationState::Waiting };
    audience.extend((state == InvitationState::Waiting).then_some(account));
    let change = (Change::Invite, Some(account));
    let entry = record(ctx, index, by, group, change, &audience)?;
    let counts = !invited.is_known;
    let params = [group.0, account.0, by.0, entry.0, state as i64, counts.into()].map(Value::Int);
    ctx.engine.run(&ADD_INVITATION, &params)?;
    let invitation = Invitation { inviter: by, entry, counts, state };
    ctx.group_mut(group).invitations.insert(account, invitation);
    Ok(())
}

/// An admin adds an account that was invited by an admin whom it has blocked, and so was never told. It is told now, as of an
/// invitation by `by`; otherwise a blocked admin could prevent invitations by others. The group and `by` notice nothing: no entry
/// is made, nothing is counted, and nothing is rejected.
pub(super) fn invite_again(
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
    note_reached(ctx, by, group.0, ctx.at, &[account])?;
    let named = named_in(&change);
    ctx.tell([account], about, EventBody::Entry(Entry::Change(change)), None);
    ctx.name_in_last(named, BTreeSet::from([account]), Some(account));
    Ok(())
}

/// Whether an account has blocked another, or declined its request.
fn is_excluded(ctx: &mut BatchContext<'_>, account: AccountId, other: AccountId) -> Result<bool> {
    let request = pair::find(ctx.engine, account, other)?.map(|shared| shared.request);
    if request.is_some_and(|it| it.is_declined && it.asker == Some(other)) {
        return Ok(true);
    }
    Ok(!ctx.engine.run(&IS_BLOCKED, &[other.0, account.0].map(Value::Int))?.is_empty())
}

/// Whether an account was a member or invited before, and so can only join by accepting.
pub(super) fn was_there(
    ctx: &mut BatchContext<'_>,
    group: GroupId,
    account: AccountId,
) -> Result<bool> {
    if ctx.group(group).is_some_and(|group_state| group_state.invitations.contains_key(&account)) {
        return Ok(true);
    }
    Ok(!ctx.engine.run(&WAS_MEMBER, &[group.0, account.0].map(Value::Int))?.is_empty())
}

/// Withdraws an invitation; false if the group knows of none. It stays an open request of the inviter, since the account has read
/// it: otherwise inviting and withdrawing would reach any number of strangers.
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
    let mut audience = accounts(ctx, group);
    audience.extend((state == InvitationState::Waiting).then_some(account));
    record(ctx, Some(index), by, group, (Change::Remove, Some(account)), &audience)?;
    set_state(ctx, group, account, InvitationState::Withdrawn)?;
    Ok(true)
}

/// Ends all invitations of a group without members. They stay open requests, as in [`withdraw`].
pub(super) fn withdraw_all(ctx: &mut BatchContext<'_>, group: GroupId) -> Result<()> {
    ctx.group_mut(group).invitations.clear();
    ctx.engine.run(&DELETE_INVITATIONS, &[Value::Int(group.0)]).map(drop)
}

/// After an accepted invitation: the request of `asker` to `other` is no longer open if it consists of invitations only and none
/// of them waits. Withdrawn ones stay counted among the five.
fn close(ctx: &mut BatchContext<'_>, asker: AccountId, other: AccountId) -> Result<()> {
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
    if ctx.groups(by) >= GROUPS_MAX {
        return Err(IN_TOO_MANY.into());
    }
    let name = ctx.group(group).map_or("", |group_state| &group_state.name);
    if !ctx.has_room(by, Size::of_entry(name)) {
        return Err(Rejection::OVER_QUOTA.into());
    }
    let mut audience = accounts(ctx, group);
    audience.push(by);
    let id = record(ctx, Some(index), by, group, (Change::Join, None), &audience)?;
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

/// Removes an accepted invitation from the counts of a contact request. If the request held nothing else, it ends, or the
/// invitations of the other side become the request.
fn uncount_invitation(ctx: &mut BatchContext<'_>, by: AccountId, inviter: AccountId) -> Result<()> {
    let Some(shared) = pair::find(ctx.engine, by, inviter)? else { return Ok(()) };
    let mut request = shared.request;
    let Some(asker) = request.asker else { return Ok(()) };
    let count = if asker == inviter { &mut request.asks } else { &mut request.invites };
    *count = (*count - 1).max(0);
    if request.asks == 0 && !is_said(ctx, &shared)? {
        let (other, asks) = (if asker == by { inviter } else { by }, request.invites);
        if asks == 0 {
            return pair::remove(ctx.engine, &shared);
        }
        request =
            ContactRequest { asker: Some(other), asks, is_open: true, ..ContactRequest::default() };
    }
    pair::set(ctx.engine, [(shared.conversation, request)])?;
    let asker = request.asker.unwrap_or(asker);
    close(ctx, asker, if asker == by { inviter } else { by })
}

/// Whether the conversation of a pair has entries.
fn is_said(ctx: &mut BatchContext<'_>, shared: &PairConversation) -> Result<bool> {
    Ok(!ctx.engine.run(&HAS_ENTRY, &[Value::Int(shared.conversation)])?.is_empty())
}

/// Declines an invitation. The group is not told, and cannot invite again before it has withdrawn the invitation.
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
            ctx.tell([by], about, EventBody::DeclineInvitation { group }, Some(index));
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
    /// To be run once the logs of both are locked: a block locks the blocker's log as well.
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
