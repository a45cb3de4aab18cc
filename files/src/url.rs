//! Addresses of file stores.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A file store, as `--files` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilesUrl {
    /// A directory of plain files.
    Directory(PathBuf),
    /// A bucket of an S3 store.
    Bucket {
        /// Its name.
        name: String,
        /// The prefix of all objects' names; may be empty.
        prefix: String,
    },
}

/// An error in the address of a file store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesUrlError {
    /// No known scheme.
    #[error("a file store is given as file:PATH or s3://BUCKET/PREFIX")]
    Scheme,
    /// `file:` without a path.
    #[error("file: needs a path, as in file:/var/lib/messenger/files")]
    Path,
    /// `s3:` without the name of a bucket.
    #[error(
        "s3:// needs the name of a bucket and takes a prefix, as in s3://messenger-files/main; keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    Bucket,
}

impl FilesUrl {
    /// The directory of the store if it exists, otherwise its parent directory; `None` for a bucket.
    pub fn directory(&self) -> Option<&Path> {
        let Self::Directory(path) = self else { return None };
        if path.exists() {
            return Some(path);
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Some(parent.unwrap_or(Path::new(".")))
    }
}

impl FromStr for FilesUrl {
    type Err = FilesUrlError;

    fn from_str(text: &str) -> Result<Self, FilesUrlError> {
        if let Some(rest) = text.strip_prefix("s3:") {
            return bucket(rest.strip_prefix("//").unwrap_or_default());
        }
        let path = text.strip_prefix("file:").ok_or(FilesUrlError::Scheme)?;
        // `file:///PATH` means the same as `file:PATH`. A URL with a host is refused.
        let path = match path.strip_prefix("//") {
            Some(rest) if rest.starts_with('/') => rest,
            Some(_) => return Err(FilesUrlError::Path),
            None => path,
        };
        if path.is_empty() || path.contains(char::is_control) {
            return Err(FilesUrlError::Path);
        }
        Ok(Self::Directory(PathBuf::from(path)))
    }
}

fn bucket(text: &str) -> Result<FilesUrl, FilesUrlError> {
    let (name, prefix) = text.split_once('/').unwrap_or((text, ""));
    let prefix = prefix.trim_end_matches('/');
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_name);
    let is_prefix = prefix.is_empty() || prefix.split('/').all(is_part);
    match is_part(name) && is_prefix {
        true => Ok(FilesUrl::Bucket { name: name.to_owned(), prefix: prefix.to_owned() }),
        false => Err(FilesUrlError::Bucket),
    }
}

impl fmt::Display for FilesUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file:{}", path.display()),
            Self::Bucket { name, prefix } if prefix.is_empty() => write!(f, "s3://{name}"),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_path() {
        let directory = |path: &str| Ok(FilesUrl::Directory(PathBuf::from(path)));
        assert_eq!("file:/var/files".parse(), directory("/var/files"));
        assert_eq!("file:///var/files".parse(), directory("/var/files"));
        assert_eq!("file:files".parse(), directory("files"));
        for wrong in ["file:", "file://host/path", "file:a\nb"] {
            assert_eq!(wrong.parse::<FilesUrl>(), Err(FilesUrlError::Path), "{wrong}");
        }
        let directory =
            |path: &str| FilesUrl::Directory(PathBuf::from(path)).directory().map(Path::to_owned);
        assert_eq!(directory("src/no such"), Some(PathBuf::from("src")));
        assert_eq!(directory("src"), Some(PathBuf::from("src")));
        assert_eq!(directory("no such"), Some(PathBuf::from(".")));
        for (text, name, prefix) in [
            ("s3://files", "files", ""),
            ("s3://files/", "files", ""),
            ("s3://a.b-c/main/one/", "a.b-c", "main/one"),
        ] {
            let (name, prefix) = (name.to_owned(), prefix.to_owned());
            assert_eq!(text.parse(), Ok(FilesUrl::Bucket { name, prefix }));
        }
        for wrong in
            ["s3:", "s3://", "s3:///x", "s3:files", "s3://a/../b", "s3://key:secret@a", "s3://a//b"]
        {
            assert_eq!(wrong.parse::<FilesUrl>(), Err(FilesUrlError::Bucket), "{wrong}");
        }
        for wrong in ["", "/var/files", "http://a/b"] {
            assert_eq!(wrong.parse::<FilesUrl>(), Err(FilesUrlError::Scheme), "{wrong}");
        }
    }
}
