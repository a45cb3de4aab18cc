//! The bytes that count for the quota of an account. This is the one place that defines them for counting, deleting and
//! `verify`.
//!
//! An entry counts for its sender, once, however many people have it: [`ENTRY_BYTES`] for its row, also after its text is deleted;
//! [`TEXT_WEIGHT`] times its text and the names of its files; once what else it keeps of its files. A file counts for who uploaded it,
//! with its whole length and [`FILE_BYTES`].

use crate::Result;
use crate::engine::{BatchStatement, Engine, Rows, Statement, statements};
use crate::limit::{ENTRY_BYTES, FILE_BYTES, TEXT_WEIGHT};

/// The bytes that a row of `message m` counts.
macro_rules! entry_bytes {
    () => {
        "512 + 8 * (octet_length(m.content) + coalesce(octet_length(m.names), 0)) + coalesce(octet_length(m.files), 0)"
    };
}
/// The bytes that a row of `file` counts.
macro_rules! file_bytes {
    () => {
        "size + 4096"
    };
}
pub(crate) use {entry_bytes, file_bytes};

const _: () = assert!(
    ENTRY_BYTES == 512 && TEXT_WEIGHT == 8 && FILE_BYTES == 4096,
    "as in the statements and in migrations"
);

/// The bytes that an entry without files counts.
pub(crate) fn of_entry(content: &str) -> i64 {
    ENTRY_BYTES + of_text(content)
}

/// The bytes that a searchable text counts.
pub(crate) fn of_text(text: &str) -> i64 {
    TEXT_WEIGHT * text.len() as i64
}

/// The bytes that a file of this length counts.
pub(crate) fn of_file(size: i64) -> i64 {
    size.saturating_add(FILE_BYTES)
}

/// Takes entries that are about to be deleted, each a row with its id, from what counts for their senders.
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
                "update log set stored = stored - d.bytes from (select m.sender, sum(",
                entry_bytes!(),
                ") as bytes from message m where m.id in (select r.id from unnest($1::bigint[]) as r(id)) \
                 group by m.sender) d where log.account = d.sender",
            ),
        sqlite:
            concat!(
                "update log set stored = stored - d.bytes from (select m.sender, sum(",
                entry_bytes!(),
                ") as bytes from message m where m.id = (?1) group by m.sender) d where log.account = d.sender",
            ),
    });
}
