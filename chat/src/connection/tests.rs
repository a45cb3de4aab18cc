use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::AtomicI64;

use super::*;
use crate::clock::now_ms;
use crate::committer::Committer;
use crate::dispatcher::Inbox;
use crate::hub::{Endpoint, Hub};
use crate::limit::{
    ANSWER_BYTES_PER_ACCOUNT, ANSWER_WAIT_MAX, FRAGMENTS_MAX, LIVE_BURST, OUTBOX_BYTES_MAX,
    PINGS_PER_MESSAGE, QUEUE_WAIT_MAX, RATE_BURST_SECONDS, STRIKES_MAX, UNKNOWN_FRAMES_MAX,
};
use crate::query_context::QueryContext;
use crate::rate_limit::RateLimits;
use crate::server::Timeouts;
use crate::test_support::{self, server};

/// Longer than any test may take.
const DEADLINE: Duration = Duration::from_secs(20);

mod database;

fn guests() -> Mode {
    Mode::Guests { last: AtomicI64::new(0) }
}

/// Serves one connection on which `rest` came with the handshake; `client` has the other end.
fn with_client(server: &Server, rest: &[u8], client: impl FnOnce(TcpStream)) {
    let (outbox, theirs) = test_support::outbox();
    theirs.set_read_timeout(Some(DEADLINE)).unwrap();
    std::thread::scope(|scope| {
        let connection = scope.spawn(move || {
            let mut reader = MessageReader::new(Arc::clone(&outbox), rest.to_vec());
            Connection::new(server, outbox, Ipv4Addr::LOCALHOST.into()).run(&mut reader, None);
        });
        client(theirs);
        connection.join().unwrap();
    });
}

/// A text frame as a client sends it, under a mask of zeros.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// The next short frame: its first byte and its payload.
fn hear(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 2];
    stream.read_exact(&mut header).unwrap();
    let mut payload = vec![0; header[1].into()];
    stream.read_exact(&mut payload).unwrap();
    (header[0], payload)
}

fn text(stream: &mut TcpStream) -> String {
    String::from_utf8(hear(stream).1).unwrap()
}

#[test]
fn a_silent_peer_is_pinged_and_then_taken_for_dead() {
    let timeouts = Timeouts { ping: Duration::from_millis(30), ..Timeouts::default() };
    with_client(&server(timeouts, guests()), b"", |mut client| {
        assert_eq!(text(&mut client), r#"{"type":"welcome","id":1}"#);
        assert_eq!(hear(&mut client), (0x89, vec![]), "a ping");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "one ping and then the end: {rest:?}");
    });
}

