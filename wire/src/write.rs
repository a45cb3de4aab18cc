//! From a [`Frame`] to its JSON.
//!
//! Messages and their answers are most of all frames: they are put together by hand, which takes a quarter of the
//! instructions. Everything else, and every text with something to escape, is serde's.

use crate::plain::plain_bytes;
use crate::{Frame, Message};

impl Frame<'_> {
    /// Appends the frame's JSON to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) if is_simple(message) => write_message(message, out),
            Self::Sent { reference, id, seq, at } => {
                text(br#"{"type":"sent","ref":"#, reference, out);
                maybe(br#","id":"#, id.map(|id| id.0), out);
                maybe(br#","seq":"#, seq.map(|seq| seq.0), out);
                number(br#","at":"#, *at, out);
                out.push(b'}');
            }
            _ => to_json(self, out),
        }
    }
}

/// Whether it has nothing that only some messages have.
fn is_simple(message: &Message<'_>) -> bool {
    let Message { reply_to, edited_at, deleted, reactions, .. } = message;
    reply_to.is_none() && edited_at.is_none() && !deleted && reactions.is_empty()
}

fn write_message(message: &Message<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"message""#);
    maybe(br#","id":"#, message.id.map(|id| id.0), out);
    maybe(br#","seq":"#, message.seq.map(|seq| seq.0), out);
    number(br#","from":"#, message.from.0, out);
    maybe(br#","to":"#, message.to.map(|to| to.0), out);
    maybe(br#","group":"#, message.group.map(|group| group.0), out);
    text(br#","content":"#, message.content, out);
    number(br#","at":"#, message.at, out);
    out.push(b'}');
}

fn maybe(key: &[u8], value: Option<i64>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        number(key, value, out);
    }
}

/// The digits of 0 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

fn number(key: &[u8], value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = value.unsigned_abs();
    // Two at a time: dividing is the cost.
    while rest >= 10 {
        first -= 2;
        digits[first..first + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    if rest > 0 || value == 0 {
        first -= 1;
        digits[first] = b'0' + rest as u8;
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[first..]);
}

fn text(key: &[u8], value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    if plain_bytes(value.as_bytes()) == value.len() {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        to_json(value, out);
    }
}

fn to_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a Vec takes all, and no key of a frame can fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{AccountId, GroupId, MessageId, Seq};

    fn same(frame: &Frame<'_>) {
        let (mut ours, mut serdes) = (Vec::new(), Vec::new());
        frame.write(&mut ours);
        to_json(frame, &mut serdes);
        assert_eq!(String::from_utf8(ours).unwrap(), String::from_utf8(serdes).unwrap());
    }

    proptest! {
        #[test]
        fn by_hand_and_by_serde_are_the_same(
            content in prop_oneof!["[ -~]{0,200}", ".{0,80}", any::<String>()],
            numbers in any::<[Option<i64>; 6]>(),
            from in any::<i64>(),
            at in any::<i64>(),
            deleted in prop::bool::weighted(0.1),
        ) {
            let [id, seq, to, group, reply_to, edited_at] = numbers;
            let (id, seq) = (id.map(MessageId), seq.map(Seq));
            same(&Frame::Sent { reference: &content, id, seq, at });
            let (to, group) = (to.map(AccountId), group.map(GroupId));
            let from = AccountId(from);
            let message = Message { id, seq, from, to, group, content: &content, at, ..Message::default() };
            same(&Frame::Message(message.clone()));
            let reply_to = reply_to.map(MessageId);
            same(&Frame::Message(Message { reply_to, edited_at, deleted, ..message }));
        }
    }
}
