//! A notice of a node to the others, in the table `notice` and over the message bus.

use wire::{AccountId, Seq};

/// Kinds of sections: heads of logs; accounts whose connections have changed.
const HEADS: u8 = 1;
const ACCOUNTS: u8 = 2;
/// Bytes before the content of a section: its kind and its length.
const HEADER: usize = 5;

/// What a node tells the others. It is only a hint: a node that gets it reads the rest from the database. An empty
/// notice says that any log may have grown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// Logs have grown to these events.
    pub heads: Vec<(AccountId, Seq)>,
    /// Accounts that have more or fewer connections to the node.
    pub accounts: Vec<AccountId>,
}

impl Notice {
    /// Its bytes: sections, each with its kind, its length in 4 bytes, and its content. Numbers are big-endian.
    pub fn encode(&self) -> Vec<u8> {
        let (heads, accounts) = (16 * self.heads.len(), 8 * self.accounts.len());
        let mut bytes = Vec::with_capacity(2 * HEADER + heads + accounts);
        if heads > 0 {
            begin_section(&mut bytes, HEADS, heads);
        }
        for (account, seq) in &self.heads {
            bytes.extend_from_slice(&account.0.to_be_bytes());
            bytes.extend_from_slice(&seq.0.to_be_bytes());
        }
        if accounts > 0 {
            begin_section(&mut bytes, ACCOUNTS, accounts);
        }
        for account in &self.accounts {
            bytes.extend_from_slice(&account.0.to_be_bytes());
        }
        bytes
    }

    /// Whether the notice says that any log may have grown.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.accounts.is_empty()
    }

    /// Decodes the bytes of [`Notice::encode`]. Sections of later versions are skipped. `None`: the bytes are
    /// malformed.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut notice = Self::default();
        while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
            let [kind, length @ ..] = *header;
            let (content, rest) = rest.split_at_checked(u32::from_be_bytes(length) as usize)?;
            bytes = rest;
            let (numbers, []) = content.as_chunks::<8>() else {
                // Of a later kind it may be.
                if [HEADS, ACCOUNTS].contains(&kind) {
                    return None;
                }
                continue;
            };
            let numbers: Vec<_> = numbers.iter().map(|it| i64::from_be_bytes(*it)).collect();
            match kind {
                HEADS if numbers.len() % 2 == 0 => {
                    let pairs = numbers.as_chunks::<2>().0.iter();
                    notice.heads.extend(pairs.map(|[id, seq]| (AccountId(*id), Seq(*seq))));
                }
                HEADS => return None,
                ACCOUNTS => notice.accounts.extend(numbers.into_iter().map(AccountId)),
                _ => {}
            }
        }
        bytes.is_empty().then_some(notice)
    }
}

fn begin_section(bytes: &mut Vec<u8>, kind: u8, length: usize) {
    bytes.push(kind);
    bytes.extend_from_slice(&(length as u32).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read_as_it_was_written() {
        let heads = vec![(AccountId(1), Seq(i64::MAX)), (AccountId(-7), Seq(0))];
        let accounts = vec![AccountId(1), AccountId(i64::MAX)];
        for notice in [
            Notice::default(),
            Notice { heads: heads.clone(), ..Notice::default() },
            Notice { accounts: accounts.clone(), ..Notice::default() },
            Notice { heads, accounts },
        ] {
            let mut bytes = notice.encode();
            assert_eq!(Notice::decode(&bytes).as_ref(), Some(&notice));
            bytes.extend_from_slice(&[200, 0, 0, 0, 2, 1, 2]);
            assert_eq!(Notice::decode(&bytes).as_ref(), Some(&notice), "a later kind is skipped");
            bytes.pop();
            assert_eq!(Notice::decode(&bytes), None);
        }
        assert_eq!(Notice::decode(&[HEADS, 0, 0, 0, 1, 9]), None);
        assert_eq!(Notice::decode(&[HEADS, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Notice::decode(&[HEADS, 255, 255, 255, 255, 9]), None);
    }
}
