//! How each server is spoken to: logging in, sending, and what comes back.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::{Note, frame};

/// Bytes of content in every message.
pub(crate) const CONTENT_BYTES: usize = 100;
/// What a message's content begins with; then 16 hex digits of time and 8 of number.
const MARK: &[u8] = b"~T";
/// What one says to oneself to see that one can be reached.
const HERE: &str = "~Here";

/// A server's language.
#[derive(Clone)]
pub(crate) enum Dialect {
    /// The project's, in guest mode.
    Guest,
    /// The project's, with accounts: a token for each connection, the group, if there is one, and whether who gets a
    /// message acknowledges it.
    Account { tokens: Arc<Vec<String>>, group: i64, receipts: bool },
    /// That of the small relays: who one is, then JSON as the project's.
    Relay,
    /// NATS: a subject for each person.
    Nats,
    /// MQTT 3.1.1, QoS 0: a topic for each person.
    Mqtt,
}

/// Where a message goes.
#[derive(Clone, Copy)]
pub(crate) enum Recipient {
    Connection(usize),
    Group,
}

/// What is known of the person at one connection.
pub(crate) struct Speaker {
    place: usize,
    pub(crate) id: i64,
    in_group: bool,
    is_ready: bool,
    /// Make each `ref` another one.
    run: u32,
    said: u32,
    /// The last event of the log when it was welcomed, and now, and the last that was acknowledged.
    head: i64,
    heard: i64,
    acknowledged: i64,
    /// A message has come since.
    owes_receipt: bool,
    scratch: Vec<u8>,
}

impl Speaker {
    pub(super) fn new(run: u32, place: usize, in_group: bool) -> Self {
        let id = place as i64 + 1;
        let (is_ready, owes_receipt, scratch) = (false, false, Vec::new());
        let (said, head, heard, acknowledged) = (0, 0, 0, 0);
        Self {
            place,
            id,
            in_group,
            is_ready,
            run,
            said,
            head,
            heard,
            acknowledged,
            owes_receipt,
            scratch,
        }
    }

    pub(super) fn begin(&mut self) {
        self.is_ready = false;
    }
}

impl Dialect {
    /// Path and subprotocol of the upgrade request.
    pub(super) fn path(&self) -> (&'static str, &'static str) {
        if matches!(self, Self::Mqtt) { ("/mqtt", "mqtt") } else { ("/", "") }
    }

