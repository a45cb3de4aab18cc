//! Frames in bytes (RFC 6455, section 5.2).

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::limit::FRAMES_BYTES_NEXT;

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

/// Appends one unmasked frame.
pub(super) fn frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[&[u8]]) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    let length = payload.iter().map(|part| part.len()).sum::<usize>();
    out.reserve(header.len(length as u64) + length);
    header.format(length as u64, out).expect("a Vec takes all");
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
            126 => (4, u64::from(u16::from_be_bytes([header[2], header[3]]))),
            127 => {
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
