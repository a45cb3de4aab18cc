//! A fast parser for the most common request: a message in plain JSON. It takes a tenth of the instructions of serde.
//!
//! It leaves everything else (another type, a key of another request, a repeated key, an escape, a number with a sign, white
//! space before a colon) to the general parser, which alone decides what is allowed. Both parsers give the same result.

use std::borrow::Cow;

use crate::escape::plain_bytes;
use crate::limit::{CONTENT_BYTES_MAX, REF_BYTES_MAX};
use crate::{AccountId, Command, GroupId, Recipient, Request, Text};

/// Digits of a number that always fits `i64`.
const DIGITS_MAX: usize = 18;
/// Parses a message if its JSON is plain.
pub(crate) fn message(text: &str) -> Option<Request<'_>> {
    let mut reader = Reader { text, at: 0 };
    let (mut kind, mut reference, mut content) = (None, None, None);
    let (mut from, mut to, mut group) = (None, None, None);
    reader.take(b'{')?;
    loop {
        reader.take(b'"')?;
        if reader.skip(b"content\":") {
            set_once(&mut content, reader.string(CONTENT_BYTES_MAX)?)?;
        } else if reader.skip(b"to\":") {
            set_once(&mut to, Recipient::Account(AccountId(reader.number()?)))?;
        } else if reader.skip(b"from\":") {
            set_once(&mut from, AccountId(reader.number()?))?;
        } else if reader.skip(b"ref\":") {
            set_once(&mut reference, reader.string(REF_BYTES_MAX)?)?;
        } else if reader.skip(b"group\":") {
            set_once(&mut group, Recipient::Group(GroupId(reader.number()?)))?;
        } else if reader.skip(b"type\":") {
            set_once(&mut kind, reader.string("message".len())?)?;
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
    let (to, content) = (to.xor(group)?, Text::plain(content?));
    let command =
        Command::Message { from, to, content, files: Vec::new(), reply_to: None, token: None };
    Some(Request { reference: reference.map(Cow::Borrowed), command })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is not white space.
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
        if self.text.as_bytes().get(self.at) == Some(&byte) {
            self.at += 1;
            return Some(());
        }
        (self.next()? == byte).then_some(())
    }

    fn skip(&mut self, word: &[u8]) -> bool {
        let is_next = self.rest().starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// A text of 1 to `bytes_max` bytes.
    fn string(&mut self, bytes_max: usize) -> Option<&'a str> {
        self.take(b'"')?;
        let length = plain_bytes(self.rest());
        (1..=bytes_max).contains(&length).then(|| self.until_quote(length))?
    }

    /// A text of `length` bytes, followed by a quote.
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
        let mut digits = 1;
        while let Some(digit @ b'0'..=b'9') = self.text.as_bytes().get(self.at) {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            digits += 1;
            self.at += 1;
        }
        (digits == 1 || (first != b'0' && digits <= DIGITS_MAX)).then_some(number)
    }
}

/// Stores a value; `None` if there already is one.
fn set_once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
