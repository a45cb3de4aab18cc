use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::AtomicI64;

use super::*;
use crate::clock::now_ms;
use crate::committer::Committer;
use crate::hub::{Endpoint, Hub};
use crate::limit::{
    ANSWER_BYTES_PER_ACCOUNT, ANSWER_WAIT_MAX, FRAGMENTS_MAX, LIVE_BURST, OUTBOX_BYTES_MAX,
    PINGS_PER_MESSAGE, QUEUE_WAIT_MAX, RATE_BURST_SECONDS, STRIKES_MAX, UNKNOWN_FRAMES_MAX,
};
use crate::presence::Presence;
use crate::rate_limit::RateLimits;
use crate::server::Timeouts;
use crate::test_support::{self, server};

/// Longer than any test may take.
const DEADLINE: Duration = Duration::from_secs(20);

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
            Connection::new(server, 1, outbox, Ipv4Addr::LOCALHOST.into()).run(&mut reader, None);
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
    let presence = Arc::new(Presence::new(Arc::clone(&hub), crate::clock::now_ms));
    let (committer, _) = Committer::start(Arc::clone(&store), hub, presence).unwrap();
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
fn who_has_not_said_hello_may_say_little() {
    let said = r#"{"to":1,"content":"let me in"}"#;
    let (mut server, ..) = with_a_slow_database(Timeouts::default());
    server.rate_limits = RateLimits::new(1000);
    let heard = heard_until_too_fast(&server, &masked(said).repeat(100));
    let answers = (count(&heard, "unauthorized"), count(&heard, "rate_limited"));
    assert_eq!(answers, (UNKNOWN_FRAMES_MAX, STRIKES_MAX), "{heard:?}");
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

/// A server with accounts whose committer does nothing, and what somebody says who comes and then breaks the protocol.
fn with_a_slow_database(timeouts: Timeouts) -> (Server, Committer, Vec<u8>) {
    let store =
        sql::Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
            .unwrap();
    let account = store.create_account("a@example.com", "Alice", "none", now_ms()).unwrap();
    let text = "0123456789abcdef0123456789abcdef0123456789abcdef";
    let token = wire::Token::parse(text).unwrap().hash();
    let (now, expires_at) = (now_ms(), now_ms() + wire::limit::SESSION_LIFE_MS);
    let login = sql::Login { account, epoch: 1, token, device: "test", now, expires_at };
    store.open_session(&login).unwrap();
    let committer = Committer::unattended();
    let accounts = crate::server::Accounts { store: Arc::new(store), committer: committer.clone() };
    let mut said = masked(&format!(r#"{{"type":"hello","token":"{text}"}}"#));
    said.extend([0x81, 0]); // Without a mask.
    (server(timeouts, Mode::Accounts(accounts)), committer, said)
}

/// The next close in the queue; what comes before it is not done.
fn next_close(committer: &Committer) -> Task {
    loop {
        let tasks = committer.take(DEADLINE);
        assert!(!tasks.is_empty(), "nothing comes any more");
        let close = tasks.into_iter().find(|task| matches!(task, Task::Close(..)));
        if let Some(close) = close {
            return close;
        }
    }
}

#[test]
fn the_last_word_may_wait_for_the_committer_longer_than_for_the_client() {
    let linger = Duration::from_millis(20);
    let timeouts = Timeouts { queued_close: DEADLINE, linger, ..Timeouts::default() };
    let (server, committer, said) = with_a_slow_database(timeouts);
    with_client(&server, &said, |mut client| {
        assert!(text(&mut client).contains("welcome"));
        let close = next_close(&committer);
        client.set_read_timeout(Some(10 * linger)).unwrap();
        let heard = client.read(&mut [0]).unwrap_err();
        assert_eq!(heard.kind(), std::io::ErrorKind::WouldBlock, "nothing is said yet");
        // It still takes in what no buffers between the two hold.
        client.set_write_timeout(Some(DEADLINE)).unwrap();
        client.write_all(&vec![0; 16 * 1024 * 1024]).unwrap();
        let Task::Close(close, outbox) = close else { panic!("no close") };
        outbox.send_close(close);
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        let (kind, payload) = hear(&mut client);
        assert_eq!((kind, u16::from_be_bytes([payload[0], payload[1]])), (0x88, 1002));
    });
}

#[test]
fn a_committer_that_never_comes_is_not_waited_for_without_end() {
    let timeouts = Timeouts { queued_close: Duration::from_millis(50), ..Timeouts::default() };
    let (server, committer, said) = with_a_slow_database(timeouts);
    with_client(&server, &said, |mut client| {
        assert!(text(&mut client).contains("welcome"));
        next_close(&committer);
        let (kind, payload) = hear(&mut client);
        assert_eq!((kind, u16::from_be_bytes([payload[0], payload[1]])), (0x88, 1002));
    });
}

/// A server with accounts, and what somebody says who comes and asks for twenty long answers at once.
fn with_many_questions(timeouts: Timeouts) -> (Server, AccountId, Vec<u8>) {
    let (server, _, mut said) = with_a_slow_database(timeouts);
    said.truncate(said.len() - 2);
    (0..QUESTIONS).for_each(|_| said.extend(masked(r#"{"type":"blocks","ref":"b"}"#)));
    (server, AccountId(1), said)
}

const QUESTIONS: u32 = 20;

/// Asks for them while none can be made, and does `meanwhile` once the first one waits. Gives the close code that the client
/// hears, and how long that took.
fn ended_while_waiting(meanwhile: impl FnOnce(&Server)) -> (u16, Duration) {
    let timeouts = Timeouts { queued_close: Duration::from_millis(50), ..Timeouts::default() };
    let (server, account, said) = with_many_questions(timeouts);
    let turns = || server.long_answers.take(account, Instant::now(), || true);
    let _turns: Vec<_> = std::iter::from_fn(turns).collect();
    let mut code = 0;
    let begun = Instant::now();
    with_client(&server, &said, |mut client| {
        while server.long_answers.waiting(account) == 0 {
            std::thread::yield_now();
        }
        meanwhile(&server);
        code = loop {
            match hear(&mut client) {
                (0x88, payload) => break u16::from_be_bytes([payload[0], payload[1]]),
                (_, payload) => assert!(!payload.is_empty()),
            }
        };
    });
    (code, begun.elapsed())
}

#[test]
fn a_connection_that_another_thread_closes_does_not_go_on_with_what_it_has_asked_for() {
    let (code, took) = ended_while_waiting(|server| {
        server.hub.for_each_of(AccountId(1), |outbox| outbox.close(Close::Unauthorized));
    });
    assert_eq!(code, 4401);
    // One after the other they would take twenty times as long.
    assert!(took < 2 * ANSWER_WAIT_MAX, "{took:?}");
}

#[test]
fn a_server_that_stops_does_not_go_on_with_what_takes_long() {
    let (code, took) = ended_while_waiting(|server| server.shutdown.begin());
    assert_eq!(code, 1001);
    assert!(took < 2 * ANSWER_WAIT_MAX, "{took:?}");
}

#[test]
fn who_has_no_turn_is_told_so_and_who_does_not_read_is_told_that() {
    let timeouts = Timeouts { answer: Duration::from_millis(1), ..Timeouts::default() };
    let (server, account, said) = with_many_questions(timeouts);
    let turns = || server.long_answers.take(account, Instant::now(), || true);
    let turns: Vec<_> = std::iter::from_fn(turns).collect();
    let refusals = |outbox: &Arc<Outbox>| {
        let mut connection =
            Connection::new(&server, 1, Arc::clone(outbox), Ipv4Addr::LOCALHOST.into());
        connection.acquire_answer_slot(account, None).unwrap().is_none()
    };
    let (outbox, mut theirs) = test_support::outbox();
    assert!(refusals(&outbox));
    drop((turns, said));
    let mut unread = 0;
    for number in 2.. {
        let (other, _theirs) = test_support::outbox();
        while other.backlog() < OUTBOX_BYTES_MAX / 2 {
            other.push_text(&[b'x'; 1024]);
        }
        unread += other.backlog();
        server.hub.register(number, account, Endpoint { outbox: other, session: None });
        if unread >= ANSWER_BYTES_PER_ACCOUNT {
            break;
        }
    }
    assert!(refusals(&outbox));
    outbox.flush();
    drop(outbox);
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).unwrap();
    let heard = String::from_utf8_lossy(&heard);
    let (first, second) = heard.split_at(heard.rfind(r#"{"type""#).unwrap());
    assert!(first.contains("too many answers are being made"), "{heard}");
    assert!(second.contains("have not read their answers"), "{heard}");
}

#[test]
fn what_takes_too_long_is_not_taken_for_an_absent_database() {
    let (server, ..) = with_many_questions(Timeouts::default());
    let (outbox, mut theirs) = test_support::outbox();
    let connection = Connection::new(&server, 1, Arc::clone(&outbox), Ipv4Addr::LOCALHOST.into());
    connection.reply_query_error(&sql::Error::TimedOut("3 s".to_owned()), None).unwrap();
    outbox.flush();
    assert!(text(&mut theirs).contains("this took too long; ask for less"));
}

#[test]
fn what_a_tick_says_waits_for_a_place_in_the_queue_only_once() {
    let (server, committer, mut said) = with_a_slow_database(Timeouts::default());
    // Without what is not masked.
    said.truncate(said.len() - 2);
    let (outbox, _theirs) = test_support::outbox();
    let full =
        || committer.submit_by(Task::Close(Close::GoingAway, Arc::clone(&outbox)), Instant::now());
    while full() {}
    for n in 0..15 {
        said.extend(masked(&format!(r#"{{"to":1,"content":"x","ref":"{n}"}}"#)));
    }
    said.extend(masked("ping"));
    let began = Instant::now();
    with_client(&server, &said, |mut client| {
        assert!(text(&mut client).contains("welcome"));
        for n in 0..15 {
            let heard = text(&mut client);
            assert!(
                heard.contains("unavailable") && heard.contains(&format!(r#""ref":"{n}""#)),
                "{heard}"
            );
        }
        assert_eq!(text(&mut client), "pong");
        assert!(began.elapsed() < 2 * QUEUE_WAIT_MAX, "{:?}", began.elapsed());
        committer.take(DEADLINE);
        client.shutdown(std::net::Shutdown::Both).unwrap();
    });
}

#[test]
fn what_a_tick_says_is_heard_in_its_order() {
    let server = server(Timeouts::default(), guests());
    let (outbox, mut other) = test_support::outbox();
    server.hub.register(9, AccountId(9), Endpoint { outbox, session: None });
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
