//! `backup`: a snapshot of the database as a directory, which appears only when it is complete.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use sql::{ColumnType, DatabaseUrl, Snapshot, TABLES};

use crate::limit::NICENESS;
use crate::manifest::{FORMAT, Manifest, Table};
use crate::rows::RowWriter;
use crate::staged::StagedDirectory;

/// The arguments of `backup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to create; it may exist if it is empty
    directory: PathBuf,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl) -> Result<ExitCode> {
    let began = Instant::now();
    // The servers have priority. Without the right to change the priority the backup runs all the same.
    let _ = rustix::process::nice(NICENESS);
    let snapshot = Snapshot::open(url)?;
    let partial = StagedDirectory::make(&args.directory)?;
    let manifest = fill(&partial.path, snapshot)?;
    partial.publish()?;
    telemetry::log::print_line(&format!(
        "{}: {} accounts, {} messages, {} bytes in {:.1} s",
        args.directory.display(),
        manifest.rows("account"),
        manifest.rows("message"),
        manifest.bytes(),
        began.elapsed().as_secs_f64()
    ));
    Ok(ExitCode::SUCCESS)
}

fn fill(directory: &Path, mut snapshot: Snapshot) -> Result<Manifest> {
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
    for table in TABLES {
        manifest.tables.push(write_table(directory, &mut snapshot, table)?);
    }
    snapshot.close()?;
    for (name, text) in manifest.texts()? {
        let path = directory.join(name);
        let write = || {
            let mut writer = RowWriter::create(&path)?;
            writer.text(text.as_bytes())?;
            writer.finish()
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(manifest)
}

fn write_table(directory: &Path, snapshot: &mut Snapshot, name: &str) -> Result<Table> {
    let path = directory.join(Table::file(name));
    let cannot = || format!("cannot write {}", path.display());
    let columns = snapshot.columns(name)?;
    let mut writer = RowWriter::create(&path).with_context(cannot)?;
    let mut written = Ok(());
    snapshot.each_row(name, &columns, |row| {
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
    Ok(Table {
        name: name.to_owned(),
        columns: columns.into_iter().map(|it| (it.name, kind(it.kind).to_owned())).collect(),
        rows,
        bytes,
        sha256: writer.finish().with_context(cannot)?,
    })
}
