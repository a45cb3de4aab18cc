//! The description of a backup: `manifest.json`, and `manifest.sha256` with its checksum in the format of `sha256sum`.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sql::{Column, ColumnType};

/// The layout of the directory that this program writes, and the newest that it reads.
pub(crate) const FORMAT: i64 = 1;
pub(crate) const MANIFEST: &str = "manifest.json";
/// The directory of the objects of files.
pub(crate) const OBJECTS: &str = "objects";
const CHECKSUM: &str = "manifest.sha256";

/// The names of all files of a backup that this program makes.
pub(crate) fn files() -> impl Iterator<Item = String> {
    let own = [CHECKSUM, MANIFEST].map(str::to_owned);
    sql::TABLES.iter().map(|table| Table::file(table)).chain(own)
}

/// The manifest. A complete backup has one, and an interrupted backup has none.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the layout of the directory.
    pub(crate) format: i64,
    /// The number of the backup's format: which tables and columns it has. It does not depend on the engine.
    pub(crate) form: i64,
    /// The engine that it was made from.
    pub(crate) engine: String,
    /// The version of that engine's schema.
    pub(crate) schema: i64,
    /// The program that has made the backup.
    pub(crate) program: String,
    /// The time of the snapshot, in milliseconds since 1970.
    pub(crate) at: i64,
    /// The highest id or `seq` that was assigned until then.
    pub(crate) highest: i64,
    /// The tables. Each has a file `NAME.jsonl`.
    pub(crate) tables: Vec<Table>,
    /// The directory of objects, if there are any; each is described by its line of the table `blob`.
    pub(crate) files: Vec<Objects>,
}

/// What is in the directory of objects.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Objects {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
}

/// A table. Its file has one JSON array per row, with the columns in this order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The name and type of each column. The type is `int` or `text`.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Table {
    /// The name of a table's file.
    pub(crate) fn file(name: &str) -> String {
        format!("{name}.jsonl")
    }

    pub(crate) fn columns(&self) -> Result<Vec<Column>> {
        let column = |(name, kind): &(String, String)| {
            let kind = match kind.as_str() {
                "int" => ColumnType::Int,
                "text" => ColumnType::Text,
                other => bail!("{} has a column of type {other}", self.name),
            };
            Ok(Column { name: name.clone(), kind })
        };
        self.columns.iter().map(column).collect()
    }
}

impl Manifest {
    /// The number of rows of a table.
    pub(crate) fn rows(&self, table: &str) -> u64 {
        self.tables.iter().find(|it| it.name == table).map_or(0, |it| it.rows)
    }

    pub(crate) fn bytes(&self) -> u64 {
        let objects = self.files.iter().map(|files| files.bytes);
        self.tables.iter().map(|table| table.bytes).chain(objects).sum()
    }

    /// The texts of both files.
    pub(crate) fn texts(&self) -> Result<[(&'static str, String); 2]> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let sum = format!("{}  {MANIFEST}\n", HEXLOWER.encode(&Sha256::digest(&text)));
        Ok([(MANIFEST, text), (CHECKSUM, sum)])
    }

    /// Reads the manifest of a backup.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let shown = directory.display();
        let path = directory.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("{shown} holds no whole backup: there is no {MANIFEST} in it")
            }
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let path = directory.join(CHECKSUM);
        let sum =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            sum.split_whitespace().next() == Some(&HEXLOWER.encode(&Sha256::digest(&text))),
            "{MANIFEST} in {shown} is not as it was written: use another backup"
        );
        let read: serde_json::Value = serde_json::from_str(&text)?;
        let format = read["format"].as_i64().unwrap_or(i64::MAX);
        ensure!(
            format <= FORMAT && read["form"].as_i64().unwrap_or(i64::MAX) <= sql::BACKUP_FORMAT,
            "the backup in {shown} was made by a newer program ({}): restore it with that one",
            read["program"].as_str().unwrap_or("unknown")
        );
        Ok(serde_json::from_value(read)?)
    }

    /// Checks that each table's file is as it was written.
    pub(crate) fn check(&self, directory: &Path) -> Result<()> {
        for table in &self.tables {
            let path = directory.join(Table::file(&table.name));
            let shown = path.display();
            ensure!(
                sql::TABLES.contains(&table.name.as_str()),
                "nobody knows the table {}",
                table.name
            );
            let (bytes, sum) = sum(&path).with_context(|| format!("cannot read {shown}"))?;
            ensure!(
                (bytes, sum.as_str()) == (table.bytes, table.sha256.as_str()),
                "{shown} is not as it was written: use another backup"
            );
        }
        Ok(())
    }
}

fn sum(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut sum, mut chunk) = (File::open(path)?, Sha256::new(), vec![0; 64 * 1024]);
    let mut bytes = 0;
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok((bytes, HEXLOWER.encode(&sum.finalize())));
        }
        sum.update(&chunk[..count]);
        bytes += count as u64;
    }
}
