//! Who reads a message, and what of its edits and reactions a block withholds from whom of them.

use std::collections::{BTreeSet, HashSet};

use wire::{AccountId, GroupId, MessageId};

use super::for_each;
use super::ledger::{Ledger, Target};
use crate::Result;
use crate::engine::{ForEach, Type, Value};

/// Everybody who has a message and is still there, by whether they let arrive what somebody does to it.
#[derive(Default)]
pub(super) struct Readers {
    pub(super) hearing: BTreeSet<AccountId>,
    /// Who of them sees it without being told: it happens to a request that waits for their answer.
    silent: BTreeSet<AccountId>,
    /// They have blocked who does it; or they wait for its answer to their request, and do not see it before.
    deaf: BTreeSet<AccountId>,
    /// From whom an edit of the message is withheld so far.
    without_edit: Vec<AccountId>,
    /// From whom the reaction of who does it is withheld so far.
    without_reaction: BTreeSet<AccountId>,
}

/// Looks up who is to hear what `by` does to a message.
pub(super) fn find(ledger: &mut Ledger<'_>, by: AccountId, target: &Target) -> Result<Readers> {
    // One statement for all: most messages and accounts have nothing of the kind.
    let sql = "select 0, w.account from withheld w where w.message = $1 \
               union all select 1, b.account from block b where b.blocked = $2 \
               union all select 2, h.account from withheld_edit h where h.message = $1 \
               union all select 3, v.account from withheld_reaction v \
               where v.message = $1 and v.reactor = $2";
    let rows = ledger.engine.run(sql, &[target.id.0, by.0].map(Value::Int))?;
    let mut readers = Readers::default();
    let (mut without, mut blockers) = (HashSet::new(), HashSet::new());
    for row in rows {
        let account = AccountId(row.int(1)?);
        match row.int(0)? {
            0 => drop(without.insert(account)),
            1 => drop(blockers.insert(account)),
            2 => readers.without_edit.push(account),
            _ => drop(readers.without_reaction.insert(account)),
        }
    }
    let present: Vec<AccountId> = match target.recipient {
        Some(recipient) => vec![target.from, recipient],
        None => {
            let room = ledger.room(GroupId(target.conversation));
            let members = room.into_iter().flat_map(|room| &room.members);
            let has_it = members.filter(|(_, seat)| seat.since < target.id);
            has_it.map(|(account, _)| *account).collect()
        }
    };
    let has_it = present.into_iter().filter(|account| !without.contains(account));
    let asker = asker(ledger, target)?;
    let waits = |account: &AccountId| asker == Some(*account) && *account != by;
    (readers.deaf, readers.hearing) =
        has_it.partition(|account| blockers.contains(account) || waits(account));
    if asker == Some(by) {
        readers.silent = readers.hearing.iter().copied().filter(|it| *it != by).collect();
    }
    Ok(readers)
}

impl Readers {
    /// Who is told.
    pub(super) fn told(&self) -> impl Iterator<Item = AccountId> {
        self.hearing.difference(&self.silent).copied()
    }
}

/// Who waits for an answer to the request that a message is of.
fn asker(ledger: &mut Ledger<'_>, target: &Target) -> Result<Option<AccountId>> {
    if !target.request {
        return Ok(None);
    }
    let sql = "select asker from conversation where id = $1";
    let rows = ledger.engine.run(sql, &[Value::Int(target.conversation)])?;
    Ok(rows.first().map(|row| row.maybe_int(0)).transpose()?.flatten().map(AccountId))
}

/// Before a message gets the text `content`: who does not hear of it keeps the text that it reads now.
pub(super) fn keep_text(
    ledger: &mut Ledger<'_>,
    readers: &Readers,
    id: MessageId,
    content: &str,
) -> Result<()> {
    if readers.deaf.is_empty() {
        return Ok(());
    }
    // The same text again is no edit. One question for each who has blocked: as where posts look for blocks.
    let sql = "insert into withheld_edit (message, account, content, edited_at) \
               select m.id, b.account, m.content, m.edited_at from message m \
               join block b on b.blocked = m.sender \
               where m.id = $1 and m.content <> $2 and m.deleted = 0 \
               and (select s.until is null and s.since < m.id from member s \
               where s.conversation = m.conversation and s.account = b.account) and not exists \
               (select 1 from withheld w where w.message = m.id and w.account = b.account) \
               on conflict (message, account) do nothing";
    ledger.engine.run(sql, &[Value::Int(id.0), Value::Text(content)]).map(drop)
}

/// After it has got it: who hears of it keeps no other. Not before, since the same text again brings nothing.
pub(super) fn forget_texts(
    ledger: &mut Ledger<'_>,
    readers: &Readers,
    id: MessageId,
) -> Result<()> {
    let hearing = readers.without_edit.iter().filter(|account| readers.hearing.contains(account));
    let rows = hearing.map(|account| [id.0, account.0].map(Value::Int).to_vec());
    for_each(ledger.engine, &FORGET_TEXT, rows)
}

static FORGET_TEXT: ForEach = ForEach {
    sql: "delete from withheld_edit where (message, account) in \
          (select r.message, r.account from {rows})",
    columns: &[("message", Type::Int), ("account", Type::Int)],
};

/// After a reaction has been made, changed or taken back: who does not hear of it does not see it, and who does sees it again.
pub(super) fn withhold_reaction(
    ledger: &mut Ledger<'_>,
    readers: &mut Readers,
    id: MessageId,
    by: AccountId,
    is_there: bool,
) -> Result<()> {
    // Whoever has left keeps their rows: what was hidden from them stays so.
    let sees = |account: &&AccountId| {
        readers.hearing.contains(account) || (!is_there && readers.deaf.contains(account))
    };
    let row = |account: &AccountId| [id.0, by.0, account.0].map(Value::Int).to_vec();
    let rows: Vec<_> = readers.without_reaction.iter().filter(sees).map(row).collect();
    for_each(ledger.engine, &SHOW_REACTION, rows)?;
    let rows: Vec<_> = readers.deaf.iter().filter(|_| is_there).map(row).collect();
    for_each(ledger.engine, &WITHHOLD_REACTION, rows)?;
    if !is_there {
        // Nobody is told of the end of what they did not see.
        readers.hearing.retain(|account| !readers.without_reaction.contains(account));
    }
    Ok(())
}

const REACTION: &[(&str, Type)] =
    &[("message", Type::Int), ("reactor", Type::Int), ("account", Type::Int)];

static SHOW_REACTION: ForEach = ForEach {
    sql: "delete from withheld_reaction where (message, reactor, account) in \
          (select r.message, r.reactor, r.account from {rows})",
    columns: REACTION,
};

static WITHHOLD_REACTION: ForEach = ForEach {
    sql: "insert into withheld_reaction (message, reactor, account) {values} \
          on conflict (message, reactor, account) do nothing",
    columns: REACTION,
};
