//! `restore`: writes a backup into an empty database, SQLite or PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use sql::{DatabaseUrl, RESTORED_ROWS, Restoration, TABLES};

use crate::limit::CLOCK_PROBLEM_MS;
use crate::manifest::{Manifest, Table};
use crate::rows::RowReader;

/// The arguments of `restore`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of a backup
    directory: PathBuf,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl) -> Result<ExitCode> {
    let directory = &args.directory;
    let manifest = Manifest::read(directory)?;
    manifest.check(directory)?;
    let mut restoration = Restoration::begin(url, manifest.form, manifest.highest, crate::now())?;
    fill(&mut restoration, &manifest, directory)?;
    restoration.finish(manifest.at)?;
    telemetry::log::print_line(&format!(
        "{url}: {} accounts and {} messages from {}; everybody has to log in again",
        manifest.rows("account"),
        manifest.rows("message"),
        directory.display()
    ));
    if (crate::now() - manifest.at).abs() >= CLOCK_PROBLEM_MS {
        telemetry::log::print_line(
            "the clock shows another time than the backup was made at: nothing is deleted because of its age until a server has run for \
             as long as the backup is old. If the clock is right, start with --clock-confirmed \"$(date -u +%F)\"",
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn fill(restoration: &mut Restoration, manifest: &Manifest, directory: &Path) -> Result<()> {
    for name in TABLES {
        // A form of before the table has none.
        let Some(table) = manifest.tables.iter().find(|table| table.name == *name) else {
            continue;
        };
        fill_table(restoration, table, directory)
            .with_context(|| format!("cannot restore {}", Table::file(name)))?;
    }
    Ok(())
}

fn fill_table(restoration: &mut Restoration, table: &Table, directory: &Path) -> Result<()> {
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
        restoration.insert(&table.name, &columns, rows)?;
    }
    ensure!(count == table.rows, "it has {count} rows, not {}", table.rows);
    Ok(())
}
