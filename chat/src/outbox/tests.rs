use std::io::Read;

use proptest::prelude::*;
use tungstenite::protocol::frame::FrameHeader;
use wire::Seq;

use super::*;
use crate::test_support::outbox;

/// Reads frames until a close frame or the end.
fn frames(mut reader: TcpStream) -> (Vec<Vec<u8>>, Option<u16>) {
    let mut bytes = Vec::new();
    let mut texts = Vec::new();
    loop {
        let mut chunk = [0; 65536];
        let count = reader.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let mut at = 0;
        while let Some(end) = whole_frame(&bytes, at) {
            let start = end - payload_len(&bytes[at..]);
            if bytes[at] == 0x88 {
                return (texts, Some(u16::from_be_bytes([bytes[start], bytes[start + 1]])));
            }
            texts.push(bytes[start..end].to_vec());
            at = end;
        }
        bytes.drain(..at);
        if count == 0 {
            assert!(bytes.is_empty(), "half a frame at the end");
            return (texts, None);
        }
    }
}

/// The end of the frame at `at`, if all of it is there.
fn whole_frame(bytes: &[u8], at: usize) -> Option<usize> {
    let header = match bytes.get(at + 1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    bytes.get(at + header - 1)?;
    Some(frame_end(bytes, at, at + 1)).filter(|end| *end <= bytes.len())
}

fn payload_len(frame: &[u8]) -> usize {
    match frame[1] {
        126 => u16::from_be_bytes([frame[2], frame[3]]).into(),
        127 => usize::from_be_bytes(frame[2..10].try_into().unwrap()),
        length => length.into(),
    }
}

#[test]
fn frames_appended_together_come_together_or_not_at_all() {
    let (outbox, reader) = outbox();
    let mut few = Frames::default();
    few.push_text(&[b"b", b"", b"b"]);
    few.push_text(&[b"c"]);
    outbox.push_text(b"a");
    outbox.push_frames(few);
    assert!(outbox.flush());
    let mut many = Frames::default();
    (0..=OUTBOX_BYTES_MAX / 1000).for_each(|_| many.push_text(&[&[b'x'; 1000]]));
    outbox.push_frames(many);
    outbox.flush();
    let texts = ["a", "bb", "c"].map(|text| text.as_bytes().to_vec());
    assert_eq!(frames(reader), (texts.to_vec(), Some(Close::SlowReader.code())));
}

#[test]
fn a_reader_that_never_reads_is_closed_and_still_gets_whole_frames() {
    let (outbox, reader) = outbox();
    let text = vec![b'x'; 10_000];
    let mut pushed = 0;
    while !outbox.is_ending() {
        outbox.push_text(&text);
        outbox.flush();
        pushed += 1;
        assert!(pushed < 100_000, "the bound was never reached");
    }
    assert!(outbox.backlog() < OUTBOX_BYTES_MAX);
    outbox.push_text(b"too late");
    let (texts, code) = frames(reader);
    assert_eq!(code, Some(Close::SlowReader.code()));
    assert!(!texts.is_empty() && texts.len() < pushed);
    assert!(texts.iter().all(|got| *got == text));
}

#[test]
fn a_goodbye_outlives_a_socket_that_stays_full() {
    let (outbox, reader) = outbox();
    outbox.start_replay();
    while outbox.flush() {
        outbox.push_text(&[b'x'; 16 * 1024]);
    }
    while !outbox.is_ending() {
        outbox.push_text(b"pong");
    }
    // The socket takes little or nothing yet: the goodbye is taken out and put back.
    outbox.flush();
    let (texts, code) = frames(reader);
    assert_eq!(code, Some(4409));
    assert!(texts.iter().all(|text| text.len() == 16 * 1024));
}

/// An outbox whose reader takes nothing, of which a frame of so many bytes waits half sent.
fn stuck(bytes: usize) -> (Arc<Outbox>, TcpStream) {
    let (outbox, reader) = outbox();
    outbox.start_replay();
    while outbox.flush() {
        outbox.push_text(&vec![b'x'; bytes]);
    }
    outbox.push_text(b"this is not begun");
    (outbox, reader)
}

#[test]
fn who_is_cut_short_hears_why_after_the_frame_that_was_begun() {
    let (outbox, reader) = stuck(BEGUN_BYTES_MAX / 2);
    outbox.cut_short(Close::TooManyConnections);
    assert!(outbox.backlog() < BEGUN_BYTES_MAX);
    let (texts, code) = frames(reader);
    assert_eq!(code, Some(4409));
    assert!(texts.iter().all(|text| text.len() == BEGUN_BYTES_MAX / 2));
}

#[test]
fn a_long_frame_is_not_kept_for_who_is_cut_short() {
    // The socket may have taken most of the frame that it is at.
    let (outbox, _reader) = loop {
        let stuck = stuck(OUTBOX_BYTES_MAX / 2);
        if stuck.0.lock().begun > BEGUN_BYTES_MAX {
            break stuck;
        }
    };
    outbox.cut_short(Close::TooManyConnections);
    assert_eq!(outbox.backlog(), 0);
    assert!(outbox.is_done());
}

#[test]
fn many_small_frames_reach_the_bound_in_frames() {
    let (outbox, _reader) = outbox();
    for _ in 0..OUTBOX_FRAMES_MAX {
        outbox.push_text(b"x");
    }
    assert!(!outbox.is_ending());
    outbox.push_text(b"one too many");
    assert!(outbox.is_ending());
}

#[test]
fn frames_of_many_threads_arrive_whole_and_each_threads_in_order() {
    const THREADS: u8 = 4;
    const EACH: usize = 2_000;
    let (outbox, reader) = outbox();
    let (texts, code) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| frames(reader));
        let writing: Vec<_> = (0..THREADS)
            .map(|thread| {
                let outbox = &outbox;
                scope.spawn(move || {
                    for number in 0..EACH {
                        // Waiting here keeps the test below the bound; nobody else ever waits.
                        while outbox.backlog() > OUTBOX_BYTES_MAX / 2 {
                            std::thread::yield_now();
                        }
                        outbox.push_text(
                            format!("{thread} {number} {}", "y".repeat(number)).as_bytes(),
                        );
                        outbox.flush();
                    }
                })
            })
            .collect();
        writing.into_iter().for_each(|thread| thread.join().unwrap());
        outbox.send_close(Close::GoingAway);
        reading.join().unwrap()
    });
    assert_eq!(code, Some(Close::GoingAway.code()));
    let mut next = [0; THREADS as usize];
    for text in texts {
        let text = String::from_utf8(text).unwrap();
        let mut words = text.split(' ');
        let thread: usize = words.next().unwrap().parse().unwrap();
        let number: usize = words.next().unwrap().parse().unwrap();
        assert_eq!((number, words.next().unwrap().len()), (next[thread], number));
        next[thread] += 1;
    }
    assert_eq!(next, [EACH; THREADS as usize]);
}

