//! The commonest request, read by hand: a message in plain JSON, which takes a tenth of the instructions.
//!
//! Whatever is not plain (another type, a key of other requests, a key twice, an escape, a number with a sign) is left to
//! the parser, which alone says what is allowed: all that is read here means there exactly the same.

use std::borrow::Cow;

use crate::limit::{CONTENT_BYTES_MAX, REF_BYTES_MAX};
use crate::{AccountId, GroupId, Request, To, Want};

/// Digits of a number that cannot be too large.
const DIGITS_MAX: usize = 18;
/// Bytes looked at together.
const BLOCK: usize = 16;

/// Reads a message, if it is plain.
pub(crate) fn message(text: &str) -> Option<Request<'_>> {
    let mut reader = Reader { text, at: 0 };
    let (mut kind, mut reference, mut content) = (None, None, None);
    let (mut from, mut to, mut group) = (None, None, None);
    reader.take(b'{')?;
    loop {
        reader.take(b'"')?;
        if reader.skip("content\"") {
            once(&mut content, reader.string(CONTENT_BYTES_MAX)?)?;
        } else if reader.skip("to\"") {
            once(&mut to, To::Account(AccountId(reader.number()?)))?;
        } else if reader.skip("from\"") {
            once(&mut from, AccountId(reader.number()?))?;
        } else if reader.skip("ref\"") {
            once(&mut reference, reader.string(REF_BYTES_MAX)?)?;
        } else if reader.skip("group\"") {
            once(&mut group, To::Group(GroupId(reader.number()?)))?;
        } else if reader.skip("type\"") {
            once(&mut kind, reader.string("message".len())?)?;
        } else {
            return None;
        }
        match reader.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    if reader.at != text.len() || kind.is_some_and(|kind| kind != "message") {
        return None;
    }
    let (to, content) = (to.xor(group)?, Cow::Borrowed(content?));
    let want = Want::Message { from, to, content, reply_to: None, token: None };
    Some(Request { reference: reference.map(Cow::Borrowed), want })
}

/// How many bytes from the start stand in JSON as they are.
pub(crate) fn plain_bytes(text: &[u8]) -> usize {
    // Without a way out, neither here nor within a block: so the compiler makes vectors of it.
    let escapes = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let is_plain = |block: &[u8; BLOCK]| !block.iter().fold(false, |any, byte| any | escapes(byte));
    let (blocks, _) = text.as_chunks::<BLOCK>();
    let clean = BLOCK * blocks.iter().take_while(|block| is_plain(block)).count();
    // The last bytes once more, as a block of their own.
    if clean == BLOCK * blocks.len() && text.last_chunk().is_some_and(is_plain) {
        return text.len();
    }
    clean + text[clean..].iter().position(escapes).unwrap_or(text.len() - clean)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is not white.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word.as_bytes());
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// A colon, and a text of 1 to `bytes_max` bytes.
    fn string(&mut self, bytes_max: usize) -> Option<&'a str> {
        self.take(b':')?;
        self.take(b'"')?;
        let length = plain_bytes(self.rest());
        (1..=bytes_max).contains(&length).then(|| self.until_quote(length))?
    }

    /// So many bytes, and a quote behind them.
    fn until_quote(&mut self, length: usize) -> Option<&'a str> {
        let (start, end) = (self.at, self.at + length);
        self.at = end + 1;
        (*self.text.as_bytes().get(end)? == b'"').then(|| &self.text[start..end])
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// A colon, and a number.
    fn number(&mut self) -> Option<i64> {
        self.take(b':')?;
        let first @ b'0'..=b'9' = self.next()? else { return None };
        let mut number = i64::from(first - b'0');
        let mut digits = 1;
        while let Some(digit @ b'0'..=b'9') = self.text.as_bytes().get(self.at) {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            digits += 1;
            self.at += 1;
        }
        (digits == 1 || (first != b'0' && digits <= DIGITS_MAX)).then_some(number)
    }
}

/// Puts a value where none is yet.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
