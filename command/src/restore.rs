//! `restore`: writes a backup into an empty database, SQLite or PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use files::FileStore;
use sql::{DatabaseUrl, RESTORED_ROWS, Restoration, TABLES};

use crate::limit::CLOCK_PROBLEM_MS;
use crate::manifest::{Manifest, Table};
use crate::objects::{Lost, Object, copy_in, object, report};
use crate::rows::RowReader;

/// The arguments of `restore`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of a backup
    directory: PathBuf,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl, files: Option<&FileStore>) -> Result<ExitCode> {
    let directory = &args.directory;
    let manifest = Manifest::read(directory)?;
    manifest.check(directory)?;
    let mut restoration = Restoration::begin(url, manifest.form, manifest.highest, crate::now())?;
    let objects = fill(&mut restoration, &manifest, directory)?;
    // Before the database: nothing in it refers to bytes that are not there.
    let lost = put_back(&objects, files, directory)?;
    restoration.finish(manifest.at)?;
    telemetry::log::print_line(&format!(
        "{url}: {} accounts, {} messages and {} files from {}; everybody has to log in again",
        manifest.rows("account"),
        manifest.rows("message"),
        manifest.rows("file"),
        directory.display()
    ));
    if (crate::now() - manifest.at).abs() >= CLOCK_PROBLEM_MS {
        telemetry::log::print_line(
            "the clock shows another time than the backup was made at: nothing is deleted because of its age until a server has run for \
             as long as the backup is old. If the clock is right, start with --clock-confirmed \"$(date -u +%F)\"",
        );
    }
    Ok(report(&lost, |count| {
        format!(
            "everything is restored except for these {count} objects, which the backup does not have: files that have them cannot be \
             fetched. Copy the objects from an older backup into the file store, if one has them"
        )
    }))
}

/// Puts the objects of files into the file store; returns those that the backup does not have.
fn put_back(objects: &[Object], files: Option<&FileStore>, directory: &Path) -> Result<Vec<Lost>> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let files = files.context(crate::NO_FILE_STORE)?;
    let mut lost = Vec::new();
    for object in objects {
        let fault = copy_in(files, object, directory)?;
        lost.extend(fault.map(|fault| Lost { name: object.name.clone(), fault }));
    }
    Ok(lost)
}

/// Returns the objects of files that the rows name.
fn fill(
    restoration: &mut Restoration,
    manifest: &Manifest,
    directory: &Path,
) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for name in TABLES {
        // A form of before the table has none.
        let Some(table) = manifest.tables.iter().find(|table| table.name == *name) else {
            continue;
        };
        fill_table(restoration, table, directory, &mut objects)
            .with_context(|| format!("cannot restore {}", Table::file(name)))?;
    }
    Ok(objects)
}

fn fill_table(
    restoration: &mut Restoration,
    table: &Table,
    directory: &Path,
    objects: &mut Vec<Object>,
) -> Result<()> {
    let columns = table.columns()?;
    let known = restoration.columns(&table.name)?;
    for column in &columns {
        ensure!(known.contains(column), "{} is no column of it", column.name);
    }
    let path = directory.join(Table::file(&table.name));
    let (mut reader, mut count) = (RowReader::open(&path, columns.len())?, 0);
    loop {
        let rows = reader.rows(RESTORED_ROWS)?;
        if rows.is_empty() {
            break;
        }
        count += rows.len() as u64;
        if table.name == "blob" {
            objects.extend(rows.iter().filter_map(|row| object(&columns, row)));
        }
        restoration.insert(&table.name, &columns, rows)?;
    }
    ensure!(count == table.rows, "it has {count} rows, not {}", table.rows);
    Ok(())
}
