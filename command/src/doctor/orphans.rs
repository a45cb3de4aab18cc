//! Looks for objects in the directory of files that the database does not name.

use anyhow::{Error, Result};
use files::FileStore;
use sql::{DatabaseUrl, Diagnostic, Severity, Snapshot};

use super::Settings;
use super::system::MIB;
use crate::{file_store, orphans};

pub(super) fn look(url: &DatabaseUrl, settings: &Settings<'_>) -> Diagnostic {
    let advice = |level, text: String| Diagnostic::new(level, "orphans", text);
    let (files, store) = match file_store(url.directory().as_deref(), settings) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let text = "not looked at: name the file store of the servers with --files";
            return advice(Severity::Warning, text.to_owned());
        }
        Err(error) => return advice(Severity::Problem, error.to_string()),
    };
    match orphans_of(&store, url) {
        Ok((0, _)) => advice(Severity::Fine, format!("none in {files}")),
        Ok((count, bytes)) => advice(
            Severity::Warning,
            format!(
                "{count} objects ({} MiB) in {files} are of no file of this database, as after a restore into a directory that was not \
                 empty: nothing will remove them. `verify --objects` names them",
                bytes / MIB
            ),
        ),
        Err(error) => advice(Severity::Warning, format!("not looked at: {error:#}")),
    }
}

/// How many there are, and their bytes.
fn orphans_of(store: &FileStore, url: &DatabaseUrl) -> Result<(usize, u64)> {
    let listed = orphans::list(store)?;
    if listed.is_empty() {
        return Ok((0, 0));
    }
    let mut snapshot = Snapshot::open(url)?;
    let found = orphans::find(listed, &mut snapshot)?;
    snapshot.close().map_err(Error::from)?;
    Ok((found.len(), found.iter().map(|it| it.bytes).sum()))
}
