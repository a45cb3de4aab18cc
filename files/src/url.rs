//! Where the file store is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A file store, as `--files` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilesUrl {
    /// A directory of plain files.
    Directory(PathBuf),
}

/// What is wrong with the address of a file store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesUrlError {
    /// No known scheme.
    #[error("a file store is given as file:PATH")]
    Scheme,
    /// `file:` without a path.
    #[error("file: needs a path, as in file:/var/lib/messenger/files")]
    Path,
}

impl FromStr for FilesUrl {
    type Err = FilesUrlError;

    fn from_str(text: &str) -> Result<Self, FilesUrlError> {
        let path = text.strip_prefix("file:").ok_or(FilesUrlError::Scheme)?;
        // `file:///PATH` means the same; another host than none is none of ours.
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

impl fmt::Display for FilesUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file:{}", path.display()),
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
        for wrong in ["", "/var/files", "http://a/b"] {
            assert_eq!(wrong.parse::<FilesUrl>(), Err(FilesUrlError::Scheme), "{wrong}");
        }
    }
}
