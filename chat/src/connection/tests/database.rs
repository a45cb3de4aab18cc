//! Connections of a server with accounts whose database takes its time.

use super::*;

#[test]
fn who_has_not_said_hello_may_say_little() {
    let said = r#"{"to":1,"content":"let me in"}"#;
    let (mut server, ..) = with_a_slow_database(Timeouts::default());
    server.rate_limits = RateLimits::new(1000);
    let heard = heard_until_too_fast(&server, &masked(said).repeat(100));
    let answers = (count(&heard, "unauthorized"), count(&heard, "rate_limited"));
    assert_eq!(answers, (UNKNOWN_FRAMES_MAX, STRIKES_MAX), "{heard:?}");
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
    let committer = Committer::without_thread();
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

/// Asks for them while none can be made, and does `meanwhile` once the first one waits. Gives the close code that the
/// client hears, and how long that took.
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
    assert!(took < ANSWER_WAIT_MAX, "{took:?}");
}

#[test]
fn a_server_that_stops_does_not_go_on_with_what_takes_long() {
    let (code, took) = ended_while_waiting(|server| server.shutdown.begin());
    assert_eq!(code, 1001);
    assert!(took < ANSWER_WAIT_MAX, "{took:?}");
}

/// Connections of `account` that together have as much to read as one may have before it is answered again, and their
/// clients.
fn register_readers(server: &Server, account: AccountId) -> Vec<(Arc<Outbox>, TcpStream)> {
    let count = ANSWER_BYTES_PER_ACCOUNT.div_ceil(OUTBOX_BYTES_MAX / 2);
    let register = |_| {
        let (outbox, client) = test_support::outbox();
        while outbox.backlog() < OUTBOX_BYTES_MAX / 2 {
            outbox.push_text(&[b'x'; 1024]);
        }
        let endpoint = Endpoint { outbox: Arc::clone(&outbox), session: None, since: 0 };
        server.hub.register(account, endpoint);
        (outbox, client)
    };
    (0..count).map(register).collect()
}

#[test]
fn a_question_waits_until_the_other_connections_have_read() {
    let timeouts = Timeouts { answer: DEADLINE, ..Timeouts::default() };
    let (server, account, _) = with_many_questions(timeouts);
    let readers = register_readers(&server, account);
    let (outbox, _client) = test_support::outbox();
    let connection = Connection::new(&server, outbox, Ipv4Addr::LOCALHOST.into());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| takes_slot(&server, &connection, account));
        while !readers[0].0.is_watched() {
            std::thread::yield_now();
        }
        assert!(!asks.is_finished());
        readers[0].0.flush();
        assert!(asks.join().unwrap());
    });
    assert!(begun.elapsed() < DEADLINE);
    assert!(readers.iter().all(|(outbox, _)| !outbox.is_watched()));
}

/// Whether a query on this connection gets a slot for its answer.
fn takes_slot(server: &Server, connection: &Connection<'_>, account: AccountId) -> bool {
    let context = QueryContext {
        server,
        accounts: server.accounts().unwrap(),
        replies: &connection.replies,
        me: account,
        reference: None,
    };
    context.acquire_slot().unwrap().is_some()
}

#[test]
fn who_has_no_turn_is_told_so_and_who_does_not_read_is_told_that() {
    let timeouts = Timeouts { answer: Duration::from_millis(1), ..Timeouts::default() };
    let (server, account, said) = with_many_questions(timeouts);
    let turns = || server.long_answers.take(account, Instant::now(), || true);
    let turns: Vec<_> = std::iter::from_fn(turns).collect();
    let refusals = |outbox: &Arc<Outbox>| {
        let connection = Connection::new(&server, Arc::clone(outbox), Ipv4Addr::LOCALHOST.into());
        !takes_slot(&server, &connection, account)
    };
    let (outbox, mut theirs) = test_support::outbox();
    assert!(refusals(&outbox));
    drop((turns, said));
    let _readers = register_readers(&server, account);
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
    let connection = Connection::new(&server, Arc::clone(&outbox), Ipv4Addr::LOCALHOST.into());
    connection.replies.query_error(&sql::Error::TimedOut("3 s".to_owned()), None);
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
