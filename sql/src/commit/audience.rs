//! The accounts that get the event of an edit, a deletion or a reaction, and the accounts from which a block withholds it.

use std::collections::{BTreeSet, HashSet};

use wire::{AccountId, GroupId, MessageId};

use super::blocker::{FIND_BLOCKED, blockers, few_blockers};
use super::context::BatchContext;
use super::query_each;
use super::target::TargetMessage;
use crate::Result;
use crate::engine::{
    BatchStatement, Rows, Statement, Value, for_each_row, run_batches, statements,
};

/// The accounts that have a message and are still in its conversation.
#[derive(Default)]
pub(super) struct Audience {
    /// The accounts that see the change.
    pub(super) recipients: BTreeSet<AccountId>,
    /// Recipients that get no event, because they have hidden the message, or it belongs to a contact request that they have not
    /// answered yet.
    silent: BTreeSet<AccountId>,
    /// The accounts that do not see the change. They have blocked the submitter or declined its request, or their own request
    /// waits for the submitter's answer.
    excluded: BTreeSet<AccountId>,
    /// Accounts from which an earlier edit of the message is withheld.
    without_edit: Vec<AccountId>,
    /// Accounts from which the submitter's reaction is withheld.
    without_reaction: BTreeSet<AccountId>,
}

/// Looks up the audience of an operation of `by` on a message.
pub(super) fn find(
    ctx: &mut BatchContext<'_>,
    by: AccountId,
    target: &TargetMessage,
) -> Result<Audience> {
    let row = [by.0, target.conversation].map(Value::Int).to_vec();
    let all = [
        (&FIND_WITHHELD, vec![[target.id.0, by.0, target.conversation].map(Value::Int).to_vec()]),
        (&FIND_BLOCKERS, vec![row.clone()]),
        (&FIND_BLOCKED, vec![row]),
    ];
    let [withheld, blockers, blocked] = run_batches(ctx.engine, &all)?;
    ctx.note_known_blocks(&blocked)?;
    let mut audience = Audience::default();
    let mut without = HashSet::new();
    for row in withheld {
        let account = AccountId(row.int(1)?);
        match row.int(0)? {
            0 => drop(without.insert(account)),
            1 => audience.without_edit.push(account),
            2 => drop(audience.silent.insert(account)),
            _ => drop(audience.without_reaction.insert(account)),
        }
    }
    let blockers = blockers.iter().map(|row| Ok(AccountId(row.int(0)?)));
    let blockers: HashSet<_> = blockers.collect::<Result<_>>()?;
    let present: Vec<AccountId> = match target.recipient {
        Some(recipient) => vec![target.from, recipient],
        None => {
            let group_state = ctx.group(GroupId(target.conversation));
            let members = group_state.into_iter().flat_map(|group_state| &group_state.members);
            let has_it = members.filter(|(_, membership)| membership.since < target.id);
            has_it.map(|(account, _)| *account).collect()
        }
    };
    let has_it = present.into_iter().filter(|account| !without.contains(account));
    let request = open_request(ctx, target)?;
    let asker = request.map(|(asker, _)| asker);
    let is_declined = request.is_some_and(|(_, is_declined)| is_declined) && asker == Some(by);
    let is_excluded =
        |account: &AccountId| *account != by && (is_declined || asker == Some(*account));
    (audience.excluded, audience.recipients) =
        has_it.partition(|account| blockers.contains(account) || is_excluded(account));
    if asker == Some(by) {
        audience.silent.extend(audience.recipients.iter().copied().filter(|it| *it != by));
    }
    Ok(audience)
}

impl Audience {
    /// The accounts that get an event.
    pub(super) fn notified(&self) -> impl Iterator<Item = AccountId> {
        self.recipients.difference(&self.silent).copied()
    }
}

/// The contact request that the message belongs to, if it is unanswered: its asker, and whether it was declined.
fn open_request(
    ctx: &mut BatchContext<'_>,
    target: &TargetMessage,
) -> Result<Option<(AccountId, bool)>> {
    if !target.request {
        return Ok(None);
    }
    let rows = ctx.engine.run(&FIND_REQUEST, &[Value::Int(target.conversation)])?;
    rows.first().map(|row| Ok((AccountId(row.int(0)?), row.int(1)? != 0))).transpose()
}

/// No account. A row with it makes a statement take its round trip even if nobody is excluded. So the time does not show a blocked
/// account that it is blocked.
const PLACEHOLDER: AccountId = AccountId(0);

fn with_placeholder<'r>(
    id: MessageId,
    accounts: impl Iterator<Item = &'r AccountId>,
) -> Rows<'static> {
    accounts
        .chain([&PLACEHOLDER])
        .map(|account| [id.0, account.0].map(Value::Int).to_vec())
        .collect()
}

