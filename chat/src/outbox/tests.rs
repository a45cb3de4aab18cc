use std::io::Read;
use std::net::TcpListener;

use proptest::prelude::*;

use super::*;

/// An outbox, and the other end of its socket.
fn outbox() -> (Arc<Outbox>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    (Arc::new(Outbox::new(Arc::new(stream), Drainer::start().unwrap())), reader)
}

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
        outbox.say_goodbye(Close::GoingAway);
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
    assert_eq!(outbox.deliver(Seq(1), Some(b"nobody yet")), Delivery::Done);
    outbox.start_replay();
    outbox.deliver(Seq(5), Some(b"the replay will read it"));
    assert!(!outbox.go_live(Seq(4)), "5 is known to be in the log");
    assert!(outbox.go_live(Seq(5)));
    assert_eq!(outbox.deliver(Seq(5), Some(b"again")), Delivery::Done);
    assert_eq!(outbox.deliver(Seq(7), Some(b"early")), Delivery::Gap { since: Seq(5) });
    assert_eq!(outbox.deliver(Seq(6), Some(b"six")), Delivery::Done);
    assert_eq!(outbox.deliver(Seq(7), None), Delivery::Done);
    assert_eq!(outbox.last(), Some(Seq(7)));
    outbox.say_goodbye(Close::Normal);
    assert_eq!(frames(reader), (vec![b"six".to_vec()], Some(1000)));
}

proptest! {
    #[test]
    fn the_end_of_any_frame_is_found(sizes in prop::collection::vec(0_usize..70_000, 1..6), at in 0.0..1.0) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for size in sizes {
            frame(&mut bytes, OpCode::Data(Data::Text), &vec![0; size]);
            ends.push(bytes.len());
        }
        let at = (bytes.len() as f64 * at) as usize;
        let end = ends.iter().copied().find(|end| *end >= at);
        prop_assert_eq!(Some(frame_end(&bytes, 0, at)), end);
    }
}
