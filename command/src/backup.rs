//! `backup`: one moment of the database as a directory, which is there only once it is whole.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use sql::{DatabaseUrl, Kind, Snapshot, TABLES};

use crate::limit::NICENESS;
use crate::manifest::{FORMAT, Manifest, Table};
use crate::rows::Writer;

/// Where to.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to be made; one that is there must be empty
    directory: PathBuf,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl) -> Result<ExitCode> {
    let began = Instant::now();
    refuse_if_full(&args.directory)?;
    // Only if the system lets it; the servers go first.
    let _ = rustix::process::nice(NICENESS);
    let snapshot = Snapshot::open(url)?;
    let partial = Partial::make(&args.directory)?;
    let manifest = match fill(&partial.path, snapshot) {
        Ok(manifest) => manifest,
        Err(error) => {
            partial.abandon();
            return Err(error);
        }
    };
    partial.reveal(&args.directory)?;
    door::log::say(&format!(
        "{}: {} accounts, {} messages, {} bytes in {:.1} s",
        args.directory.display(),
        manifest.rows("account"),
        manifest.rows("message"),
        manifest.bytes(),
        began.elapsed().as_secs_f64()
    ));
    Ok(ExitCode::SUCCESS)
}

fn refuse_if_full(directory: &Path) -> Result<()> {
    let shown = directory.display();
    match fs::read_dir(directory) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                bail!("{shown} holds something already: name a directory that is not there yet")
            }
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot make the directory {shown}")),
    }
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
            let mut writer = Writer::create(&path)?;
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
    let mut writer = Writer::create(&path).with_context(cannot)?;
    let mut written = Ok(());
    snapshot.each_row(name, &columns, |row| {
        written = writer.row(&row);
        written.is_ok()
    })?;
    written.with_context(cannot)?;
    let (rows, bytes) = (writer.rows, writer.bytes);
    let kind = |kind| match kind {
        Kind::Int => "int",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
    };
    Ok(Table {
        name: name.to_owned(),
        columns: columns.into_iter().map(|it| (it.name, kind(it.kind).to_owned())).collect(),
        rows,
        bytes,
        sha256: writer.finish().with_context(cannot)?,
    })
}

/// The directory while it is not whole, under a name of its own. Locked, so that another one who makes it is seen.
struct Partial {
    path: PathBuf,
    _lock: File,
}

impl Partial {
    fn make(directory: &Path) -> Result<Self> {
        let mut name = OsString::from(without_slash(directory));
        name.push(".partial");
        let path = PathBuf::from(name);
        let cannot = || format!("cannot make the directory {}", path.display());
        if let Ok(old) = File::open(&path) {
            if old.try_lock().is_err() {
                bail!("another backup is being made in {}", path.display());
            }
            // One that was broken off.
            fs::remove_dir_all(&path).with_context(cannot)?;
        }
        DirBuilder::new().mode(0o700).create(&path).with_context(cannot)?;
        let lock = File::open(&path).with_context(cannot)?;
        lock.try_lock().with_context(cannot)?;
        Ok(Self { path, _lock: lock })
    }

    /// It is whole: puts it where it is to be, on the disk.
    fn reveal(self, directory: &Path) -> Result<()> {
        let put = || -> io::Result<()> {
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, without_slash(directory))?;
            let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        };
        let done =
            put().with_context(|| format!("cannot put the backup at {}", directory.display()));
        if done.is_err() {
            self.abandon();
        }
        done
    }

    fn abandon(&self) {
        // What stays is taken away by the next backup.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `a/b` of `a/b/`.
fn without_slash(directory: &Path) -> PathBuf {
    directory.components().collect()
}
