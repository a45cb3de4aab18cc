//! Invitations to groups: whoever does not know who adds it, or has been in the group or asked before, is asked first.

use std::collections::{HashMap, HashSet};

use wire::limit::GROUPS_MAX;
use wire::{AccountId, Change, GroupId, MessageId, Role, To};

use super::group::{IN_TOO_MANY, accounts, note_reached, record, seat};
use super::ledger::Ledger;
use super::pair::{self, FIND_PAIRS, Pair, Request, Shared};
use super::request::{Manner, Requests};
use super::room::Seat;
use super::{Done, Outcome, Refusal};
use crate::engine::{ForEach, Row, Type, Value, run_all};
use crate::entry::{Entry, GroupChange};
use crate::event::{Kind, What};
use crate::{Error, Result};

const NO_INVITATION: Refusal = Refusal::not_found("you are not invited to such a group");
/// Somebody is or was invited to a group.
#[derive(Clone, Copy)]
pub(super) struct Invitation {
    inviter: AccountId,
    /// The entry that says so.
    entry: MessageId,
    /// Whether it is counted where the two do not know each other.
    counts: bool,
    pub(super) state: State,
}

/// What has become of an invitation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for an answer.
    Waiting = 0,
    /// The account has declined, or never heard of it. The group cannot tell.
    Silent = 1,
    /// An admin has taken it back. It is kept, since the account is to be asked again.
    Withdrawn = 2,
}

impl Invitation {
    /// Reads inviter, entry, state and whether it counts from column `at` on.
    pub(super) fn of(row: &Row, at: usize) -> Result<Self> {
        let state = match row.int(at + 2)? {
            0 => State::Waiting,
            1 => State::Silent,
            2 => State::Withdrawn,
            other => {
                return Err(Error::Broken(format!("nobody knows an invitation of state {other}")));
            }
        };
        let (inviter, entry) = (AccountId(row.int(at)?), MessageId(row.int(at + 1)?));
        Ok(Self { inviter, entry, state, counts: row.int(at + 3)? != 0 })
    }
}

/// How an account stands to who wants it in a group.
pub(super) struct Standing {
    pub(super) account: AccountId,
    /// The two know each other.
    is_known: bool,
    /// It hears nothing from the other: it has blocked it, or declined its request.
    is_deaf: bool,
}

impl Standing {
    /// Whether it need not be asked.
    pub(super) fn joins(&self) -> bool {
        self.is_known && !self.is_deaf
    }
}

/// To be run when the logs of both are locked: who blocks locks its own as well.
static FIND_BLOCKERS: ForEach = ForEach {
    sql: "select r.account from {rows} join block b on b.blocked = r.inviter and b.account = r.account",
    columns: &[("account", Type::Int), ("inviter", Type::Int)],
};

/// Requests of whom to invite that are still to be written down.
pub(super) struct Asked {
    requests: Requests,
    found: HashMap<Pair, Shared>,
}

impl Asked {
    /// They are invited: each of the requests counts.
    pub(super) fn store(self, ledger: &mut Ledger<'_>) -> Result<()> {
        self.requests.store(ledger.engine, self.found).map(drop)
    }
}

