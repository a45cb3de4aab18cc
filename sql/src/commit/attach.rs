//! Files of posts: checks that the sender may attach them, and keeps them as long as the message.

use std::collections::{BTreeMap, HashMap};

use wire::{File, MessageId};

use super::context::BatchContext;
use super::{Operation, Rejection, Submission};
use crate::Result;
use crate::attachment::sees_file;
use crate::engine::{
    BatchStatement, Row, Rows, Statement, Value, for_each_row, run_batches, statements,
};
use crate::quota::Size;

/// The files of one post.
pub(super) struct Attached {
    pub(super) files: Vec<File>,
    /// The files as JSON, for `message.files`.
    pub(super) text: String,
    /// The names of the files, one on each line, for `message.names`.
    pub(super) names: String,
    /// The text that a search looks through: that of the message, and the names.
    pub(super) searched: String,
}

/// Finds the files of the posts with these indexes. A post without files, or with a file that its sender may not attach, is missing
/// in the result.
pub(super) fn find(
    ctx: &mut BatchContext<'_>,
    indexes: &[usize],
) -> Result<HashMap<usize, Attached>> {
    let rows = file_rows(ctx.submissions, indexes, ctx.at);
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = rows.iter().map(|row| vec![row[2]]).collect();
    // The files are locked first, so that a file that was found is not deleted before the message is stored.
    let [_, found] = run_batches(ctx.engine, &[(&LOCK_FILES, ids), (&FIND_FILES, rows)])?;
    let mut files = HashMap::<usize, BTreeMap<i64, File>>::new();
    for mut row in found {
        let (index, position) = (row.int(0)? as usize, row.int(1)?);
        files.entry(index).or_default().insert(position, file(&mut row)?);
    }
    let mut attached = HashMap::new();
    for index in indexes {
        let Operation::Post { files: ids, content, .. } = &ctx.submissions[*index].operation else {
            continue;
        };
        let found = files.remove(index).unwrap_or_default();
        if !ids.is_empty() && found.len() == ids.len() {
            attached.insert(*index, Attached::new(found.into_values().collect(), content));
        }
    }
    Ok(attached)
}

impl Attached {
    fn new(files: Vec<File>, content: &str) -> Self {
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        let names = names.join("\n");
        let (text, searched) = (File::write_all(&files), format!("{content}\n{names}"));
        Self { files, text, names, searched }
    }

    /// What the files add to the size of the message for the sender's quota.
    pub(super) fn size(&self) -> Size {
        Size::of_attachments(&self.names, &self.text)
    }

    /// The rows for [`ADD_MESSAGE_FILES`]: one for each file and each thumbnail.
    fn rows(&self, message: MessageId, conversation: i64) -> impl Iterator<Item = Vec<Value<'_>>> {
        let ids = self.files.iter().flat_map(|it| [Some(&it.id), it.thumbnail.as_ref()]);
        ids.flatten()
            .map(move |id| vec![Value::Int(message.0), Value::Text(id), Value::Int(conversation)])
    }
}

pub(super) const NO_FILE: Rejection = Rejection::not_found(
    "no such file: upload the whole of it first, or send one that you can see",
);

/// Stores which files the new messages have. From then on these files do not expire.
pub(super) fn add_message_files<'v>(
    ctx: &mut BatchContext<'_>,
    posts: impl Iterator<Item = (MessageId, i64, &'v Attached)>,
) -> Result<()> {
    let rows: Rows<'_> = posts
        .flat_map(|(message, conversation, attached)| attached.rows(message, conversation))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let files = rows.iter().map(|row| vec![row[1]]).collect();
    run_batches(ctx.engine, &[(&ADD_MESSAGE_FILES, rows), (&KEEP_FILES, files)]).map(drop)
}

/// The rows for [`FIND_FILES`].
fn file_rows<'a>(submissions: &'a [Submission], indexes: &[usize], at: i64) -> Rows<'a> {
    let row = |index: &usize| {
        let Submission { by, operation, .. } = &submissions[*index];
        let ids = match operation {
            Operation::Post { files, .. } => files.as_slice(),
            _ => &[],
        };
        let (index, by) = (Value::Int(*index as i64), Value::Int(by.0));
        (0..).zip(ids).map(move |(position, id)| {
            vec![index, by, Value::Text(id), Value::Int(position), Value::Int(at)]
        })
    };
    indexes.iter().flat_map(row).collect()
}

fn file(row: &mut Row) -> Result<File> {
    Ok(File {
        id: row.text(2)?,
        name: row.text(3)?,
        kind: row.text(4)?,
        size: row.int(5)?,
        width: row.maybe_int(6)?,
        height: row.maybe_int(7)?,
        thumbnail: row.maybe_text(8)?,
    })
}

statements! {
    /// Locks the files and their thumbnails.
    static LOCK_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select id from file where id in (select r.id from unnest($1::text[]) as r(id) union all \
             select f.thumbnail from file f where f.id in (select r.id from unnest($1::text[]) as r(id))) \
             order by id for update",
        sqlite: "select id from file where id in (select ?1 union all select f.thumbnail from file f where f.id = ?1)",
    });

    /// Finds complete uploads of the sender, and files of messages that the sender sees.
    static FIND_FILES: BatchStatement = for_each_row!(
        r(submission bigint, account bigint, file text, position bigint, at bigint),
        concat!(
            "select r.submission, r.position, f.id, f.name, f.type, f.size, f.width, f.height, t.id from r \
             join file f on f.id = r.file and f.received = f.size left join file t on t.id = f.thumbnail \
             and (t.expires_at is null or t.expires_at > r.at) where (f.expires_at is null or f.expires_at > r.at) and (f.owner = r.account or ",
            sees_file!("r.account", "f.id"),
            ")"
        )
    );

    static ADD_MESSAGE_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into message_file (message, file, conversation) select * from \
             unnest($1::bigint[], $2::text[], $3::bigint[]) as r(message, file, conversation) on conflict do nothing",
        sqlite: "insert or ignore into message_file (message, file, conversation) values (?1, ?2, ?3)",
    });

    static KEEP_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres: "update file set expires_at = null where id in (select r.id from unnest($1::text[]) as r(id))",
        sqlite: "update file set expires_at = null where id = ?1",
    });
}

