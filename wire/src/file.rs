//! A file of a message, in frames and in the database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file of a message. Its bytes are at `/files/ID` of the HTTP port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// The id of the file.
    pub id: String,
    /// The name of the file, as its sender has uploaded it.
    pub name: String,
    /// The media type of the file, as its sender says.
    #[serde(rename = "type")]
    pub kind: String,
    /// The length of the file, in bytes.
    #[schemars(range(min = 0))]
    pub size: i64,
    /// The width of a picture or video in pixels, as its sender says. Absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// The height of a picture or video in pixels, as its sender says. Absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// The id of a small picture of the file, itself a file. Absent if its sender has uploaded none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
}

impl File {
    /// A message's files as one text, for the database.
    pub fn write_all(files: &[Self]) -> String {
        serde_json::to_string(files).expect("no key of a file can fail")
    }

    /// Parses a text of [`File::write_all`]; `None` for any other text.
    pub fn read_all(text: &str) -> Option<Vec<Self>> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let (id, name, kind) = ("a".to_owned(), "\"ü\n".to_owned(), "image/png".to_owned());
        let plain = File { id, name, kind, size: 1, width: None, height: None, thumbnail: None };
        let full =
            File { width: Some(2), height: Some(3), thumbnail: Some("t".into()), ..plain.clone() };
        let files = vec![plain, full];
        assert_eq!(File::read_all(&File::write_all(&files)), Some(files));
        assert_eq!(File::read_all("{}"), None);
    }
}
