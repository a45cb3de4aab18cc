use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::Shutdown;

use proptest::prelude::*;

use super::*;
use crate::test_support;

/// A frame as it may come, also wrong.
#[derive(Clone, Debug)]
struct Sent {
    first: u8,
    mask: Option<[u8; 4]>,
    payload: Vec<u8>,
}

impl Sent {
    fn write(&self, out: &mut Vec<u8>) {
        let (length, masked) = (self.payload.len(), if self.mask.is_some() { 0x80 } else { 0 });
        out.push(self.first);
        match length {
            0..126 => out.push(masked | length as u8),
            _ => out.extend([masked | 126, (length >> 8) as u8, length as u8]),
        }
        out.extend(self.mask.iter().flatten());
        let mask = self.mask.unwrap_or_default();
        out.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
}

fn frames() -> impl Strategy<Value = Vec<Sent>> {
    let first = prop_oneof![
        12 => Just(0x81), // a whole text
        2 => prop::sample::select(vec![0x01, 0x00, 0x80, 0x82]), // fragments, the last one, binary
        3 => prop::sample::select(vec![0x89, 0x8a]), // a ping, a pong
        1 => prop::sample::select(vec![0x88, 0x83, 0xc1, 0x09]), // a close, and what is wrong
    ];
    let payload = prop_oneof![
        8 => "[ -~]{0,120}".prop_map(String::into_bytes),
        2 => ".{0,400}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    let mask = prop::option::weighted(0.99, any::<[u8; 4]>());
    let sent =
        (first, mask, payload).prop_map(|(first, mask, payload)| Sent { first, mask, payload });
    prop::collection::vec(sent, 0..40)
}

/// What tungstenite alone reads and writes.
struct Alone(Cursor<Vec<u8>>, Vec<u8>);

impl Read for Alone {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Alone {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All messages up to the error, and how many bytes are answered.
fn by_tungstenite(bytes: &[u8]) -> (Vec<String>, usize) {
    let stream = Alone(Cursor::new(bytes.to_vec()), Vec::new());
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
    let mut heard = Vec::new();
    loop {
        heard.push(match socket.read() {
            Ok(Message::Text(text)) => format!("text {text}"),
            Ok(Message::Binary(_)) => "binary".into(),
            Ok(_) => "control".into(),
            Err(error) => break heard.push(kind(&error)),
        });
    }
    (heard, socket.get_ref().1.len())
}

/// The same, of bytes that come in parts of which the first is there with the handshake.
fn by_inlet(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, usize) {
    let (outbox, mut theirs) = test_support::outbox();
    let mut cuts = cuts.iter().map(|cut| (*cut).min(bytes.len()));
    let mut sent = cuts.next().unwrap_or(0);
    let mut reader = MessageReader::new(Arc::clone(&outbox), bytes[..sent].to_vec());
    let mut heard = Vec::new();
    loop {
        heard.push(match reader.next() {
            Ok(Incoming::Text(text)) => format!("text {text}"),
            Ok(Incoming::Binary) => "binary".into(),
            Ok(Incoming::Control) => "control".into(),
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                let next = cuts.next().unwrap_or(bytes.len());
                theirs.write_all(&bytes[sent..next]).unwrap();
                if sent == bytes.len() {
                    theirs.shutdown(Shutdown::Write).unwrap();
                }
                sent = next;
                reader.begin(false);
                continue;
            }
            Err(error) => break heard.push(kind(&error)),
        });
    }
    (heard, outbox.backlog())
}

fn kind(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Utf8(_) => "not UTF-8".into(),
        error => error.to_string(),
    }
}

proptest! {
    #[test]
    fn it_reads_what_tungstenite_alone_would(
        frames in frames(),
        cuts in prop::collection::vec((any::<bool>(), 0..3000_usize), 0..12),
    ) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for frame in &frames {
            frame.write(&mut bytes);
            ends.push(bytes.len());
        }
        // Anywhere, or between two frames.
        let cut = |(is_between, at): (bool, usize)| if is_between { ends[at % ends.len()] } else { at };
        let mut cuts: Vec<_> = cuts.into_iter().map(cut).collect();
        cuts.sort_unstable();
        prop_assert_eq!(by_inlet(&bytes, &cuts), by_tungstenite(&bytes));
    }
}

#[test]
fn what_was_said_is_not_kept_while_it_sleeps() {
    let (outbox, mut theirs) = test_support::outbox();
    let mut bytes = Vec::new();
    for first in [0x01, 0x80] {
        Sent { first, mask: Some([0; 4]), payload: vec![b'x'; 20_000] }.write(&mut bytes);
    }
    theirs.write_all(&bytes).unwrap();
    let mut reader = MessageReader::new(outbox, Vec::new());
    reader.begin(true);
    while !matches!(reader.next(), Ok(Incoming::Text(_))) {
        reader.begin(true);
    }
    assert_eq!(reader.text.len(), 40_000);
    reader.begin(true);
    assert_eq!(reader.text.len(), 0);
}
