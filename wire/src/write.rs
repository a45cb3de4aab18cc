//! Writes a [`Frame`] as JSON.
//!
//! Most frames are messages and their answers. They are written by hand, which takes a quarter of the instructions that
//! serde needs. serde writes everything else, and every text that needs escapes.

use crate::escape::plain_bytes;
use crate::{Frame, Message};

impl Frame<'_> {
    /// Appends the frame's JSON to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) if is_simple(message) => write_message(message, out),
            Self::Sent { reference, id, seq, at } => {
                out.extend_from_slice(br#"{"type":"sent","ref":"#);
                text(reference, out);
                optional(br#","id":"#, id.map(|id| id.0), out);
                optional(br#","seq":"#, seq.map(|seq| seq.0), out);
                number(br#","at":"#, *at, out);
                out.push(b'}');
            }
            _ => to_json(self, out),
        }
    }
}

/// Whether the message has none of the optional keys that are rarely used.
fn is_simple(message: &Message<'_>) -> bool {
    let Message { files, reply_to, edited_at, deleted, request, name, reactions, .. } = message;
    files.is_empty()
        && reply_to.is_none()
        && edited_at.is_none()
        && !deleted
        && !request
        && name.is_none()
        && reactions.is_empty()
}

fn write_message(message: &Message<'_>, out: &mut Vec<u8>) {
    before_content(message, out);
    text(message.content, out);
    after_content(message, out);
}

/// The JSON of a message up to its text.
pub(crate) fn before_content(message: &Message<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"message""#);
    optional(br#","id":"#, message.id.map(|id| id.0), out);
    optional(br#","seq":"#, message.seq.map(|seq| seq.0), out);
    number(br#","from":"#, message.from.0, out);
    optional(br#","to":"#, message.to.map(|to| to.0), out);
    optional(br#","group":"#, message.group.map(|group| group.0), out);
    out.extend_from_slice(br#","content":"#);
}

/// The JSON of a simple message after its text.
pub(crate) fn after_content(message: &Message<'_>, out: &mut Vec<u8>) {
    number(br#","at":"#, message.at, out);
    out.push(b'}');
}

fn optional(key: &[u8], value: Option<i64>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        number(key, value, out);
    }
}

fn number(key: &[u8], value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn text(value: &str, out: &mut Vec<u8>) {
    if plain_bytes(value.as_bytes()) == value.len() {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        to_json(value, out);
    }
}

/// The text as it is written between the quotes.
pub(crate) fn escape<'a>(value: &str, out: &'a mut Vec<u8>) -> &'a [u8] {
    out.clear();
    to_json(value, out);
    &out[1..out.len() - 1]
}

fn to_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a Vec takes all, and no key of a frame can fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{AccountId, GroupId, MessageId, MessageTemplate, Seq, Text};

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
            if let Some(to) = to {
                let (mut template, mut alone) = (MessageTemplate::new(from, at), Vec::new());
                template.set_recipient(AccountId(0));
                template.set_recipient(to);
                let message = Message { from, to: Some(to), content: &content, at, ..Message::default() };
                Frame::Message(message).write(&mut alone);
                let escaped = Text::from("x\n".to_owned());
                prop_assert_eq!(template.render(&escaped)[1], br"x\n");
                prop_assert_eq!(template.render(&Text::from(content.clone())).concat(), &alone[..]);
                if plain_bytes(content.as_bytes()) == content.len() {
                    prop_assert_eq!(template.render(&Text::plain(&content)).concat(), alone);
                }
            }
            let reply_to = reply_to.map(MessageId);
            same(&Frame::Message(Message { reply_to, edited_at, deleted, ..message }));
        }
    }
}