/// How these accounts stand to `by`. Who does not know it will be invited: that is a request, like a message, and refused if it is
/// one too many.
pub(super) fn standings(
    ledger: &mut Ledger<'_>,
    by: AccountId,
    accounts: &[AccountId],
) -> Result<std::result::Result<(Vec<Standing>, Asked), Refusal>> {
    let pairs: Vec<_> =
        accounts.iter().filter_map(|account| pair::pair(by, To::Account(*account))).collect();
    let blocked = accounts.iter().map(|account| [account.0, by.0].map(Value::Int).to_vec());
    let all = [(&FIND_PAIRS, pair::rows(&pairs)), (&FIND_BLOCKERS, blocked.collect())];
    let [found, blockers] = run_all(ledger.engine, &all)?;
    let found = pair::found(&found)?;
    let blockers: HashSet<i64> = blockers.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    let people = accounts.iter().map(|account| (by, *account));
    let mut requests = Requests::begin(ledger, &found, people)?;
    let mut standings = Vec::with_capacity(accounts.len());
    for account in accounts {
        let manner = match requests.invitation(by, *account) {
            Ok(manner) => manner,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut is_deaf = blockers.contains(&account.0);
        if let Manner::Request { is_declined } = manner {
            is_deaf |= is_declined;
        }
        requests.note_invitation(by, *account, manner);
        standings.push(Standing { account: *account, is_known: manner == Manner::Known, is_deaf });
    }
    Ok(Ok((standings, Asked { requests, found })))
}

/// Invites somebody who is not in the group. `place`: the act whose answer it is.
pub(super) fn invite(
    ledger: &mut Ledger<'_>,
    place: Option<usize>,
    by: AccountId,
    group: GroupId,
    invited: &Standing,
) -> Result<()> {
    let account = invited.account;
    let mut audience = accounts(ledger, group);
    let state = if invited.is_deaf { State::Silent } else { State::Waiting };
    audience.extend((state == State::Waiting).then_some(account));
    let change = (Change::Invite, Some(account));
    let entry = record(ledger, place, by, group, change, &audience)?;
    let counts = !invited.is_known;
    let sql = "insert into invitation (conversation, account, inviter, entry, state, counted) \
               values ($1, $2, $3, $4, $5, $6) on conflict (conversation, account) do update set \
               inviter = excluded.inviter, entry = excluded.entry, state = excluded.state, \
               counted = excluded.counted";
    let params = [group.0, account.0, by.0, entry.0, state as i64, counts.into()].map(Value::Int);
    ledger.engine.run(sql, &params)?;
    let invitation = Invitation { inviter: by, entry, counts, state };
    ledger.room_mut(group).invitations.insert(account, invitation);
    Ok(())
}

/// An admin adds somebody whom the group takes for invited, and who never heard of it, since it hears nothing from its inviter. So
/// that nobody keeps others from inviting it, it is told now, as of an invitation by `by`. The group and `by` can tell nothing of
/// it: nothing is recorded or counted, and it is not refused.
pub(super) fn invite_again(
    ledger: &mut Ledger<'_>,
    by: AccountId,
    group: GroupId,
    account: AccountId,
) -> Result<()> {
    let found = ledger.room(group).and_then(|room| room.invitations.get(&account)).copied();
    let Some(Invitation { inviter, entry, state: State::Silent, .. }) = found else {
        return Ok(());
    };
    if !is_deaf(ledger, account, inviter)? || is_deaf(ledger, account, by)? {
        return Ok(());
    }
    let sql = "select m.content, m.at from message m where m.id = $1";
    let mut rows = ledger.engine.run(sql, &[Value::Int(entry.0)])?;
    let Some(row) = rows.first_mut() else { return Ok(()) };
    let (name, at) = (row.text(0)?, row.int(1)?);
    let sql = "update invitation set inviter = $1, counted = 0, state = $2 \
               where conversation = $3 and account = $4";
    let params = [by.0, State::Waiting as i64, group.0, account.0].map(Value::Int);
    ledger.engine.run(sql, &params)?;
    let invitation = Invitation { inviter: by, entry, counts: false, state: State::Waiting };
    ledger.room_mut(group).invitations.insert(account, invitation);
    let change = GroupChange { group, change: Change::Invite, by, member: Some(account), name, at };
    let about = (Kind::Entry, Some(entry), Some(by));
    note_reached(ledger, by, ledger.at, &[account])?;
    ledger.tell([account], about, What::Entry(Entry::Change(change)), None);
    Ok(())
}

/// Whether an account hears nothing from another: it has blocked it, or declined its request.
fn is_deaf(ledger: &mut Ledger<'_>, account: AccountId, other: AccountId) -> Result<bool> {
    let request = pair::find(ledger.engine, account, other)?.map(|shared| shared.request);
    if request.is_some_and(|it| it.is_declined && it.asker == Some(other)) {
        return Ok(true);
    }
    let sql = "select 1 from block where blocked = $1 and account = $2";
    Ok(!ledger.engine.run(sql, &[other.0, account.0].map(Value::Int))?.is_empty())
}

/// Whether an account comes into the group only by accepting: it was in it or invited before.
pub(super) fn was_there(
    ledger: &mut Ledger<'_>,
    group: GroupId,
    account: AccountId,
) -> Result<bool> {
    if ledger.room(group).is_some_and(|room| room.invitations.contains_key(&account)) {
        return Ok(true);
    }
    let sql = "select 1 from member where conversation = $1 and account = $2";
    Ok(!ledger.engine.run(sql, &[group.0, account.0].map(Value::Int))?.is_empty())
}

/// Takes an invitation back; false if there is none that the group knows of. The account has read it: it stays an open request, so
/// that nobody reaches one stranger after the other by inviting and taking back.
pub(super) fn withdraw(
    ledger: &mut Ledger<'_>,
    place: usize,
    by: AccountId,
    group: GroupId,
    account: AccountId,
) -> Result<bool> {
    let found = ledger.room(group).and_then(|room| room.invitations.get(&account)).copied();
    let Some(Invitation { state, .. }) = found.filter(|it| it.state != State::Withdrawn) else {
        return Ok(false);
    };
    let mut audience = accounts(ledger, group);
    audience.extend((state == State::Waiting).then_some(account));
    record(ledger, Some(place), by, group, (Change::Remove, Some(account)), &audience)?;
    set_state(ledger, group, account, State::Withdrawn)?;
    Ok(true)
}

/// Nobody is left in the group: there is nothing to be invited to. What was asked stays an open request, as in [`withdraw`].
pub(super) fn withdraw_all(ledger: &mut Ledger<'_>, group: GroupId) -> Result<()> {
    ledger.room_mut(group).invitations.clear();
    let sql = "delete from invitation where conversation = $1";
    ledger.engine.run(sql, &[Value::Int(group.0)]).map(drop)
}

/// Once one of them has accepted an invitation: if all that `asker` has asked of `other` were invitations, and none of them waits
/// any more, it is none of its open requests. What was taken back stays counted among the five.
fn close(ledger: &mut Ledger<'_>, asker: AccountId, other: AccountId) -> Result<()> {
    let sql = "update conversation set open = 0 where low = $1 and high = $2 and asker = $3 \
               and not exists (select 1 from entry e where e.conversation = conversation.id) \
               and not exists (select 1 from invitation i \
               where i.account = $4 and i.inviter = $3 and i.state < 2)";
    let (low, high) = (asker.0.min(other.0), asker.0.max(other.0));
    ledger.engine.run(sql, &[low, high, asker.0, other.0].map(Value::Int)).map(drop)
}

/// Accepts an invitation: from now on `by` is in the group.
pub(super) fn join(ledger: &mut Ledger<'_>, place: usize, by: AccountId, group: GroupId) -> Done {
    if ledger.seat(group, by).is_some() {
        return Ok(Ok(Outcome::Nothing));
    }
    if state(ledger, group, by) != Some(State::Waiting) {
        return Ok(Err(NO_INVITATION));
    }
    if ledger.groups(by) >= GROUPS_MAX {
        return Ok(Err(IN_TOO_MANY));
    }
    let name = ledger.room(group).map_or(0, |room| room.name.len());
    if !ledger.has_room(by, name as i64) {
        return Ok(Err(Refusal::OVER_QUOTA));
    }
    let mut audience = accounts(ledger, group);
    audience.push(by);
    let id = record(ledger, Some(place), by, group, (Change::Join, None), &audience)?;
    let room = ledger.room_mut(group);
    room.members.insert(by, Seat { role: Role::Member, since: id });
    let invitation = room.invitations.remove(&by);
    seat(ledger, group, &[by])?;
    let sql = "delete from invitation where conversation = $1 and account = $2";
    ledger.engine.run(sql, &[group.0, by.0].map(Value::Int))?;
    if let Some(Invitation { inviter, counts: true, .. }) = invitation {
        settle(ledger, by, inviter)?;
    }
    Ok(Ok(Outcome::Done))
}

/// An invitation by `inviter` that was counted no longer waits. Of a request of which nothing else was said nothing is left, or
/// what the other one has invited to is the request from now on.
fn settle(ledger: &mut Ledger<'_>, by: AccountId, inviter: AccountId) -> Result<()> {
    let Some(shared) = pair::find(ledger.engine, by, inviter)? else { return Ok(()) };
    let mut request = shared.request;
    let Some(asker) = request.asker else { return Ok(()) };
    let count = if asker == inviter { &mut request.asks } else { &mut request.invites };
    *count = (*count - 1).max(0);
    if request.asks == 0 && !is_said(ledger, &shared)? {
        let (other, asks) = (if asker == by { inviter } else { by }, request.invites);
        if asks == 0 {
            return pair::remove(ledger.engine, &shared);
        }
        request = Request { asker: Some(other), asks, is_open: true, ..Request::default() };
    }
    pair::set(ledger.engine, [(shared.conversation, request)])?;
    let asker = request.asker.unwrap_or(asker);
    close(ledger, asker, if asker == by { inviter } else { by })
}

/// Whether two people's conversation holds anything.
fn is_said(ledger: &mut Ledger<'_>, shared: &Shared) -> Result<bool> {
    let sql = "select 1 from entry where conversation = $1 limit 1";
    Ok(!ledger.engine.run(sql, &[Value::Int(shared.conversation)])?.is_empty())
}

/// Declines an invitation. The group is not told, and may not ask again before it has taken the invitation back.
pub(super) fn decline(
    ledger: &mut Ledger<'_>,
    place: usize,
    by: AccountId,
    group: GroupId,
) -> Done {
    if ledger.seat(group, by).is_some() {
        return Ok(Err(Refusal::forbidden("you are in this group; leave it")));
    }
    match ledger.room(group).and_then(|room| room.invitations.get(&by)).copied() {
        Some(Invitation { state: State::Waiting, entry, .. }) => {
            set_state(ledger, group, by, State::Silent)?;
            let about = (Kind::DeclineInvitation, Some(entry), None);
            ledger.tell([by], about, What::DeclineInvitation { group }, Some(place));
            Ok(Ok(Outcome::Done))
        }
        Some(Invitation { state: State::Silent, .. }) => Ok(Ok(Outcome::Nothing)),
        _ => Ok(Err(NO_INVITATION)),
    }
}

/// What has become of an account's invitation; nothing if there was none.
pub(super) fn state(ledger: &Ledger<'_>, group: GroupId, account: AccountId) -> Option<State> {
    Some(ledger.room(group)?.invitations.get(&account)?.state)
}

fn set_state(
    ledger: &mut Ledger<'_>,
    group: GroupId,
    account: AccountId,
    state: State,
) -> Result<()> {
    if let Some(invitation) = ledger.room_mut(group).invitations.get_mut(&account) {
        invitation.state = state;
    }
    let sql = "update invitation set state = $1 where conversation = $2 and account = $3";
    let params = [state as i64, group.0, account.0].map(Value::Int);
    ledger.engine.run(sql, &params).map(drop)
}
