//! `Range`, `If-Range` and `If-None-Match` of a download (RFC 9110, sections 13 and 14).

use std::ops::Range;

use http::Head;

/// The requested part of a file.
#[derive(Debug, PartialEq)]
pub(super) enum Wanted {
    /// The client has it already.
    Nothing,
    Whole,
    Part(Range<u64>),
    /// A range beyond the end.
    OutOfRange,
}

/// The part that a request asks for, of a file of `size` bytes with this tag. A range that is malformed, of several
/// parts or of another unit is ignored.
pub(super) fn wanted(head: &Head, etag: &str, size: u64) -> Wanted {
    let lists = |header: &str| {
        let mut tags = header.split(',').map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    };
    if head.values("if-none-match").any(lists) {
        return Wanted::Nothing;
    }
    let is_same = head.header("if-range").is_none_or(|tag| tag.trim() == etag);
    match head.header("range").filter(|_| is_same && head.values("range").count() == 1) {
        Some(range) => part(range, size),
        None => Wanted::Whole,
    }
}

fn part(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = bounds(range) else { return Wanted::Whole };
    let part = match (first, last) {
        (Some(first), Some(last)) if last < first => return Wanted::Whole,
        (Some(first), last) => first..last.map_or(size, |last| last.saturating_add(1)).min(size),
        (None, Some(count)) => size - count.min(size)..size,
        (None, None) => return Wanted::Whole,
    };
    if part.is_empty() { Wanted::OutOfRange } else { Wanted::Part(part) }
}

/// `bytes=FIRST-LAST`, where either may be missing.
fn bounds(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = range.trim().split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        text if text.bytes().all(|it| it.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    Some((number(first)?, number(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str, size: u64) -> Wanted {
        let head = format!("GET /files/x HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        wanted(&Head::parse(head.as_bytes()).unwrap(), "\"x\"", size)
    }

    #[test]
    fn a_range_is_cut_to_the_file_and_a_malformed_one_ignored() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=3-", Wanted::Part(3..10)),
            ("bytes=3-99", Wanted::Part(3..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("Bytes=0-18446744073709551616", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::OutOfRange),
            ("bytes=99999999999999999999-", Wanted::OutOfRange),
            ("bytes=-0", Wanted::OutOfRange),
            ("bytes=5-3", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ] {
            assert_eq!(of(&format!("Range: {range}\r\n"), 10), expected, "{range}");
        }
        assert_eq!(of("Range: bytes=0-\r\n", 0), Wanted::OutOfRange);
    }

    #[test]
    fn tags_decide_whether_anything_is_sent_and_whether_a_part_is() {
        for known in ["\"x\"", "\"a\", W/\"x\"", "*"] {
            let lines = format!("If-None-Match: {known}\r\nRange: bytes=0-0\r\n");
            assert_eq!(of(&lines, 10), Wanted::Nothing);
        }
        assert_eq!(of("If-None-Match: \"y\"\r\n", 10), Wanted::Whole);
        assert_eq!(of("If-Range: \"x\"\r\nRange: bytes=1-1\r\n", 10), Wanted::Part(1..2));
        for other in ["\"y\"", "W/\"x\"", "Sat, 29 Nov 2026 00:00:00 GMT"] {
            let lines = format!("If-Range: {other}\r\nRange: bytes=1-1\r\n");
            assert_eq!(of(&lines, 10), Wanted::Whole, "{other}");
        }
    }
}