#[cfg(test)]
mod tests {
    use wire::{AccountId, GroupId, Recipient};

    use super::super::{Batch, CommitPolicy, Operation, Outcome, Submission, commit};
    use crate::ContactPolicy;
    use crate::engine::sqlite::Sqlite;
    use crate::engine::{Engine as _, Purpose};
    use crate::limit::FILE_LOOKS_MAX;

    /// SQLite's instructions for the commit of a post with a file without the search for the file, and for each step of that search.
    const STEPS_OF_POST: i64 = 5000;
    const STEPS_EACH: i64 = 120;

    /// A database in which Mallory (1) owns the file `f`, and Bob (2) is in 300 groups, the even ones together with Mallory. `script` adds
    /// further rows.
    fn sqlite(script: &str) -> Sqlite {
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        sqlite
            .script(
                "insert into account (id, created_at) values (1, 0), (2, 0); insert into log (account) values (1), (2); \
                 insert into file (id, owner, name, type, size, received, created_at) values ('f', 1, 'f', 'f', 1, 1, 0); \
                 create table n (n integer primary key); with recursive m (n) as (select 1 union all select n + 1 from m \
                 where n < 10000) insert into n select n from m; \
                 insert into conversation (id, name) select n, 'Trip' from n where n <= 300; \
                 insert into member (conversation, account, role) select n, 2, 1 from n where n <= 300; \
                 insert into member (conversation, account, role) select n, 1, 1 from n where n <= 300 and n % 2 = 0",
            )
            .unwrap();
        sqlite.script(script).unwrap();
        sqlite
    }

    /// Whether Bob may send the file on, and the steps of the database for that.
    fn send_on(sqlite: &mut Sqlite) -> (bool, i64) {
        let mut send = || {
            let files = vec!["f".to_owned()];
            let (to, content) = (Recipient::Group(GroupId(1)), String::new());
            let operation = Operation::Post { to, content, files, reply_to: None };
            let submission = Submission { by: AccountId(2), reference: None, operation };
            let batch = Batch { submissions: vec![submission], ..Batch::default() };
            let policy = CommitPolicy {
                contact: ContactPolicy::Open,
                quota: i64::MAX,
                follows_later: false,
            };
            let mut outcome = None;
            let steps = sqlite.steps(|sqlite| {
                let (committed, _) = commit(sqlite, &batch, 5, policy, None).unwrap();
                outcome = Some(committed.outcomes == [Outcome::Done]);
            });
            (outcome.unwrap(), steps)
        };
        // What is done first prepares the statements.
        let (is_done, _) = send();
        let again = send();
        assert_eq!(is_done, again.0);
        again
    }

    #[test]
    fn what_others_have_sent_each_other_is_not_read() {
        let steps = [10, 10_000].map(|messages| {
            // To herself alone, and in conversations of hers.
            let (is_found, steps) = send_on(&mut sqlite(&format!(
                "insert into message_file (message, file, conversation) select n, 'f', 1000 from n where n <= {messages}; \
                 insert into message_file (message, file, conversation) select 10000 + n, 'f', 1000 + n from n where n <= {messages}"
            )));
            assert!(!is_found);
            steps
        });
        assert!(steps[1] - steps[0] < STEPS_EACH, "{steps:?}");
    }

    #[test]
    fn messages_that_are_withheld_are_passed_in_one_step() {
        let steps = [10, 10_000].map(|messages| {
            let (is_found, steps) = send_on(&mut sqlite(&format!(
                "insert into message_file (message, file, conversation) select 10 + n, 'f', 2 from n where n <= {messages}; \
                 insert into withheld (message, account, conversation, run) select 10 + n, 2, 2, 11 from n where n <= {messages}; \
                 insert into message_file (message, file, conversation) values (5, 'f', 2)"
            )));
            assert!(is_found, "the message before them");
            steps
        });
        assert!(steps[1] - steps[0] < STEPS_EACH, "{steps:?}");
    }

    /// In each of the groups with Mallory, each message is withheld and stands alone.
    #[test]
    fn looking_for_a_file_ends() {
        let bound = STEPS_OF_POST + FILE_LOOKS_MAX * STEPS_EACH;
        let withheld = |groups: i64, each: i64| {
            format!(
                "insert into message_file (message, file, conversation) select n * 1000 + x, 'f', 2 * n from n \
                 join (select n as x from n where n <= {each}) where n <= {groups}; \
                 insert into withheld (message, account, conversation, run) select message, 2, conversation, message from message_file"
            )
        };
        for (groups, each) in [(150, 100), (1, 999)] {
            let (is_found, steps) = send_on(&mut sqlite(&withheld(groups, each)));
            assert!(!is_found && steps <= bound, "{steps} for {groups} groups");
        }
        // As far as it looks, it finds.
        let seen = "; insert into message_file (message, file, conversation) values (1, 'f', 2)";
        assert!(send_on(&mut sqlite(&(withheld(30, 10) + seen))).0);
        let beyond = FILE_LOOKS_MAX / 2;
        assert!(!send_on(&mut sqlite(&(withheld(1, beyond) + seen))).0, "the bound is reached");
    }
}
