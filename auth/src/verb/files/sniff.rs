//! Recognises the media type of pictures, sounds and videos that a browser may show by their first bytes.

/// The number of bytes that are examined.
pub(super) const SNIFFED_BYTES: usize = 64;

/// The media type, if the bytes are a picture, sound or video of a kind that cannot contain a script, as SVG and HTML
/// can.
pub(super) fn sniff(head: &[u8]) -> Option<&'static str> {
    let at = |start: usize, bytes: &[u8]| head.get(start..).is_some_and(|it| it.starts_with(bytes));
    let has = |bytes: &[u8]| head.windows(bytes.len()).any(|it| it == bytes);
    match head {
        _ if at(0, b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        _ if at(0, b"\xff\xd8\xff") => Some("image/jpeg"),
        _ if at(0, b"GIF87a") || at(0, b"GIF89a") => Some("image/gif"),
        _ if at(0, b"RIFF") && at(8, b"WEBP") => Some("image/webp"),
        _ if at(0, b"RIFF") && at(8, b"WAVE") => Some("audio/wav"),
        _ if at(0, b"fLaC") => Some("audio/flac"),
        _ if at(0, b"ID3") => Some("audio/mpeg"),
        [0xff, 0xfb | 0xf3 | 0xf2, ..] => Some("audio/mpeg"),
        [0xff, 0xf1 | 0xf9, ..] => Some("audio/aac"),
        _ if at(0, b"\x1a\x45\xdf\xa3") && has(b"webm") => Some("video/webm"),
        _ if at(0, b"OggS") && has(b"\x80theora") => Some("video/ogg"),
        _ if at(0, b"OggS") => Some("audio/ogg"),
        _ if at(4, b"ftyp") => iso_media(head.get(8..12)?),
        _ => None,
    }
}

/// By the brand of an ISO base media file.
fn iso_media(brand: &[u8]) -> Option<&'static str> {
    match brand {
        b"avif" | b"avis" => Some("image/avif"),
        b"M4A " | b"M4B " => Some("audio/mp4"),
        b"isom" | b"iso2" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" | b"dash"
        | b"M4V " | b"MSNV" | b"mp71" => Some("video/mp4"),
        b"qt  " => Some("video/quicktime"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_sounds_and_videos_are_known_by_their_bytes() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"GIF89a<script>", "image/gif"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "image/avif"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0", "video/mp4"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
            (b"OggS\0\x02\0\0\0\0\0\0OpusHead", "audio/ogg"),
            (b"ID3\x03\0", "audio/mpeg"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        ] {
            assert_eq!(sniff(bytes), Some(kind));
            assert_eq!(sniff(&bytes[..2]), None);
        }
    }

    #[test]
    fn what_can_hold_a_script_or_is_anything_else_is_nothing() {
        for bytes in [
            &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>"[..],
            b"<!DOCTYPE html><script>alert(1)</script>",
            b"<?xml version=\"1.0\"?><svg/>",
            b"%PDF-1.7",
            b"PK\x03\x04",
            b"RIFF\x24\0\0\0AVI ",
            b"\x1a\x45\xdf\xa3\x42\x82\x88matroska",
            b"\0\0\0\x18ftypheic",
            b"hello",
            b"",
            b" \x89PNG\r\n\x1a\n",
            b"\xff\xfeh\0e\0",
        ] {
            assert_eq!(sniff(bytes), None);
        }
    }
}
