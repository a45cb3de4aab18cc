//! Which file store, as every program that touches it is told: a flag with an environment twin, and a default.

use std::env;
use std::path::{Path, PathBuf};

use crate::limit::FILE_MAX;
use crate::{FileStore, FilesUrl, FilesUrlError};

/// The name of the directory, where none is named.
const DIRECTORY: &str = "files";

/// Settings, to be taken in with `#[command(flatten)]`.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "file_store")]
pub struct FilesArgs {
    /// Where the bytes of files lie: `file:PATH`, or `s3://BUCKET/PREFIX` with the usual `AWS_…` variables. Unset: `files` beside the SQLite file, else in the data directory
    #[arg(long, env = "FILES_URL", value_name = "URL", global = true, value_parser = files_url)]
    pub files: Option<MaybeUrl>,

    /// Bytes of one file
    #[arg(
        long, env = "FILE_MAX", value_name = "BYTES", default_value_t = FILE_MAX,
        value_parser = clap::value_parser!(u64).range(1..=1 << 40)
    )]
    pub file_max: u64,
}

/// What `--files` says; nothing if it is empty, which is how compose files and units leave a variable unset.
#[derive(Clone, Debug)]
pub struct MaybeUrl(Option<FilesUrl>);

fn files_url(text: &str) -> Result<MaybeUrl, FilesUrlError> {
    let url = (!text.is_empty()).then(|| text.parse()).transpose()?;
    Ok(MaybeUrl(url))
}

impl FilesArgs {
    /// As [`FilesArgs::resolve`], for a server: the log says where files lie, or that there is no place for them.
    ///
    /// # Errors
    /// As there.
    pub fn store(&self, database: Option<&Path>) -> Result<Option<FileStore>, StoreError> {
        let found = self.resolve(database)?;
        match &found {
            Some((url, _)) => tracing::info!("files lie in {url}"),
            None => {
                tracing::warn!(
                    "there is no home directory to keep files in: name a place with --files"
                );
            }
        }
        Ok(found.map(|(_, store)| store))
    }

    /// The store that is meant, and its address; `database` is the directory of the database's file, if it has one. Nothing if
    /// there is no directory for the default.
    ///
    /// # Errors
    /// The settings of a bucket are wrong.
    pub fn resolve(
        &self,
        database: Option<&Path>,
    ) -> Result<Option<(FilesUrl, FileStore)>, StoreError> {
        let named = self.files.as_ref().and_then(|MaybeUrl(url)| url.clone());
        let beside = database.map(|directory| FilesUrl::Directory(directory.join(DIRECTORY)));
        if let Some(url) = named.or(beside) {
            let store = FileStore::new(&url);
            let store = store.map_err(|reason| StoreError { url: url.clone(), reason })?;
            return Ok(Some((url, store)));
        }
        let Some(path) = default_directory(|name| env::var_os(name).map(PathBuf::from)) else {
            return Ok(None);
        };
        let store = FileStore::in_data_directory(path.clone());
        Ok(Some((FilesUrl::Directory(path), store)))
    }
}

/// A file store that cannot be used as it is set.
#[derive(Debug, thiserror::Error)]
#[error("--files {url}: {reason}")]
pub struct StoreError {
    url: FilesUrl,
    reason: String,
}

/// In the data directory.
fn default_directory(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // Relative ones are to be ignored, says the XDG Base Directory Specification.
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    // systemd makes this directory for the service alone.
    if let Some(state) = absolute("STATE_DIRECTORY") {
        return Some(state.join(DIRECTORY));
    }
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    Some(data?.join("messenger").join(DIRECTORY))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn of(files: &str, database: Option<&str>) -> String {
        let args = FilesArgs { files: Some(files_url(files).unwrap()), file_max: FILE_MAX };
        args.resolve(database.map(Path::new)).unwrap().unwrap().0.to_string()
    }

    #[test]
    fn files_lie_where_they_are_told_else_beside_the_database() {
        assert_eq!(of("file:/a", Some("/db")), "file:/a");
        assert_eq!(of("", Some("/db")), "file:/db/files");
    }

    #[test]
    fn the_default_is_in_the_data_directory() {
        let with = |set: &[(&str, &str)]| {
            let path = default_directory(|name| {
                set.iter().find(|(it, _)| *it == name).map(|(_, path)| PathBuf::from(path))
            });
            path.map(|path| path.display().to_string())
        };
        let home = ("HOME", "/home/a");
        assert_eq!(with(&[home]).unwrap(), "/home/a/.local/share/messenger/files");
        assert_eq!(with(&[("XDG_DATA_HOME", "/x"), home]).unwrap(), "/x/messenger/files");
        assert_eq!(with(&[("STATE_DIRECTORY", "/s"), home]).unwrap(), "/s/files");
        assert_eq!(with(&[("XDG_DATA_HOME", "relative")]), None);
    }
}
