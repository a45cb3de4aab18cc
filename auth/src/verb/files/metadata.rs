//! `Upload-Metadata`: what a client says about a file.

use data_encoding::BASE64;
use http::Head;

use crate::error::ApiError;
use crate::limit::{FILE_NAME_BYTES_MAX, FILE_TYPE_BYTES_MAX, METADATA_BYTES_MAX, PIXELS_MAX};

/// The name of a file if the client gives none.
const NAME: &str = "file";
/// The media type of a file if the client gives none.
const TYPE: &str = "application/octet-stream";

/// The values that are kept.
#[derive(Debug, PartialEq)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) kind: String,
    /// Width and height.
    pub(super) pixels: Option<(i64, i64)>,
    pub(super) thumbnail: Option<String>,
}

/// Reads the header; unknown keys are ignored.
///
/// # Errors
/// 400 if the header is malformed or out of bounds.
pub(super) fn metadata(head: &Head) -> Result<Metadata, ApiError> {
    let header = head.header("upload-metadata").unwrap_or_default();
    if header.len() > METADATA_BYTES_MAX {
        return Err(bad("Upload-Metadata has at most 4096 bytes"));
    }
    let (mut name, mut kind, mut thumbnail) = (None, None, None);
    let (mut width, mut height) = (None, None);
    for pair in header.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let place = match key {
            "filename" => &mut name,
            "filetype" => &mut kind,
            "width" => &mut width,
            "height" => &mut height,
            "thumbnail" => &mut thumbnail,
            _ => continue,
        };
        let value = BASE64.decode(value.trim().as_bytes()).ok();
        let value = value.and_then(|bytes| String::from_utf8(bytes).ok());
        let value = value.ok_or_else(|| bad("Upload-Metadata has values of UTF-8 in Base64"))?;
        if place.replace(value).is_some() {
            return Err(bad("Upload-Metadata has each key once"));
        }
    }
    let pixels = match (width, height) {
        (None, None) => None,
        (width, height) => {
            let both = width.zip(height).and_then(|(w, h)| Some((pixels(&w)?, pixels(&h)?)));
            Some(both.ok_or_else(|| bad("width and height are both numbers from 1 to 65535"))?)
        }
    };
    let name = name.as_deref().map_or_else(String::new, clean);
    let name = if name.is_empty() { NAME.to_owned() } else { name };
    let kind = kind.as_deref().and_then(media_type).unwrap_or_else(|| TYPE.to_owned());
    let thumbnail = thumbnail.filter(|id| !id.is_empty());
    Ok(Metadata { name, kind, pixels, thumbnail })
}

fn pixels(text: &str) -> Option<i64> {
    text.parse().ok().filter(|pixels| (1..=PIXELS_MAX).contains(pixels))
}

/// The name without directories and without characters that are invisible or turn the reading direction, within the
/// bounds.
fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut clean = String::new();
    for letter in last.chars().filter(|letter| !wire::is_hidden(*letter)) {
        if clean.len() + letter.len_utf8() > FILE_NAME_BYTES_MAX {
            break;
        }
        clean.push(letter);
    }
    let clean = clean.trim();
    if clean.chars().all(|letter| letter == '.') { String::new() } else { clean.to_owned() }
}

/// `type/subtype` in lower case, without parameters; `None` if the text is no media type.
fn media_type(text: &str) -> Option<String> {
    let essence = text.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, subkind) = essence.split_once('/')?;
    let is_token = |part: &str| {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !part.is_empty() && part.bytes().all(is_fit)
    };
    let fits = essence.len() <= FILE_TYPE_BYTES_MAX && is_token(kind) && is_token(subkind);
    fits.then_some(essence)
}

fn bad(sentence: &'static str) -> ApiError {
    ApiError::bad_request(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str) -> Result<Metadata, ApiError> {
        let head = format!("POST /files HTTP/1.1\r\nHost: a\r\nUpload-Metadata: {header}\r\n\r\n");
        metadata(&Head::parse(head.as_bytes()).unwrap())
    }

    fn named(name: &str) -> String {
        of(&format!("filename {}", BASE64.encode(name.as_bytes()))).unwrap().name
    }

    #[test]
    fn a_name_is_what_a_person_sees() {
        assert_eq!(named("cat.png"), "cat.png");
        assert_eq!(named("/etc/passwd"), "passwd");
        assert_eq!(named("C:\\Users\\a\\cat.png"), "cat.png");
        assert_eq!(named("cat\u{202e}gnp.exe\n\u{0}"), "catgnp.exe");
        assert_eq!(named("a\u{2066}b\u{3164}\u{2800}c\u{feff}\u{2028}\u{e0041}"), "abc");
        for kept in ["Größe 図.txt", "👩\u{200d}💻 ❤\u{fe0f}.png", "علی\u{200c}رضا.txt"]
        {
            assert_eq!(named(kept), kept);
        }
        for nothing in ["", "/", "..", "...", " \u{200b} ", "a/"] {
            assert_eq!(named(nothing), NAME, "{nothing:?}");
        }
        let long = named(&"ü".repeat(FILE_NAME_BYTES_MAX));
        assert_eq!(long.len(), FILE_NAME_BYTES_MAX - FILE_NAME_BYTES_MAX % 2);
    }

    #[test]
    fn what_is_missing_has_a_default_and_what_is_unknown_is_ignored() {
        let none = Metadata { name: NAME.into(), kind: TYPE.into(), pixels: None, thumbnail: None };
        for header in
            ["", "is_confidential", "relativePath bnVsbA==,x", "filetype", "filetype aHRtbA=="]
        {
            assert_eq!(of(header).unwrap(), none, "{header}");
        }
        let all =
            of("filename Y2F0,filetype aW1hZ2UvUE5HOyBhPTE=, width MTI4,height NjQ=").unwrap();
        assert_eq!((all.kind.as_str(), all.pixels), ("image/png", Some((128, 64))));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for header in [
            "filename !",
            "filename gICA",
            "filename Y2F0,filename Y2F0",
            "width MTI4",
            "width MA==,height MQ==",
            "width LTE=,height MQ==",
            "width NjU1MzY=,height MQ==",
            &format!("x {}", "A".repeat(METADATA_BYTES_MAX)),
        ] {
            assert!(of(header).is_err(), "{header}");
        }
    }
}