    /// The connection is open.
    pub(super) fn greet(&self, speaker: &mut Speaker, out: &mut Vec<u8>) {
        let id = speaker.id;
        match self {
            Self::Guest => {}
            Self::Account { tokens, .. } => {
                let token = tokens.get(speaker.place).map_or("", String::as_str);
                // Past its end: what earlier runs have left in the log is not asked for.
                let hello =
                    format!(r#"{{"type":"hello","token":"{token}","since":{}}}"#, 1_u64 << 52);
                frame::put(out, frame::TEXT, hello.as_bytes());
            }
            Self::Relay => {
                frame::put(out, frame::TEXT, format!(r#"{{"id":{id}}}"#).as_bytes());
                if speaker.in_group {
                    frame::put(out, frame::TEXT, br#"{"join":1}"#);
                }
                let here = format!(r#"{{"from":{id},"to":{id},"content":"{HERE}"}}"#);
                frame::put(out, frame::TEXT, here.as_bytes());
            }
            Self::Nats => {
                let group = if speaker.in_group { "SUB g 2\r\n" } else { "" };
                let text = format!(
                    "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB u.{id} 1\r\n{group}PING\r\n"
                );
                frame::put(out, frame::BINARY, text.as_bytes());
            }
            Self::Mqtt => {
                // CONNECT, clean session, no keep-alive.
                let name = format!("c{id}");
                let mut packet = vec![0x10, 12 + name.len() as u8, 0, 4, b'M', b'Q', b'T', b'T'];
                packet.extend_from_slice(&[4, 2, 0, 0, 0, name.len() as u8]);
                packet.extend_from_slice(name.as_bytes());
                frame::put(out, frame::BINARY, &packet);
                let topic = format!("u/{id}");
                let mut packet = vec![0x82, topic.len() as u8 + 5, 0, 1, 0, topic.len() as u8];
                packet.extend_from_slice(topic.as_bytes());
                packet.push(0);
                if speaker.in_group {
                    packet[1] += 4;
                    packet.extend_from_slice(&[0, 1, b'g', 0]);
                }
                frame::put(out, frame::BINARY, &packet);
            }
        }
    }

    /// One message; to person `to`, or 0 for the group.
    pub(super) fn send(
        &self,
        speaker: &mut Speaker,
        to: i64,
        sent: u64,
        number: u32,
        out: &mut Vec<u8>,
    ) {
        let from = speaker.id;
        let mut content = Vec::with_capacity(CONTENT_BYTES);
        content.extend_from_slice(MARK);
        write!(content, "{sent:016x}{number:08x}").expect("a Vec takes all");
        content.resize(CONTENT_BYTES, b'x');
        let content = String::from_utf8(content).expect("ASCII");
        let text = &mut speaker.scratch;
        text.clear();
        let written = match (self, to) {
            (Self::Guest | Self::Relay, 0) => {
                write!(text, r#"{{"from":{from},"group":1,"content":"{content}"}}"#)
            }
            (Self::Guest | Self::Relay, to) => {
                write!(text, r#"{{"from":{from},"to":{to},"content":"{content}"}}"#)
            }
            (Self::Account { group, .. }, to) => {
                let (key, to) = if to == 0 { ("group", *group) } else { ("to", to) };
                speaker.said += 1;
                let (place, run, said) = (speaker.place, speaker.run, speaker.said);
                write!(
                    text,
                    r#"{{"{key}":{to},"content":"{content}","ref":"{place}-{run}-{said}"}}"#
                )
            }
            (Self::Nats, 0) => write!(text, "PUB g {CONTENT_BYTES}\r\n{content}\r\n"),
            (Self::Nats, to) => write!(text, "PUB u.{to} {CONTENT_BYTES}\r\n{content}\r\n"),
            (Self::Mqtt, to) => {
                let topic = if to == 0 { "g".to_owned() } else { format!("u/{to}") };
                let length = 2 + topic.len() + CONTENT_BYTES;
                // The length takes two bytes from 128 on; it is less than 128 * 128.
                text.push(0x30);
                if length >= 128 {
                    text.push((length % 128) as u8 | 0x80);
                    text.push((length / 128) as u8);
                } else {
                    text.push(length as u8);
                }
                text.extend_from_slice(&[0, topic.len() as u8]);
                write!(text, "{topic}{content}")
            }
        };
        written.expect("a Vec takes all");
        let opcode = match self {
            Self::Nats | Self::Mqtt => frame::BINARY,
            _ => frame::TEXT,
        };
        frame::put(out, opcode, text);
    }

    /// The payload of one frame.
    pub(super) fn hear(
        &self,
        speaker: &mut Speaker,
        payload: &[u8],
        out: &mut Vec<u8>,
        heard: &mut Vec<Note>,
    ) -> Result<()> {
        if !speaker.is_ready {
            speaker.is_ready = match self {
                Self::Guest | Self::Account { .. } => contains(payload, br#""welcome""#),
                Self::Relay => contains(payload, HERE.as_bytes()),
                Self::Nats => contains(payload, b"PONG"),
                Self::Mqtt => contains(payload, &[0x90]),
            };
            if speaker.is_ready {
                if let Self::Guest | Self::Account { .. } = self {
                    speaker.id = number(payload, br#""id":"#).context("a welcome without an id")?;
                }
                if let Self::Account { .. } = self {
                    speaker.head = number(payload, br#""head":"#).unwrap_or(0);
                    (speaker.heard, speaker.acknowledged) = (speaker.head, 0);
                    speaker.owes_receipt = true;
                }
                heard.push(Note::Ready);
            }
            return Ok(());
        }
        if let Self::Account { .. } = self {
            // Its place in the log stands first wherever there is one.
            if let Some(seq) = number(payload, br#""seq":"#) {
                if seq <= speaker.head {
                    return Ok(()); // From an earlier run, whose receipt came too late.
                }
                speaker.heard = seq.max(speaker.heard);
            }
            if payload.starts_with(br#"{"type":"sent""#) {
                heard.push(Note::Confirmed);
                return Ok(());
            }
            anyhow::ensure!(
                !payload.starts_with(br#"{"type":"error""#),
                "{}",
                String::from_utf8_lossy(payload)
            );
        }
        if matches!(self, Self::Nats) && contains(payload, b"PING\r\n") {
            frame::put(out, frame::BINARY, b"PONG\r\n");
        }
        // Some servers put several messages into one frame.
        let mut rest = payload;
        while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
            let stamp = rest.get(at + MARK.len()..at + MARK.len() + 24).context("half a stamp")?;
            let stamp = std::str::from_utf8(stamp)?;
            let sent = u64::from_str_radix(&stamp[..16], 16)?;
            speaker.owes_receipt = true;
            heard.push(Note::Message { sent, number: u32::from_str_radix(&stamp[16..], 16)? });
            rest = &rest[at + CONTENT_BYTES.min(rest.len() - at)..];
        }
        Ok(())
    }

    /// From now on who gets a message does not say so.
    pub(crate) fn acknowledge_nothing(&mut self) {
        if let Self::Account { receipts, .. } = self {
            *receipts = false;
        }
    }

    /// Confirms the messages that a read has brought, all at once. Who only sends leaves that for later.
    pub(super) fn acknowledge(&self, speaker: &mut Speaker, out: &mut Vec<u8>) {
        if let Self::Account { receipts: true, .. } = self
            && std::mem::take(&mut speaker.owes_receipt)
            && speaker.heard > speaker.acknowledged
        {
            speaker.acknowledged = speaker.heard;
            let text = format!(r#"{{"type":"received","seq":{}}}"#, speaker.heard);
            frame::put(out, frame::TEXT, text.as_bytes());
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The whole number behind a key.
fn number(bytes: &[u8], key: &[u8]) -> Option<i64> {
    let at = bytes.windows(key.len()).position(|window| window == key)? + key.len();
    let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&bytes[at..at + digits]).ok()?.parse().ok()
}
