//! The messages on the bus.

use sql::Notice;
use wire::{AccountId, GroupId, Recipient};

/// Kinds of messages, by their first byte.
const NOTICE: u8 = b'n';
const TYPING: u8 = b't';
/// The kinds of recipients of typing.
const TO_ACCOUNT: u8 = 0;
const TO_GROUP: u8 = 1;

/// A message between nodes. A node drops messages of kinds that it does not know.
#[derive(Debug, PartialEq)]
pub(super) enum BusMessage {
    /// Logs have grown.
    Notice(Notice),
    /// An account is typing to `to`; the frame is for `listeners`.
    Typing { from: AccountId, to: Recipient, listeners: Vec<AccountId> },
}

impl BusMessage {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Notice(notice) => {
                let mut bytes = vec![NOTICE];
                bytes.append(&mut notice.encode());
                bytes
            }
            Self::Typing { from, to, listeners } => {
                let (kind, target) = match to {
                    Recipient::Account(id) => (TO_ACCOUNT, id.0),
                    Recipient::Group(id) => (TO_GROUP, id.0),
                };
                let mut bytes = vec![TYPING, kind];
                for number in [from.0, target].into_iter().chain(listeners.iter().map(|id| id.0)) {
                    bytes.extend_from_slice(&number.to_be_bytes());
                }
                bytes
            }
        }
    }

    /// `None` if the message is damaged, or of a kind that only a later version knows.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, content) = bytes.split_first()?;
        match *kind {
            NOTICE => Notice::decode(content).map(Self::Notice),
            TYPING => {
                let (kind, numbers) = content.split_first()?;
                let (numbers, []) = numbers.as_chunks::<8>() else { return None };
                let mut numbers = numbers.iter().map(|number| i64::from_be_bytes(*number));
                let (from, target) = (AccountId(numbers.next()?), numbers.next()?);
                let to = match *kind {
                    TO_ACCOUNT => Recipient::Account(AccountId(target)),
                    TO_GROUP => Recipient::Group(GroupId(target)),
                    _ => return None,
                };
                Some(Self::Typing { from, to, listeners: numbers.map(AccountId).collect() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::Seq;

    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written_and_half_of_it_not_at_all() {
        let from = AccountId(7);
        let listeners = vec![AccountId(1), AccountId(i64::MAX)];
        for message in [
            BusMessage::Notice(Notice { heads: vec![(from, Seq(9))], accounts: vec![from] }),
            BusMessage::Typing { from, to: Recipient::Account(AccountId(1)), listeners: vec![] },
            BusMessage::Typing { from, to: Recipient::Group(GroupId(2)), listeners },
        ] {
            let bytes = message.encode();
            assert_eq!(BusMessage::decode(&bytes).as_ref(), Some(&message));
            assert_eq!(BusMessage::decode(&bytes[..bytes.len() - 1]), None);
        }
        for damaged in [&b""[..], b"x", b"t", b"t\0", b"t\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(BusMessage::decode(damaged), None);
        }
    }
}
