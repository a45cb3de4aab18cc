//! Operations that concern only the account itself: its settings for a conversation, clearing a conversation, and hiding a message.
//! Nothing changes for other accounts, and they get no event.

use wire::{AccountId, MessageId, Peer};

use super::context::BatchContext;
use super::{OpResult, Outcome, Rejection};
use crate::conversation::activity;
use crate::engine::{Row, Statement, Value, statements};
use crate::event::{EventBody, EventKind};
use crate::limit::WITHHELD_MERGED_MAX;
use crate::setting::{ConversationSettings, SettingsChange};

const NO_CONVERSATION: Rejection =
    Rejection::not_found("you have no such conversation; nothing has been said in it");

/// A conversation as one of its accounts has it.
struct OwnConversation {
    conversation: i64,
    settings: ConversationSettings,
    /// The last entry that the account has cleared; 0: none.
    cleared: i64,
    /// The last entry that the account got.
    activity: i64,
    /// The last entry of the conversation; 0: none.
    last: i64,
}

/// Changes the account's settings for a conversation.
pub(super) fn set(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    with: Peer,
    change: &SettingsChange,
) -> OpResult {
    let own = find(ctx, by, with)?;
    let settings = own.settings.changed(change);
    if settings == own.settings {
        return Ok(Outcome::Unchanged);
    }
    let flags = [settings.pinned, settings.archived, settings.marked_unread];
    let [pinned, archived, marked] = flags.map(|flag| Value::Int(flag.into()));
    let muted_until = settings.muted_until.map_or(Value::Null, Value::Int);
    let [conversation, account] = [own.conversation, by.0].map(Value::Int);
    ctx.engine.run(&SET, &[muted_until, pinned, archived, marked, conversation, account])?;
    let body = EventBody::ConversationSet { with, settings };
    Ok(ctx.append_own_event(index, by, (EventKind::ConversationSet, own.conversation), body))
}

/// Hides all entries of a conversation so far from the account.
pub(super) fn clear(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    with: Peer,
) -> OpResult {
    let own = find(ctx, by, with)?;
    if own.activity <= own.cleared {
        return Ok(Outcome::Unchanged);
    }
    ctx.engine.run(&CLEAR, &[own.last, own.conversation, by.0].map(Value::Int))?;
    ctx.forget_targets(by, |target| target.conversation == own.conversation);
    let body = EventBody::ConversationCleared { with };
    Ok(ctx.append_own_event(index, by, (EventKind::ConversationCleared, own.conversation), body))
}

/// Hides one message from the account.
pub(super) fn hide(
    ctx: &mut BatchContext<'_>,
    index: usize,
    by: AccountId,
    id: MessageId,
) -> OpResult {
    let found = ctx.engine.run(&FIND_MESSAGE, &[by.0, id.0].map(Value::Int))?;
    let Some(row) = found.first() else { return Err(Rejection::NO_MESSAGE.into()) };
    let (conversation, run, next) = (row.int(0)?, row.int(2)?, row.int(3)?);
    match row.maybe_int(1)? {
        None => {}
        Some(0) => return Err(Rejection::NO_MESSAGE.into()),
        Some(_) => return Ok(Outcome::Unchanged),
    }
    ctx.engine.run(&HIDE, &[id.0, by.0, conversation, run].map(Value::Int))?;
    // The withheld entries after the message now belong to the same run. So reading backwards skips all of them in one step.
    ctx.engine.run(&MERGE, &[run, by.0, next, conversation, id.0].map(Value::Int))?;
    ctx.forget_targets(by, |target| target.id == id);
    let body = EventBody::Hide { id };
    ctx.append_event([by], (EventKind::Hide, Some(id), None), body, Some(index));
    Ok(Outcome::Done)
}

fn find(ctx: &mut BatchContext<'_>, by: AccountId, with: Peer) -> OpResult<OwnConversation> {
    let found = match with {
        Peer::Account(other) => {
            let params = [by.0.min(other.0), by.0.max(other.0), by.0].map(Value::Int);
            ctx.engine.run(&FIND_PAIR, &params)?
        }
        Peer::Group(group) => ctx.engine.run(&FIND_GROUP, &[group.0, by.0].map(Value::Int))?,
    };
    let own = |row: &Row| {
        let Some(activity) = row.maybe_int(1)? else { return Ok(None) };
        let (conversation, cleared, last) = (row.int(0)?, row.int(2)?, row.int(3)?);
        let settings = ConversationSettings::of(row, 4)?;
        Ok(Some(OwnConversation { conversation, settings, cleared, activity, last }))
    };
    let found = found.first().map(own).transpose().map_err(super::OpError::Failed)?;
    found.flatten().ok_or_else(|| NO_CONVERSATION.into())
}

/// The columns of an [`OwnConversation`] for `member s`.
macro_rules! own {
    () => {
        concat!(
            "s.conversation, ",
            activity!(),
            ", s.cleared, coalesce((select e.message from entry e where e.conversation = s.conversation \
             order by e.message desc limit 1), 0), s.muted_until, s.pinned, s.archived, s.marked_unread"
        )
    };
}

const _: () = assert!(WITHHELD_MERGED_MAX == 200, "as in the statement");

statements! {
    static FIND_PAIR: Statement = Statement::both(
        concat!(
            "select ",
            own!(),
            " from conversation c join member s on s.conversation = c.id \
             where c.low = $1 and c.high = $2 and s.account = $3",
        )
    );

    static FIND_GROUP: Statement = Statement::both(
        concat!(
            "select ",
            own!(),
            " from member s join conversation c on c.id = s.conversation and c.low is null \
             where s.conversation = $1 and s.account = $2",
        )
    );

    static SET: Statement = Statement::both(
        "update member set muted_until = $1, pinned = $2, archived = $3, marked_unread = $4 \
         where conversation = $5 and account = $6"
    );

    static CLEAR: Statement =
        Statement::both("update member set cleared = $1 where conversation = $2 and account = $3");

    /// Finds a message that the account sees or has hidden. Also returns the first of the consecutive withheld entries before the
    /// message (the message itself if there are none), and the entry after the message.
    static FIND_MESSAGE: Statement = Statement::both(
        "select m.conversation, (select w.hidden from withheld w where w.message = m.id and w.account = s.account), \
         coalesce((select w.run from withheld w where w.account = s.account and w.message = \
         (select e.message from entry e where e.conversation = m.conversation and e.message < m.id \
         order by e.message desc limit 1)), m.id), coalesce((select e.message from entry e \
         where e.conversation = m.conversation and e.message > m.id order by e.message limit 1), 0) from message m \
         join member s on s.conversation = m.conversation and s.account = $1 where m.id = $2 and m.kind = 0 \
         and m.id > s.since and m.id > s.cleared and (s.until is null or m.id <= s.until)"
    );

    static HIDE: Statement = Statement::both(
        "insert into withheld (message, account, conversation, run, hidden) values ($1, $2, $3, $4, 1)"
    );

    static MERGE: Statement = Statement::both(
        "update withheld set run = $1 where account = $2 and run = $3 and message in (select w.message \
         from withheld w where w.account = $2 and w.conversation = $4 and w.message > $5 \
         order by w.message limit 200)"
    );
}
