//! Frames in bytes (RFC 6455, section 5.2).

use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::limit::FRAMES_BYTES_NEXT;

/// In the first byte: there are no more frames of this message.
const WHOLE: u8 = 0x80;
/// In place of a length: it follows in so many bytes.
const LENGTH_IN_TWO: u8 = 126;
const LENGTH_IN_EIGHT: u8 = 127;
const HEADER_BYTES_MAX: usize = 10;

/// Text frames to be appended together.
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
    payload.iter().for_each(|part| out.extend_from_slice(part));
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
