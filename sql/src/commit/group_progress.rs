//! Whether all members of a group have received or read a message. The members are read once for a batch, not for each receipt.

use std::collections::{BTreeMap, HashSet};

use wire::limit::RECEIPTS_EACH_MAX;
use wire::{AccountId, MessageId};

use super::blocker::{blockers, few_blockers};
use crate::Result;
use crate::engine::{BatchStatement, Engine, Value, for_each_row, run_batches, statements};

/// The positions up to which the present members of some groups have received or read their messages.
#[derive(Default)]
pub(super) struct GroupProgress {
    members: BTreeMap<i64, BTreeMap<AccountId, MessageId>>,
    /// Messages that are withheld from a member, and messages that a member had not received or read when it blocked the sender.
    withheld: HashSet<MessageId>,
}

/// Decides which receipts the sender of a message in a group gets.
pub(super) struct MessageProgress {
    /// All other members have received or read the message.
    pub(super) by_all: bool,
    /// The group is too large for a receipt from each member.
    pub(super) is_large: bool,
}

macro_rules! positions {
    ($position:literal) => {
        for_each_row!(
            r(conversation bigint),
            concat!(
                "select r.conversation, x.account, ",
                $position,
                " from r join member x on x.conversation = r.conversation and x.until is null"
            )
        )
    };
}

impl GroupProgress {
    /// Reads the positions of all members in the groups of these messages. `messages`: group, message and sender.
    pub(super) fn find(
        engine: &mut dyn Engine,
        messages: &HashSet<(i64, MessageId, AccountId)>,
        is_read: bool,
    ) -> Result<Self> {
        let all: HashSet<i64> = messages.iter().map(|(group, ..)| *group).collect();
        let all = all.into_iter().map(|group| vec![Value::Int(group)]).collect();
        let row = |(group, id, sender): &(i64, MessageId, AccountId)| {
            [*group, id.0, sender.0].map(Value::Int).to_vec()
        };
        let rows = || messages.iter().map(row).collect();
        let (positions, blocked) =
            if is_read { (&READ, &NOT_READ) } else { (&DELIVERED, &NOT_DELIVERED) };
        let all = [(positions, all), (&FIND_WITHHELD, rows()), (blocked, rows())];
        let [positions, withheld, blocked] = run_batches(engine, &all)?;
        let mut groups = Self::default();
        for row in positions {
            let members = groups.members.entry(row.int(0)?).or_default();
            members.insert(AccountId(row.int(1)?), MessageId(row.int(2)?));
        }
        for row in withheld.into_iter().chain(blocked) {
            groups.withheld.insert(MessageId(row.int(0)?));
        }
        Ok(groups)
    }

    /// How many members have received or read a message; `None` if its sender has left the group.
    pub(super) fn of_message(
        &self,
        group: i64,
        sender: AccountId,
        message: MessageId,
    ) -> Option<MessageProgress> {
        let members = self.members.get(&group).filter(|members| members.contains_key(&sender))?;
        let all_reached = || members.iter().all(|(id, at)| *id == sender || *at >= message);
        Some(MessageProgress {
            by_all: !self.withheld.contains(&message) && all_reached(),
            is_large: members.len() > RECEIPTS_EACH_MAX as usize,
        })
    }
}

statements! {
    static DELIVERED: BatchStatement = positions!("x.delivered");

    /// The read positions as others see them.
    static READ: BatchStatement = positions!("coalesce(x.read_hidden, x.read)");

    static FIND_WITHHELD: BatchStatement = for_each_row!(
        r(conversation bigint, message bigint, sender bigint),
        "select r.message from r join withheld w on w.message = r.message and w.hidden = 0 \
         join member x on x.conversation = r.conversation and x.account = w.account and x.until is null \
         and x.since < r.message"
    );

    /// A member who has blocked the sender counts with its position at the time of the block (`block_mark`).
    static NOT_DELIVERED: BatchStatement = for_each_row!(
        r(conversation bigint, message bigint, sender bigint),
        blockers!(
            "r.message",
            " and (select s.since < r.message from member s where s.conversation = r.conversation \
             and s.account = b.account) and coalesce((select k.delivered from block_mark k \
             where k.blocked = r.sender and k.conversation = r.conversation \
             and k.account = b.account), 0) < r.message",
        )
    );

    static NOT_READ: BatchStatement = for_each_row!(
        r(conversation bigint, message bigint, sender bigint),
        blockers!(
            "r.message",
            " and (select s.since < r.message from member s where s.conversation = r.conversation \
             and s.account = b.account) and coalesce((select k.read from block_mark k where k.blocked = r.sender \
             and k.conversation = r.conversation and k.account = b.account), 0) < r.message",
        )
    );
}