#[test]
fn a_peer_that_closes_need_not_wait_for_the_end() {
    let timeouts = Timeouts { linger: 2 * DEADLINE, ..Timeouts::default() };
    with_client(&server(timeouts, guests()), b"", |mut client| {
        text(&mut client);
        client.write_all(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
        assert_eq!(hear(&mut client).0, 0x88);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    });
}

#[test]
fn a_peer_that_answers_the_close_of_another_thread_need_not_wait_for_the_end() {
    let timeouts = Timeouts { linger: 2 * DEADLINE, ..Timeouts::default() };
    let server = server(timeouts, guests());
    with_client(&server, b"", |mut client| {
        text(&mut client);
        // It ends the connection's input, so the answer is not what wakes `recv`.
        server.hub.for_each_of(AccountId(1), |outbox| outbox.close(Close::GoingAway));
        assert_eq!(hear(&mut client).0, 0x88);
        client.write_all(&masked("this was on its way")).unwrap();
        client.write_all(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    });
}

#[test]
fn a_peer_that_answers_the_close_after_a_violation_need_not_wait_for_the_end() {
    let timeouts = Timeouts { linger: 2 * DEADLINE, ..Timeouts::default() };
    let too_long = [&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa0, 0, 0, 0, 0][..], &[b'x'; 100_000]];
    for (violation, code) in [
        (too_long.concat(), 1009_u16),
        (vec![0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
        (vec![0xf1, 0x80, 0, 0, 0, 0], 1002),
    ] {
        with_client(&server(timeouts, guests()), b"", |mut client| {
            text(&mut client);
            client.write_all(&violation).unwrap();
            let (kind, payload) = hear(&mut client);
            assert_eq!((kind, &payload[..2]), (0x88, &code.to_be_bytes()[..]));
            client.write_all(&[0x88, 0x82, 0, 0, 0, 0, payload[0], payload[1]]).unwrap();
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).unwrap();
            assert!(rest.is_empty(), "{rest:?}");
        });
    }
}

#[test]
fn a_peer_that_answers_pings_stays() {
    let timeouts = Timeouts { ping: Duration::from_millis(400), ..Timeouts::default() };
    with_client(&server(timeouts, guests()), b"", |mut client| {
        text(&mut client);
        for _ in 0..3 {
            assert_eq!(hear(&mut client).0, 0x89);
            client.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).unwrap();
        }
        client.write_all(&masked("ping")).unwrap();
        assert_eq!(text(&mut client), "pong");
    });
}

#[test]
fn what_came_with_the_handshake_is_handled_and_ticks_end() {
    let mut rest = Vec::new();
    let count = 2 * FRAMES_PER_TICK_MAX + 7;
    (0..count).for_each(|_| rest.extend(masked("ping")));
    with_client(&server(Timeouts::default(), guests()), &rest, |mut client| {
        text(&mut client);
        for _ in 0..count {
            assert_eq!(text(&mut client), "pong");
        }
    });
}

#[test]
fn a_frame_that_comes_byte_by_byte_is_understood() {
    with_client(&server(Timeouts::default(), guests()), b"", |mut client| {
        text(&mut client);
        for byte in masked(r#"{"to":1,"content":"self"}"#) {
            client.write_all(&[byte]).unwrap();
        }
        assert!(text(&mut client).contains(r#""content":"self""#));
    });
}

#[test]
fn no_hello_in_time_is_4408() {
    let store =
        sql::Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
            .unwrap();
    let (store, hub) = (Arc::new(store), Arc::new(Hub::new()));
    let (committer, _) = Committer::start(Arc::clone(&store), hub, Inbox::default(), None).unwrap();
    let mode = Mode::Accounts(crate::server::Accounts { store, committer });
    let timeouts = Timeouts { hello: Duration::from_millis(60), ..Timeouts::default() };
    with_client(&server(timeouts, mode), b"", |mut client| {
        // Saying things does not win time.
        client.write_all(&masked("ping")).unwrap();
        assert_eq!(text(&mut client), "pong");
        let (kind, payload) = hear(&mut client);
        assert_eq!((kind, u16::from_be_bytes([payload[0], payload[1]])), (0x88, 4408));
    });
}

#[test]
fn typing_is_told_a_few_times_at_once_and_then_dropped_without_a_word() {
    let typing = r#"{"type":"typing","to":1,"ref":"t"}"#;
    let count = LIVE_BURST as usize + 3;
    let rest: Vec<u8> = (0..count).flat_map(|_| masked(typing)).collect();
    with_client(&server(Timeouts::default(), guests()), &rest, |mut client| {
        text(&mut client);
        client.write_all(&masked("ping")).unwrap();
        let (mut told, mut answered) = (0, 0);
        loop {
            match text(&mut client).as_str() {
                "pong" => break,
                r#"{"type":"ok","ref":"t"}"# => answered += 1,
                r#"{"type":"typing","from":1,"to":1}"# => told += 1,
                other => panic!("{other}"),
            }
        }
        assert_eq!((told, answered), (LIVE_BURST as usize, count));
    });
}

/// How often each thing is said until 4429 comes; what was said came with the handshake.
fn heard_until_too_fast(server: &Server, said: &[u8]) -> Vec<String> {
    let mut heard = Vec::new();
    with_client(server, said, |mut client| {
        loop {
            match hear(&mut client) {
                (0x81, payload) => heard.push(String::from_utf8(payload).unwrap()),
                (0x88, payload) => {
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    return assert_eq!(code, Close::FastWriter.code());
                }
                (0x8a, _) => heard.push("a pong".to_owned()),
                (kind, _) => panic!("{kind:x}"),
            }
        }
    });
    heard
}

fn count(heard: &[String], what: &str) -> u32 {
    heard.iter().filter(|text| text.contains(what)).count() as u32
}

#[test]
fn what_is_refused_counts_like_anything_else() {
    let refused = [
        (masked("{"), "bad_request"),
        (masked(r#"{"type":"nonsense"}"#), "unknown_type"),
        (masked(r#"{"type":"hello","token":"x"}"#), "bad_request"),
        (masked(r#"{"type":"ping"}"#), "pong"),
        (masked(r#"{"type":"ping","ref":"r"}"#), "pong"),
        (masked(r#"{"type":"typing","to":9,"ref":"t"}"#), "ok"),
        (masked(r#"{"type":"blocks"}"#), "unsupported"),
        (vec![0x82, 0x80, 0, 0, 0, 0], "bad_request"),
    ];
    for (frame, answer) in refused {
        let mut server = server(Timeouts::default(), guests());
        server.rate_limits = RateLimits::new(1);
        let heard = heard_until_too_fast(&server, &frame.repeat(100));
        let answers = (count(&heard, answer), count(&heard, "rate_limited"));
        assert_eq!(answers, (RATE_BURST_SECONDS, STRIKES_MAX), "{heard:?}");
    }
}

#[test]
fn pings_count_too_but_far_fewer_than_would_be_too_many_come_from_anybody() {
    for (ping, pong) in [(masked("ping"), "pong"), (vec![0x89, 0x80, 0, 0, 0, 0], "a pong")] {
        let mut server = server(Timeouts::default(), guests());
        server.rate_limits = RateLimits::new(1);
        let heard = heard_until_too_fast(&server, &ping.repeat(1000));
        assert!(count(&heard, pong) >= RATE_BURST_SECONDS * PINGS_PER_MESSAGE, "{heard:?}");
        assert_eq!(count(&heard, "rate_limited"), STRIKES_MAX);
    }
}

#[test]
fn a_message_in_fragments_without_end_is_cut() {
    let (first, next) = ([0x01, 0x80, 0, 0, 0, 0], [0x00, 0x80, 0, 0, 0, 0]);
    let mut said = first.to_vec();
    said.extend(next.repeat(FRAGMENTS_MAX - 1));
    // So many are a message like any other, if it ends.
    let mut whole = said.clone();
    whole.extend([0x80, 0x84, 0, 0, 0, 0, b'p', b'i', b'n', b'g']);
    with_client(&server(Timeouts::default(), guests()), &whole, |mut client| {
        text(&mut client);
        assert_eq!(text(&mut client), "pong");
    });
    said.extend(next);
    with_client(&server(Timeouts::default(), guests()), &said, |mut client| {
        text(&mut client);
        let (kind, payload) = hear(&mut client);
        assert_eq!((kind, u16::from_be_bytes([payload[0], payload[1]])), (0x88, 1009));
    });
}

#[test]
fn what_a_tick_says_is_heard_in_its_order() {
    let server = server(Timeouts::default(), guests());
    let (outbox, mut other) = test_support::outbox();
    server.hub.register(AccountId(9), Endpoint { outbox, session: None, since: 0 });
    let said = [
        r#"{"to":9,"content":"a","ref":"r"}"#,
        r#"{"to":9,"content":"b"}"#,
        r#"{"type":"typing","to":9}"#,
        r#"{"to":1,"content":"c","ref":"s"}"#,
        r#"{"to":9,"content":"d"}"#,
        r#"{"to":8,"content":"e","ref":"t"}"#,
    ];
    let heard = |stream: &mut TcpStream, parts: &[&str]| {
        for part in parts {
            let text = text(stream);
            assert!(text.contains(part), "{part} is to come, not {text}");
        }
    };
    with_client(&server, &said.map(masked).concat(), |mut client| {
        let content = r#""content":"c""#;
        heard(&mut client, &["welcome", r#""ref":"r""#, content, r#""ref":"s""#, "not_connected"]);
        heard(&mut other, &[r#""content":"a""#, r#""content":"b""#, "typing", r#""content":"d""#]);
    });
}