/// Before an edit: keeps the present text for the excluded accounts, which go on seeing it.
pub(super) fn keep_text(
    ctx: &mut BatchContext<'_>,
    audience: &Audience,
    id: MessageId,
) -> Result<()> {
    query_each(ctx.engine, &KEEP_TEXT, with_placeholder(id, audience.excluded.iter())).map(drop)
}

/// After an edit: deletes older texts that were kept for accounts that see the new one.
pub(super) fn forget_texts(
    ctx: &mut BatchContext<'_>,
    audience: &Audience,
    id: MessageId,
) -> Result<()> {
    let recipients =
        audience.without_edit.iter().filter(|account| audience.recipients.contains(account));
    query_each(ctx.engine, &FORGET_TEXT, with_placeholder(id, recipients)).map(drop)
}

/// After a change of a reaction: withholds it from the excluded accounts, and shows it to the recipients. `is_set`: whether there
/// is a reaction now.
pub(super) fn withhold_reaction(
    ctx: &mut BatchContext<'_>,
    audience: &mut Audience,
    id: MessageId,
    by: AccountId,
    is_set: bool,
) -> Result<()> {
    // The rows of former members stay, so what was withheld from them stays withheld.
    let sees = |account: &&AccountId| {
        audience.recipients.contains(account) || (!is_set && audience.excluded.contains(account))
    };
    let row = |account: &AccountId| [id.0, by.0, account.0].map(Value::Int).to_vec();
    let shown =
        audience.without_reaction.iter().filter(sees).chain([&PLACEHOLDER]).map(row).collect();
    let excluded = audience.excluded.iter().filter(|_| is_set);
    let withheld = excluded.chain([&PLACEHOLDER]).map(row).collect();
    run_batches(ctx.engine, &[(&SHOW_REACTION, shown), (&WITHHOLD_REACTION, withheld)])?;
    if !is_set {
        // An account that did not see the reaction gets no event of its removal.
        audience.recipients.retain(|account| !audience.without_reaction.contains(account));
    }
    Ok(())
}

statements! {
    /// What is withheld of a message, with the account that it is withheld from, and the accounts that have hidden the message. One
    /// statement for all of these, since most messages have none. The first column is the kind: 0 the message, 1 an edit, 2 hidden
    /// by the account, 3 a reaction.
    static FIND_WITHHELD: BatchStatement = for_each_row!(
        r(message bigint, reactor bigint, conversation bigint),
        "select case when w.hidden = 1 then 2 else 0 end, w.account from r join withheld w on w.message = r.message \
         union all select 1, h.account from r join withheld_edit h on h.message = r.message \
         union all select 2, s.account from r join member s on s.conversation = r.conversation \
         and s.cleared >= r.message union all select 3, v.account from r \
         join withheld_reaction v on v.message = r.message and v.reactor = r.reactor"
    );

    static FIND_BLOCKERS: BatchStatement =
        for_each_row!(r(sender bigint, conversation bigint), blockers!("b.account", ""));

    static KEEP_TEXT: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into withheld_edit (message, account, content, edited_at) \
             select m.id, r.account, m.content, m.edited_at from unnest($1::bigint[], $2::bigint[]) as r(message, \
             account) join message m on m.id = r.message where m.deleted = 0 and r.account > 0 \
             on conflict (message, account) do nothing",
        sqlite:
            "insert or fail into withheld_edit (message, account, content, edited_at) \
             select m.id, ?2, m.content, m.edited_at from (select 1) join message m on m.id = ?1 \
             where m.deleted = 0 and ?2 > 0 on conflict (message, account) do nothing",
    });

    static FORGET_TEXT: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "delete from withheld_edit where (message, account) in (select r.message, r.account \
             from unnest($1::bigint[], $2::bigint[]) as r(message, account))",
        sqlite: "delete from withheld_edit where (message, account) = (?1, ?2)",
    });

    static SHOW_REACTION: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "delete from withheld_reaction where (message, reactor, account) in \
             (select r.message, r.reactor, r.account from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as \
             r(message, reactor, account))",
        sqlite: "delete from withheld_reaction where (message, reactor, account) = (?1, ?2, ?3)",
    });

    static WITHHOLD_REACTION: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into withheld_reaction (message, reactor, account) select r.message, r.reactor, r.account \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as r(message, reactor, account) \
             where r.account > 0 on conflict (message, reactor, account) do nothing",
        sqlite:
            "insert or fail into withheld_reaction (message, reactor, account) select ?1, ?2, ?3 \
             where ?3 > 0 on conflict (message, reactor, account) do nothing",
    });

    static FIND_REQUEST: Statement =
        Statement::both(
            "select asker, declined from conversation where id = $1 and asker is not null"
        );
}
