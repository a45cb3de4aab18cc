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
const BLOCK: usize = 32;

/// Reads a message, if it is plain.
pub(crate) fn message(text: &str) -> Option<Request<'_>> {
    let mut reader = Reader { text, at: 0 };
    let (mut from, mut to, mut group) = (None, None, None);
    let (mut kind, mut content, mut reference) = (None, None, None);
    reader.take(b'{')?;
    loop {
        match reader.key()? {
            "from" if from.is_none() => from = Some(AccountId(reader.number()?)),
            "to" if to.is_none() => to = Some(To::Account(AccountId(reader.number()?))),
            "group" if group.is_none() => group = Some(To::Group(GroupId(reader.number()?))),
            "content" if content.is_none() => content = Some(reader.string(CONTENT_BYTES_MAX)?),
            "ref" if reference.is_none() => reference = Some(reader.string(REF_BYTES_MAX)?),
            "type" if kind.is_none() => kind = Some(reader.string("message".len())?),
            _ => return None,
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
    let escapes = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // Blocks are looked at without a way out, which the compiler turns into vectors.
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

    fn key(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        // Keys are short.
        let length = self.rest().iter().position(|byte| *byte == b'"')?;
        let key = self.until_quote(length);
        self.take(b':')?;
        key
    }

    /// A text of 1 to `bytes_max` bytes.
    fn string(&mut self, bytes_max: usize) -> Option<&'a str> {
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

    fn number(&mut self) -> Option<i64> {
        let first @ b'0'..=b'9' = self.next()? else { return None };
        let mut number = i64::from(first - b'0');
        let more = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if more >= DIGITS_MAX || (more > 0 && first == b'0') {
            return None;
        }
        for digit in &self.rest()[..more] {
            number = 10 * number + i64::from(digit - b'0');
        }
        self.at += more;
        Some(number)
    }
}
