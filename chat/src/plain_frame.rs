//! Reads the most common frame in place: a whole, masked text message (RFC 6455, section 5.2).
//!
//! tungstenite reads all other frames, and decides what is allowed. A frame that is read here has exactly the same
//! meaning there.

use std::str::Utf8Error;

use wire::limit::FRAME_BYTES_MAX;

/// The first byte: the only frame of a text, and no extension's.
const WHOLE_TEXT: u8 = 0x81;
/// In the second byte: the payload is masked.
const MASKED: u8 = 0x80;
/// Two bytes of length follow the second byte.
const LENGTH_IN_TWO: u8 = 126;
/// Bytes that are unmasked at a time.
const BLOCK: usize = 16;

/// Where the parts of a plain frame are, from its start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlainFrame {
    payload: usize,
    end: usize,
}

/// The frame that `bytes` starts with, if it is plain and all of it is there.
pub(crate) fn find(bytes: &[u8]) -> Option<PlainFrame> {
    let &[WHOLE_TEXT, second, high, low, ..] = bytes else { return None };
    let (payload, length) = match second.checked_sub(MASKED)? {
        // A length that would fit into one byte is left to tungstenite.
        LENGTH_IN_TWO if high == 0 && low < LENGTH_IN_TWO => return None,
        LENGTH_IN_TWO => (8, usize::from(u16::from_be_bytes([high, low]))),
        length if length < LENGTH_IN_TWO => (6, usize::from(length)),
        _ => return None,
    };
    let end = payload + length;
    (end <= bytes.len()).then_some(PlainFrame { payload, end })
}

// A length of two bytes is never above the bound.
const _: () = assert!(u16::MAX as usize <= FRAME_BYTES_MAX);

impl PlainFrame {
    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.end
    }

    /// Unmasks the payload.
    pub(crate) fn text<'a>(&self, frame: &'a mut [u8]) -> Result<&'a str, Utf8Error> {
        let (header, payload) = frame[..self.end].split_at_mut(self.payload);
        if let Some(mask) = header.last_chunk() {
            unmask(payload, *mask);
        }
        std::str::from_utf8(payload)
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut wide = [0; BLOCK];
    wide.as_chunks_mut().0.fill(mask);
    let (blocks, rest) = payload.as_chunks_mut::<BLOCK>();
    blocks.iter_mut().for_each(|block| xor(block, wide));
    let (words, last) = rest.as_chunks_mut::<4>();
    words.iter_mut().for_each(|word| xor(word, mask));
    xor(last, mask);
}

fn xor<const N: usize>(bytes: &mut [u8], mask: [u8; N]) {
    bytes.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(start: &[u8], payload: &[u8]) -> Vec<u8> {
        let masked =
            payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask);
        start.iter().copied().chain([1, 2, 3, 4]).chain(masked).collect()
    }

    #[test]
    fn a_whole_text_is_found_and_unmasked() {
        for length in [0, 1, 15, 16, 17, 125, 126, 300, 65_535] {
            let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
            let mut bytes = match length {
                0..126 => frame(&[0x81, 0x80 | length as u8], text.as_bytes()),
                _ => frame(&[0x81, 0xfe, (length >> 8) as u8, length as u8], text.as_bytes()),
            };
            let found = find(&bytes).unwrap();
            assert_eq!(found.len(), bytes.len());
            assert_eq!(find(&bytes[..bytes.len() - 1]), None, "not all of it is there");
            bytes.extend([0x81, 0x80]);
            assert_eq!(found.text(&mut bytes), Ok(&*text));
        }
    }

    #[test]
    fn every_other_frame_is_left_alone() {
        let long = [b'x'; 200];
        for (start, payload) in [
            (&[0x01, 0x81][..], &long[..1]),       // a fragment
            (&[0x80, 0x81], &long[..1]),           // the last one
            (&[0x82, 0x81], &long[..1]),           // binary
            (&[0x88, 0x80], &long[..0]),           // a close
            (&[0x89, 0x80], &long[..0]),           // a ping
            (&[0xc1, 0x81], &long[..1]),           // an extension's
            (&[0x81, 0x01], &long[..1]),           // unmasked
            (&[0x81, 0xfe, 0, 125], &long[..125]), // a length longer than it need be
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 200], &long),
        ] {
            assert_eq!(find(&frame(start, payload)), None, "{start:x?}");
        }
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        let mut bytes = frame(&[0x81, 0x82], &[b'a', 0xff]);
        assert!(find(&bytes).unwrap().text(&mut bytes).is_err());
    }
}
