//! The bytes that count for the quota of an account. This is the one place that defines them for counting, deleting and
//! `verify`.
//!
//! An entry counts once, for its sender. A file counts for the account that has uploaded it. Two numbers are counted: the bytes of
//! texts and files, and the *overhead*, which is the space that the database needs beyond them.
//!
//! A block takes space as well: a row for each entry that it withholds from a member, and the former text of a message that is edited.
//! The blocked account must not notice, so what is counted does not depend on blocks: an entry of a group counts for each other
//! member, and an edit counts the text that it replaces for each account that may keep it.

use std::ops::{Add, Neg, Sub};

use crate::Result;
use crate::engine::{BatchStatement, Engine, Rows, Statement, statements};
use crate::limit::{
    ENTRY_OVERHEAD, FILE_OVERHEAD, NAME_WEIGHT, OTHER_MEMBER_OVERHEAD, OVERHEAD_FREE,
};

/// The overhead of a row of `message m`.
macro_rules! entry_overhead {
    () => {
        "512 + 8 * coalesce(octet_length(m.names), 0) + coalesce(octet_length(m.files), 0) \
         + 48 * coalesce(m.others, 0) + coalesce(m.former, 0)"
    };
}
pub(crate) use entry_overhead;

const _: () = assert!(
    ENTRY_OVERHEAD == 512
        && NAME_WEIGHT == 8
        && FILE_OVERHEAD == 4096
        && OTHER_MEMBER_OVERHEAD == 48,
    "as in the statements and in migrations"
);

/// Bytes that count for a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// The bytes of texts and files.
    pub(crate) stored: i64,
    /// The space that the database needs beyond these bytes.
    pub(crate) overhead: i64,
}

impl Size {
    /// The size of an entry without files. `others`: the members of the group besides the sender; 0 if it is no group's entry.
    pub(crate) fn of_entry(content: &str, others: usize) -> Self {
        let overhead = ENTRY_OVERHEAD + OTHER_MEMBER_OVERHEAD * others as i64;
        Self { stored: content.len() as i64, overhead }
    }

    /// The size of a text of this number of bytes that an edit replaces. Each of `others` may keep it; of two people one.
    pub(crate) fn of_former_text(bytes: i64, others: i64) -> Self {
        Self { stored: 0, overhead: bytes.saturating_mul(others.max(1)) }
    }

    /// The size of what an entry stores about its files: their `names`, and their description `text` as JSON.
    pub(crate) fn of_attachments(names: &str, text: &str) -> Self {
        Self { stored: 0, overhead: NAME_WEIGHT * names.len() as i64 + text.len() as i64 }
    }

    /// The size of a file with this number of bytes.
    pub(crate) fn of_file(length: i64) -> Self {
        Self { stored: length, overhead: FILE_OVERHEAD }
    }

    /// `count` times this size.
    pub(crate) fn times(self, count: i64) -> Self {
        Self {
            stored: self.stored.saturating_mul(count),
            overhead: self.overhead.saturating_mul(count),
        }
    }

    /// Whether this size is within a quota of this number of bytes.
    pub(crate) fn fits(self, quota: i64) -> bool {
        self.stored <= quota && self.overhead <= quota.max(OVERHEAD_FREE)
    }
}

impl Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            stored: self.stored.saturating_add(other.stored),
            overhead: self.overhead.saturating_add(other.overhead),
        }
    }
}

impl Neg for Size {
    type Output = Self;

    fn neg(self) -> Self {
        Self { stored: -self.stored, overhead: -self.overhead }
    }
}

impl Sub for Size {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

/// Subtracts entries that are about to be deleted from the sizes of their senders. Each of `entries` is a row with an id.
pub(crate) fn uncount(engine: &mut dyn Engine, entries: &Rows<'_>) -> Result<()> {
    for statement in [&LOCK_SENDERS, &UNCOUNT] {
        engine.run_batch(statement, entries)?;
    }
    Ok(())
}

statements! {
    /// Logs are locked before messages, in the order of a commit.
    static LOCK_SENDERS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select account from log where account in (select m.sender from message m where m.id in \
             (select r.id from unnest($1::bigint[]) as r(id))) order by account for update",
        sqlite:
            "select account from log where account in (select m.sender from message m where m.id = (?1)) \
             order by account",
    });

    static UNCOUNT: BatchStatement = BatchStatement::of(Statement {
        postgres:
            concat!(
                "update log set stored = stored - d.bytes, overhead = overhead - d.more from (select m.sender, \
                 sum(octet_length(m.content)) as bytes, sum(",
                entry_overhead!(),
                ") as more from message m where m.id in (select r.id from unnest($1::bigint[]) as r(id)) \
                 group by m.sender) d where log.account = d.sender",
            ),
        sqlite:
            concat!(
                "update log set stored = stored - d.bytes, overhead = overhead - d.more from (select m.sender, \
                 sum(octet_length(m.content)) as bytes, sum(",
                entry_overhead!(),
                ") as more from message m where m.id = (?1) group by m.sender) d where log.account = d.sender",
            ),
    });
}