#[test]
fn an_event_goes_out_once_in_order_or_is_known_to_be_missing() {
    let (outbox, reader) = outbox();
    assert_eq!(outbox.deliver(Seq(1), b"nobody yet"), Delivery::Done);
    outbox.start_replay();
    outbox.deliver(Seq(5), b"the replay will read it");
    assert!(!outbox.go_live(Seq(4)), "5 is known to be in the log");
    assert!(outbox.go_live(Seq(5)));
    assert_eq!(outbox.deliver(Seq(5), b"again"), Delivery::Done);
    assert_eq!(outbox.deliver(Seq(7), b"early"), Delivery::Gap { since: Seq(5) });
    assert_eq!(outbox.deliver(Seq(6), b"six"), Delivery::Done);
    assert_eq!(outbox.behind(Seq(6)), None);
    assert_eq!(outbox.behind(Seq(7)), Some(Seq(6)));
    assert_eq!(outbox.answer(Seq(7), None), Delivery::Done);
    assert_eq!(outbox.behind(Seq(7)), None);
    outbox.send_close(Close::GoingAway);
    assert_eq!(frames(reader), (vec![b"six".to_vec()], Some(1001)));
}

proptest! {
    #[test]
    fn the_end_of_any_frame_is_found(sizes in prop::collection::vec(0_usize..70_000, 1..6), at in 0.0..1.0) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for size in sizes {
            frame(&mut bytes, OpCode::Data(Data::Text), &[&vec![0; size]]);
            ends.push(bytes.len());
        }
        let at = (bytes.len() as f64 * at) as usize;
        let end = ends.iter().copied().find(|end| *end >= at);
        prop_assert_eq!(Some(frame_end(&bytes, 0, at)), end);
    }
}

