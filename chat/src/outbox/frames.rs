//! Encoding of WebSocket frames (RFC 6455, section 5.2).

use tungstenite::protocol::frame::coding::{Data, OpCode};

use wire::Frame;

use crate::limit::FRAMES_BYTES_NEXT;

/// In the first byte: this is the last frame of the message (FIN).
const WHOLE: u8 = 0x80;
/// In place of a length: the length follows in two bytes.
const LENGTH_IN_TWO: u8 = 126;
const LENGTH_IN_EIGHT: u8 = 127;
const HEADER_BYTES_MAX: usize = 10;

/// Text frames that are appended together.
#[derive(Default)]
pub(crate) struct Frames {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
}

impl Frames {
    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// One frame of the protocol, written in place.
    pub(super) fn of(frame: &Frame<'_>) -> Self {
        let mut bytes = vec![0; HEADER_BYTES_MAX];
        frame.write(&mut bytes);
        let mut header = Vec::with_capacity(HEADER_BYTES_MAX);
        write_header(&mut header, OpCode::Data(Data::Text), bytes.len() - HEADER_BYTES_MAX);
        let start = HEADER_BYTES_MAX - header.len();
        bytes[start..HEADER_BYTES_MAX].copy_from_slice(&header);
        bytes.drain(..start);
        bytes.shrink_to_fit();
        Self { bytes, count: 1 }
    }

    /// A text that comes in parts.
    pub(crate) fn push_text(&mut self, parts: &[&[u8]]) {
        if self.count == 1 {
            self.bytes.reserve(FRAMES_BYTES_NEXT);
        }
        frame(&mut self.bytes, OpCode::Data(Data::Text), parts);
        self.count += 1;
    }
}

/// Appends one frame: the only one of its message, and unmasked.
pub(super) fn frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[&[u8]]) {
    let length = payload.iter().map(|part| part.len()).sum::<usize>();
    out.reserve(HEADER_BYTES_MAX + length);
    write_header(out, opcode, length);
    payload.iter().for_each(|part| out.extend_from_slice(part));
}

fn write_header(out: &mut Vec<u8>, opcode: OpCode, length: usize) {
    let first = WHOLE | u8::from(opcode);
    if length < usize::from(LENGTH_IN_TWO) {
        out.extend_from_slice(&[first, length as u8]);
    } else if let Ok(length) = u16::try_from(length) {
        let [high, low] = length.to_be_bytes();
        out.extend_from_slice(&[first, LENGTH_IN_TWO, high, low]);
    } else {
        out.extend_from_slice(&[first, LENGTH_IN_EIGHT]);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// How many frames there are from `start`, where one begins.
pub(super) fn frames_from(frames: &[u8], start: usize) -> usize {
    let ends = std::iter::successors(Some(start), |at| {
        (*at < frames.len()).then(|| frame_end(frames, *at, at + 1))
    });
    ends.count() - 1
}

/// Where the frame ends that byte `at` lies in; `at` itself if it is the start of one.
pub(super) fn frame_end(frames: &[u8], begun: usize, at: usize) -> usize {
    let mut end = begun;
    while end < at {
        let header = &frames[end..];
        let (size, length) = match header[1] & 0x7f {
            LENGTH_IN_TWO => (4, u64::from(u16::from_be_bytes([header[2], header[3]]))),
            LENGTH_IN_EIGHT => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&header[2..10]);
                (10, u64::from_be_bytes(bytes))
            }
            length => (2, u64::from(length)),
        };
        end += size + length as usize;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_written_where_it_stays_is_the_same_as_one_that_was_copied() {
        for length in [1, 100, 200, 70_000] {
            let reference = "r".repeat(length);
            let ok = Frame::Ok { reference: &reference };
            let (mut json, mut copied) = (Vec::new(), Vec::new());
            ok.write(&mut json);
            frame(&mut copied, OpCode::Data(Data::Text), &[&json]);
            assert_eq!(Frames::of(&ok).bytes, copied, "{length}");
        }
    }
}
