//! Writes and reads the rows of a table as lines of JSON.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sql::Cell;

use crate::limit::UNSYNCED_BYTES_MAX;

/// Writes the rows into a file that only its owner can read.
pub(crate) struct RowWriter {
    file: BufWriter<File>,
    sum: Sha256,
    line: Vec<u8>,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    unsynced: u64,
}

impl RowWriter {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let (file, sum) = (BufWriter::with_capacity(64 * 1024, file), Sha256::new());
        Ok(Self { file, sum, line: Vec::new(), bytes: 0, rows: 0, unsynced: 0 })
    }

    pub(crate) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        for (number, cell) in cells.iter().enumerate() {
            line.push(if number == 0 { b'[' } else { b',' });
            match cell {
                Cell::Int(number) => write!(line, "{number}")?,
                Cell::Text(text) => serde_json::to_writer(&mut line, text)?,
                Cell::Null => line.extend(b"null"),
                Cell::Bytes(_) => {
                    return Err(io::Error::other("no column of a backup holds bytes"));
                }
            }
        }
        line.extend(b"]\n");
        let done = self.text(&line);
        self.line = line;
        self.rows += 1;
        done
    }

    pub(crate) fn text(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.write_all(text)?;
        self.sum.update(text);
        self.bytes += text.len() as u64;
        self.unsynced += text.len() as u64;
        if self.unsynced >= UNSYNCED_BYTES_MAX {
            self.unsynced = 0;
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
        }
        Ok(())
    }

    /// Flushes the file to the disk, and returns its checksum.
    pub(crate) fn finish(mut self) -> io::Result<String> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(HEXLOWER.encode(&self.sum.finalize()))
    }
}

/// Reads what [`RowWriter`] has written.
pub(crate) struct RowReader {
    file: BufReader<File>,
    line: Vec<u8>,
    columns: usize,
}

impl RowReader {
    pub(crate) fn open(path: &Path, columns: usize) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { file: BufReader::with_capacity(64 * 1024, file), line: Vec::new(), columns })
    }

    /// Reads up to `limit` rows; none at the end of the file.
    pub(crate) fn rows(&mut self, limit: usize) -> Result<Vec<Vec<Cell>>> {
        let mut rows = Vec::with_capacity(limit);
        while rows.len() < limit {
            self.line.clear();
            if self.file.read_until(b'\n', &mut self.line)? == 0 {
                break;
            }
            let row: Vec<Value> = serde_json::from_slice(&self.line)?;
            if row.len() != self.columns {
                bail!("a row has {} columns, not {}", row.len(), self.columns);
            }
            rows.push(row.into_iter().map(cell).collect::<Result<_>>()?);
        }
        Ok(rows)
    }
}

fn cell(value: Value) -> Result<Cell> {
    Ok(match value {
        Value::Null => Cell::Null,
        Value::String(text) => Cell::Text(text),
        Value::Number(number) => {
            Cell::Int(number.as_i64().context("a number has more than 64 bits")?)
        }
        _ => bail!("a row has a cell that is neither number nor text"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        let odd = "line\nbreak \"quoted\\\" \u{1} 👩‍👩‍👧 \u{2028}";
        let rows = [
            vec![Cell::Int(i64::MAX), Cell::Text(odd.to_owned()), Cell::Null],
            vec![Cell::Int(i64::MIN), Cell::Text(String::new()), Cell::Int(0)],
        ];
        let mut writer = RowWriter::create(&path).unwrap();
        rows.iter().for_each(|row| writer.row(row).unwrap());
        let (count, bytes) = (writer.rows, writer.bytes);
        writer.finish().unwrap();
        assert_eq!((count, bytes), (2, std::fs::metadata(&path).unwrap().len()));
        let mut reader = RowReader::open(&path, 3).unwrap();
        assert_eq!(reader.rows(1).unwrap(), rows[..1]);
        assert_eq!(reader.rows(9).unwrap(), rows[1..]);
        assert_eq!(reader.rows(9).unwrap(), Vec::<Vec<Cell>>::new());
        assert!(RowReader::open(&path, 2).unwrap().rows(1).is_err());
    }
}
