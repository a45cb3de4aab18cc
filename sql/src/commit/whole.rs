//! Whether all of a group have come to a message. Its members are looked at once a batch, not once a receipt.

use std::collections::{BTreeMap, HashSet};

use wire::limit::RECEIPTS_EACH_MAX;
use wire::{AccountId, MessageId};

use crate::Result;
use crate::engine::{Engine, ForEach, Type, Value, run_all};

/// How far those who are in some groups now have come.
#[derive(Default)]
pub(super) struct Groups {
    members: BTreeMap<i64, BTreeMap<AccountId, MessageId>>,
    /// Messages that somebody in their group has been spared.
    withheld: HashSet<MessageId>,
}

/// What the sender of a message in a group may hear.
pub(super) struct Seen {
    /// Everybody else has come so far.
    pub(super) by_all: bool,
    /// The group has more members than are told of one by one.
    pub(super) is_large: bool,
}

macro_rules! positions {
    ($column:literal) => {
        ForEach {
            sql: concat!(
                "select r.conversation, x.account, x.",
                $column,
                " from {rows} join member x on x.conversation = r.conversation and x.until is null"
            ),
            columns: &[("conversation", Type::Int)],
        }
    };
}

static DELIVERED: ForEach = positions!("delivered");
static READ: ForEach = positions!("read");

static FIND_WITHHELD: ForEach = ForEach {
    sql: "select r.message from {rows} join withheld w on w.message = r.message \
          join member x on x.conversation = r.conversation and x.account = w.account \
          and x.until is null and x.since < r.message",
    columns: &[("conversation", Type::Int), ("message", Type::Int)],
};

impl Groups {
    /// Looks at the groups of these messages.
    pub(super) fn find(
        engine: &mut dyn Engine,
        messages: &HashSet<(i64, MessageId)>,
        is_read: bool,
    ) -> Result<Self> {
        let all: HashSet<i64> = messages.iter().map(|(group, _)| *group).collect();
        let all = all.into_iter().map(|group| vec![Value::Int(group)]).collect();
        let row = |(group, id): &(i64, MessageId)| vec![Value::Int(*group), Value::Int(id.0)];
        let positions = if is_read { &READ } else { &DELIVERED };
        let all = [(positions, all), (&FIND_WITHHELD, messages.iter().map(row).collect())];
        let [positions, withheld] = run_all(engine, &all)?;
        let mut groups = Self::default();
        for row in positions {
            let members = groups.members.entry(row.int(0)?).or_default();
            members.insert(AccountId(row.int(1)?), MessageId(row.int(2)?));
        }
        for row in withheld {
            groups.withheld.insert(MessageId(row.int(0)?));
        }
        Ok(groups)
    }

    /// What `sender` may hear of its message; nothing once it has left.
    pub(super) fn seen(&self, group: i64, sender: AccountId, message: MessageId) -> Option<Seen> {
        let members = self.members.get(&group).filter(|members| members.contains_key(&sender))?;
        let others_came = || members.iter().all(|(id, at)| *id == sender || *at >= message);
        Some(Seen {
            by_all: !self.withheld.contains(&message) && others_came(),
            is_large: members.len() > RECEIPTS_EACH_MAX as usize,
        })
    }
}