#[test]
fn a_frame_is_what_tungstenite_makes_of_it() {
    for opcode in [OpCode::Data(Data::Text), OpCode::Control(Control::Ping)] {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            frame(&mut ours, opcode, &[&vec![7; length / 2], &vec![7; length - length / 2]]);
            let header = FrameHeader { opcode, ..FrameHeader::default() };
            header.format(length as u64, &mut theirs).unwrap();
            theirs.resize(theirs.len() + length, 7);
            assert_eq!(ours, theirs, "{opcode:?} of {length}");
        }
    }
}

#[test]
fn an_answer_never_overtakes_the_events_before_it() {
    let (outbox, reader) = outbox();
    outbox.start_replay();
    assert_eq!(outbox.answer(Seq(9), Some(b"sent 9")), Delivery::Done);
    outbox.push_text(b"event 8, replayed");
    assert!(!outbox.go_live(Seq(8)), "9 is in the log");
    outbox.push_text(b"event 9, replayed");
    assert!(outbox.go_live(Seq(9)));
    assert_eq!(outbox.answer(Seq(11), Some(b"sent 11")), Delivery::Gap { since: Seq(9) });
    outbox.deliver(Seq(10), b"event 10");
    assert_eq!(outbox.answer(Seq(11), Some(b"sent 11")), Delivery::Done);
    assert_eq!(outbox.answer(Seq(3), Some(b"sent 3, again")), Delivery::Done);
    outbox.send_close(Close::GoingAway);
    let expected = [
        "event 8, replayed",
        "event 9, replayed",
        "sent 9",
        "event 10",
        "sent 11",
        "sent 3, again",
    ];
    assert_eq!(frames(reader).0, expected.map(|text| text.as_bytes().to_vec()));
}

#[test]
fn frames_that_went_do_not_count_as_waiting() {
    let (outbox, mut reader) = outbox();
    let small = rustix::net::sockopt::set_socket_send_buffer_size(&**outbox.stream(), 4096);
    small.unwrap();
    reader.set_nonblocking(true).unwrap();
    let mut scrap = [0; 4096];
    for _ in 0..2 * OUTBOX_FRAMES_MAX {
        outbox.push_text(b"x");
        outbox.flush();
        // A reader that is slow, but steady: something always waits. It must not block: what it waits for may be sent
        // and read already, and only not yet counted.
        while outbox.backlog() > 2048 {
            match reader.read(&mut scrap) {
                Ok(count) => assert!(count > 0),
                Err(_) => std::thread::yield_now(),
            }
        }
        assert!(!outbox.is_ending(), "it reads all the time");
    }
}

proptest! {
    #[test]
    fn frames_are_counted(sizes in prop::collection::vec(0_usize..70_000, 0..6)) {
        let mut bytes = Vec::new();
        sizes.iter().for_each(|size| frame(&mut bytes, OpCode::Data(Data::Text), &[&vec![0; *size]]));
        prop_assert_eq!(frames_from(&bytes, 0), sizes.len());
    }
}
