//! Files of posts: which of them the sender may attach, and that they stay as long as the message.

use std::collections::{BTreeMap, HashMap};

use wire::{File, MessageId};

use super::context::BatchContext;
use super::{Operation, Rejection, Submission};
use crate::Result;
use crate::attachment::fetchable;
use crate::engine::{
    BatchStatement, Row, Rows, Statement, Value, for_each_row, run_batches, statements,
};

/// The files of one post.
pub(super) struct Attached {
    pub(super) files: Vec<File>,
    /// As the message keeps them.
    pub(super) text: String,
    /// Their names, each on a line.
    pub(super) names: String,
    /// The message's text and the names, as they are searched for.
    pub(super) searched: String,
}

/// The files of each post with these indexes that has any; without those of which its sender sees not all.
pub(super) fn find(
    ctx: &mut BatchContext<'_>,
    indexes: &[usize],
) -> Result<HashMap<usize, Attached>> {
    let rows = wanted(ctx.submissions, indexes, ctx.at);
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = rows.iter().map(|row| vec![row[2]]).collect();
    // Locked first: what is found then is not deleted before the message has it.
    let [_, found] = run_batches(ctx.engine, &[(&LOCK_FILES, ids), (&FIND_FILES, rows)])?;
    let mut files = HashMap::<usize, BTreeMap<i64, File>>::new();
    for mut row in found {
        let (index, place) = (row.int(0)? as usize, row.int(1)?);
        files.entry(index).or_default().insert(place, file(&mut row)?);
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

    /// The rows for [`ADD_MESSAGE_FILES`]: the files, and their thumbnails.
    fn rows(&self, message: MessageId) -> impl Iterator<Item = Vec<Value<'_>>> {
        let ids = self.files.iter().flat_map(|it| [Some(&it.id), it.thumbnail.as_ref()]);
        ids.flatten().map(move |id| vec![Value::Int(message.0), Value::Text(id)])
    }
}

pub(super) const NO_FILE: Rejection = Rejection::not_found(
    "no such file: upload the whole of it first, or send one that you can see",
);

/// Notes which files the stored posts have. They are no longer deleted by age.
pub(super) fn note<'v>(
    ctx: &mut BatchContext<'_>,
    posts: impl Iterator<Item = (MessageId, &'v Attached)>,
) -> Result<()> {
    let rows: Rows<'_> = posts.flat_map(|(message, attached)| attached.rows(message)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let files = rows.iter().map(|row| vec![row[1]]).collect();
    run_batches(ctx.engine, &[(&ADD_MESSAGE_FILES, rows), (&KEEP_FILES, files)]).map(drop)
}

/// The rows for [`FIND_FILES`].
fn wanted<'a>(submissions: &'a [Submission], indexes: &[usize], at: i64) -> Rows<'a> {
    let row = |index: &usize| {
        let Submission { by, operation, .. } = &submissions[*index];
        let ids = match operation {
            Operation::Post { files, .. } => files.as_slice(),
            _ => &[],
        };
        let (index, by) = (Value::Int(*index as i64), Value::Int(by.0));
        (0..).zip(ids).map(move |(place, id)| {
            vec![index, by, Value::Text(id), Value::Int(place), Value::Int(at)]
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
    /// With their thumbnails.
    static LOCK_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select id from file where id in (select r.id from unnest($1::text[]) as r(id) union all \
             select f.thumbnail from file f where f.id in (select r.id from unnest($1::text[]) as r(id))) \
             order by id for update",
        sqlite: "select id from file where id in (select ?1 union all select f.thumbnail from file f where f.id = ?1)",
    });

    /// Whole uploads of the sender, and files of messages that it sees.
    static FIND_FILES: BatchStatement = for_each_row!(
        r(submission bigint, account bigint, file text, place bigint, at bigint),
        concat!(
            "select r.submission, r.place, f.id, f.name, f.type, f.size, f.width, f.height, t.id from r \
             join file f on f.id = r.file and f.received = f.size left join file t on t.id = f.thumbnail \
             where (f.expires_at is null or f.expires_at > r.at) and (f.owner = r.account or exists \
             (select 1 from message_file x join message m on m.id = x.message join member s \
             on s.conversation = m.conversation join conversation c on c.id = m.conversation \
             where x.file = f.id and ",
            fetchable!("r.account"),
            "))"
        )
    );

    static ADD_MESSAGE_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into message_file (message, file) select * from unnest($1::bigint[], $2::text[]) \
             as r(message, file) on conflict do nothing",
        sqlite: "insert or ignore into message_file (message, file) values (?1, ?2)",
    });

    static KEEP_FILES: BatchStatement = BatchStatement::of(Statement {
        postgres: "update file set expires_at = null where id in (select r.id from unnest($1::text[]) as r(id))",
        sqlite: "update file set expires_at = null where id = ?1",
    });
}
