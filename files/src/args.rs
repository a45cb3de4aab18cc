//! The settings of the file store, shared by every program that uses one: flags with their environment variables, and
//! the default.

use std::path::Path;

use crate::limit::FILE_MAX;
use crate::{FileStore, FilesUrl, FilesUrlError};

/// The name of the default directory.
const DIRECTORY: &str = "files";

/// Settings, to be taken in with `#[command(flatten)]`.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "file_store")]
pub struct FilesArgs {
    /// Where the bytes of files lie: `file:PATH`, or `s3://BUCKET/PREFIX` with the usual `AWS_…` variables. Unset:
    /// `files` beside the SQLite file, else in the data directory
    #[arg(long, env = "FILES_URL", value_name = "URL", global = true, value_parser = files_url)]
    pub files: Option<MaybeUrl>,

    /// Bytes of one file
    #[arg(
        long, env = "FILE_MAX", value_name = "BYTES", default_value_t = FILE_MAX,
        value_parser = clap::value_parser!(u64).range(1..=1 << 40)
    )]
    pub file_max: u64,
}

/// The value of `--files`; `None` if it is empty, which is how compose files and units leave a variable unset.
#[derive(Clone, Debug)]
pub struct MaybeUrl(Option<FilesUrl>);

fn files_url(text: &str) -> Result<MaybeUrl, FilesUrlError> {
    let url = (!text.is_empty()).then(|| text.parse()).transpose()?;
    Ok(MaybeUrl(url))
}

impl FilesArgs {
    /// As [`FilesArgs::resolve`], for a server: logs the address of the file store, or that there is none.
    ///
    /// # Errors
    /// Those of [`FilesArgs::resolve`].
    pub fn store(
        &self,
        database: Option<&Path>,
        data: Option<&Path>,
    ) -> Result<Option<FileStore>, StoreError> {
        let found = self.resolve(database, data)?;
        match &found {
            Some((url, _)) => tracing::info!("files are stored in {url}"),
            None => {
                tracing::warn!(
                    "there is no home directory to keep files in: name a place with --files"
                );
            }
        }
        Ok(found.map(|(_, store)| store))
    }

    /// The store that the settings name, and its address. `database` is the directory of the database's file, if it has one; `data` is
    /// the user's data directory, for a database without a file. `None` if neither exists and no store is named.
    ///
    /// # Errors
    /// The settings of a bucket are wrong.
    pub fn resolve(
        &self,
        database: Option<&Path>,
        data: Option<&Path>,
    ) -> Result<Option<(FilesUrl, FileStore)>, StoreError> {
        let named = self.files.as_ref().and_then(|MaybeUrl(url)| url.clone());
        let beside = database.map(|directory| FilesUrl::Directory(directory.join(DIRECTORY)));
        if let Some(url) = named.or(beside) {
            let store = FileStore::new(&url);
            let store = store.map_err(|reason| StoreError { url: url.clone(), reason })?;
            return Ok(Some((url, store)));
        }
        let Some(path) = data.map(|data| data.join(DIRECTORY)) else { return Ok(None) };
        let store = FileStore::in_data_directory(path.clone());
        Ok(Some((FilesUrl::Directory(path), store)))
    }
}

/// An error in the settings of the file store.
#[derive(Debug, thiserror::Error)]
#[error("--files {url}: {reason}")]
pub struct StoreError {
    url: FilesUrl,
    reason: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn of(files: &str, database: Option<&str>) -> String {
        let args = FilesArgs { files: Some(files_url(files).unwrap()), file_max: FILE_MAX };
        args.resolve(database.map(Path::new), Some(Path::new("/data")))
            .unwrap()
            .unwrap()
            .0
            .to_string()
    }

    #[test]
    fn files_lie_where_they_are_told_else_beside_the_database() {
        assert_eq!(of("file:/a", Some("/db")), "file:/a");
        assert_eq!(of("", Some("/db")), "file:/db/files");
        assert_eq!(of("", None), "file:/data/files");
        let unset = FilesArgs { files: None, file_max: FILE_MAX };
        assert!(unset.resolve(None, None).unwrap().is_none());
    }
}
