//! `backup`: a snapshot of the database as a directory, which appears only when it is complete.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use files::FileStore;
use sql::{Cell, Column, ColumnType, DatabaseUrl, Snapshot, TABLES};

use crate::limit::NICENESS;
use crate::manifest::{FORMAT, Manifest, Table};
use crate::objects::{Lost, copy_out, object, report};
use crate::rows::RowWriter;
use crate::staged::StagedDirectory;

/// The arguments of `backup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to create; it may exist if it is empty
    directory: PathBuf,

    /// Make the backup although the file store has none of the files
    #[arg(long)]
    allow_missing: bool,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl, files: Option<&FileStore>) -> Result<ExitCode> {
    let began = Instant::now();
    // The servers have priority. Without the right to change the priority the backup runs all the same.
    let _ = rustix::process::nice(NICENESS);
    let snapshot = Snapshot::open(url)?;
    let partial = StagedDirectory::make(&args.directory)?;
    let (manifest, lost) = fill(&partial.path, snapshot, files, began, args.allow_missing)?;
    partial.publish()?;
    telemetry::log::print_line(&format!(
        "{}: {} accounts, {} messages, {} files, {} bytes in {:.1} s",
        args.directory.display(),
        manifest.rows("account"),
        manifest.rows("message"),
        manifest.rows("file"),
        manifest.bytes(),
        began.elapsed().as_secs_f64()
    ));
    Ok(report(&lost, |count| {
        format!(
            "the backup is complete except for these {count} objects of files: put them back into the file store from an older backup and \
             make another one, or their files are lost"
        )
    }))
}

fn fill(
    directory: &Path,
    mut snapshot: Snapshot,
    files: Option<&FileStore>,
    began: Instant,
    allow_missing: bool,
) -> Result<(Manifest, Vec<Lost>)> {
    let mut manifest = Manifest {
        format: FORMAT,
        form: snapshot.form(),
        engine: snapshot.engine().to_owned(),
        schema: snapshot.schema(),
        program: concat!("messenger ", env!("CARGO_PKG_VERSION")).to_owned(),
        at: crate::now(),
        highest: snapshot.highest()?,
        tables: Vec::new(),
        files: Vec::new(),
    };
    let mut objects = Vec::new();
    for table in TABLES {
        let mut look = |columns: &[Column], row: &[Cell]| {
            if *table == "blob" {
                objects.extend(object(columns, row));
            }
        };
        // A form of before the table has none.
        if let Some(written) = write_table(directory, &mut snapshot, table, &mut look)? {
            manifest.tables.push(written);
        }
    }
    snapshot.close()?;
    let mut lost = Vec::new();
    if !objects.is_empty() {
        let files = files.context(crate::NO_FILE_STORE)?;
        let copied = copy_out(files, &objects, directory, began, allow_missing)?;
        manifest.files.push(copied.objects);
        lost = copied.lost;
    }
    for (name, text) in manifest.texts()? {
        let path = directory.join(name);
        let write = || {
            let mut writer = RowWriter::create(&path)?;
            writer.text(text.as_bytes())?;
            writer.finish()
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok((manifest, lost))
}

fn write_table(
    directory: &Path,
    snapshot: &mut Snapshot,
    name: &str,
    look: &mut dyn FnMut(&[Column], &[Cell]),
) -> Result<Option<Table>> {
    let path = directory.join(Table::file(name));
    let cannot = || format!("cannot write {}", path.display());
    let columns = snapshot.columns(name)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let mut writer = RowWriter::create(&path).with_context(cannot)?;
    let mut written = Ok(());
    snapshot.each_row(name, &columns, |row| {
        look(&columns, &row);
        written = writer.row(&row);
        written.is_ok()
    })?;
    written.with_context(cannot)?;
    let (rows, bytes) = (writer.rows, writer.bytes);
    let kind = |kind| match kind {
        ColumnType::Int => "int",
        ColumnType::Text => "text",
        ColumnType::Bytes => "bytes",
    };
    Ok(Some(Table {
        name: name.to_owned(),
        columns: columns.into_iter().map(|it| (it.name, kind(it.kind).to_owned())).collect(),
        rows,
        bytes,
        sha256: writer.finish().with_context(cannot)?,
    }))
}
