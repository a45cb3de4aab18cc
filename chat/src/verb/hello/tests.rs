//! What happens while somebody is between the look-up and its place in the hub.

use sql::{Batch, Committed, Login, Operation, Revoked, Store, Submission};
use std::cell::Cell;
use wire::{Recipient, SessionId, TokenHash};

use super::*;
use crate::clock::now_ms;
use crate::committer::Committer;
use crate::connection::Connection;
use crate::dispatcher::{self, Inbox};
use crate::fanout::Fanout;
use crate::flow::Flow;
use crate::limit::{FAILED_HELLOS_BURST, HELLO_REFUSAL_HELD, HELLOS_BURST};
use crate::outbox::Outbox;
use crate::rate_limit::RateLimits;
use crate::server::{Mode, Server, Timeouts};
use crate::service::Ended;
use crate::test_support;

/// Whether a hello was followed by a replay, or why the connection ended.
type Greeted = Result<bool, EndReason>;

const TOKEN: TokenHash = TokenHash([7; 32]);

/// A server with one account, and that account's one session.
struct House {
    server: Server,
    store: Arc<Store>,
    account: AccountId,
    login: SessionId,
}

impl House {
    fn new() -> Self {
        let store =
            Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
                .unwrap();
        let account = store.create_account("a@example.com", "Alice", "none", 1).unwrap();
        let expires_at = now_ms() + wire::limit::SESSION_LIFE_MS;
        let login =
            Login { account, epoch: 1, token: TOKEN, device: "", now: now_ms(), expires_at };
        let login = store.open_session(&login).unwrap().unwrap();
        let store = Arc::new(store);
        let accounts =
            Accounts { store: Arc::clone(&store), committer: Committer::without_thread() };
        let server = test_support::server(Timeouts::default(), Mode::Accounts(accounts));
        Self { server, store, account, login }
    }

    /// The session is revoked, and its connections that can be found are closed, as `revocation` does it.
    fn revoke(&self) {
        assert!(self.store.revoke(self.account, self.login, now_ms()).unwrap());
        let revoked = self.store.revocations(0).unwrap();
        let mut ended = Vec::new();
        self.server.hub.for_each_session(|session, outbox| {
            if revoked.iter().any(|one| one.what == Revoked::Session(session)) {
                ended.push(Arc::clone(outbox));
            }
        });
        ended.iter().for_each(|outbox| outbox.close(Close::Unauthorized));
    }

    /// The account writes to itself.
    fn store(&self) -> Committed {
        let to = Recipient::Account(self.account);
        let operation =
            Operation::Post { to, content: "hi".to_owned(), files: Vec::new(), reply_to: None };
        let submissions = vec![Submission { by: self.account, reference: None, operation }];
        self.store.commit(&Batch { submissions, ..Batch::default() }, now_ms()).unwrap()
    }

    fn fanout(&self) -> Fanout {
        let (hub, presence) = (Arc::clone(&self.server.hub), Arc::clone(&self.server.presence));
        Fanout::new(Some(Arc::clone(&self.store)), hub, presence, None)
    }

    fn dispatch(&self, inbox: &Inbox) -> Ended {
        let (hub, presence) = (Arc::clone(&self.server.hub), Arc::clone(&self.server.presence));
        dispatcher::start(inbox.clone(), Some(Arc::clone(&self.store)), hub, presence, None)
            .unwrap()
    }

    /// The account writes to itself, and its connections that can be found hear of it, as the dispatcher does it.
    fn write(&self) {
        let (committed, mut fanout) = (self.store(), self.fanout());
        committed.events.iter().for_each(|event| fanout.fan_out(event, None));
    }

    /// Somebody comes with the token; `meanwhile` happens right after the first look-up. Then `check` is told how it
    /// went, and how often the token was looked up.
    fn greet(&self, meanwhile: impl Fn(), check: impl FnOnce(&Outbox, &Greeted, u32)) {
        self.greet_in(None, meanwhile, |_| (), check);
    }

    /// The same; `again` happens with each look-up after the first.
    fn greet_in(
        &self,
        permit: Option<LookupPermit<'_>>,
        meanwhile: impl Fn(),
        again: impl Fn(u32),
        check: impl FnOnce(&Outbox, &Greeted, u32),
    ) {
        let (outbox, _theirs) = test_support::outbox();
        let mut connection =
            Connection::new(&self.server, outbox, std::net::Ipv4Addr::LOCALHOST.into());
        let looked = Cell::new(0);
        let look_up = || {
            let position = self.store.log_position(&TOKEN, now_ms());
            looked.set(looked.get() + 1);
            match looked.get() {
                1 => meanwhile(),
                more => again(more),
            }
            position
        };
        let accounts = self.server.accounts().unwrap();
        let flow = introduce(
            &mut connection.hello_context(),
            accounts,
            permit,
            look_up,
            None,
            HelloRef::Hello(None),
        )
        .map(|replay| replay.is_some());
        check(connection.replies.outbox(), &flow, looked.get());
    }
}

#[test]
fn a_session_that_is_revoked_before_its_connection_can_be_found_is_turned_away() {
    let house = House::new();
    house.greet(
        || house.revoke(),
        |_, flow, looked| {
            assert!(matches!(flow, Err(EndReason::Close(Close::Unauthorized))), "{flow:?}");
            assert_eq!(looked, 2);
        },
    );
}

#[test]
fn a_session_that_is_revoked_once_its_connection_can_be_found_is_closed() {
    let house = House::new();
    house.greet(
        || (),
        |outbox, flow, looked| {
            assert!(flow.is_ok() && !outbox.is_ending());
            assert_eq!(looked, 1, "nothing was told meanwhile");
            house.revoke();
            assert!(outbox.is_ending());
        },
    );
}

#[test]
fn what_is_written_before_the_connection_can_be_found_is_read_from_the_log() {
    let house = House::new();
    house.greet(
        || house.write(),
        |_, flow, looked| {
            assert_eq!(looked, 2);
            assert!(matches!(flow, Ok(true)));
        },
    );
}

#[test]
fn who_has_missed_nothing_is_live_at_once() {
    let house = House::new();
    house.greet(
        || (),
        |outbox, flow, _| {
            assert!(matches!(flow, Ok(false)));
            let welcome = outbox.backlog();
            house.write();
            assert!(outbox.backlog() > welcome);
            assert_eq!(outbox.behind(Seq(1)), None);
        },
    );
}

#[test]
fn a_hint_brings_what_another_node_has_stored_to_those_who_are_here() {
    let house = House::new();
    house.greet(
        || (),
        |outbox, flow, _| {
            assert!(matches!(flow, Ok(false)), "live at once");
            house.store();
            house.store();
            let inbox = Inbox::default();
            let ended = house.dispatch(&inbox);
            inbox.heads_grown(&[(house.account, Seq(2)), (AccountId(99), Seq(7))]);
            // The same again, and what is older, changes nothing.
            inbox.heads_grown(&[(house.account, Seq(1))]);
            inbox.close();
            assert!(ended.wait_until(Instant::now() + Duration::from_secs(20)));
            assert_eq!(outbox.behind(Seq(3)), Some(Seq(2)));
            assert!(!outbox.is_ending());
        },
    );
}

/// Says hello with this token from this address; returns how that went.
fn say_hello(house: &House, text: &str, address: &str) -> Flow {
    let (outbox, _theirs) = test_support::outbox();
    let mut connection = Connection::new(&house.server, outbox, address.parse().unwrap());
    hello(&mut connection.hello_context(), text, None, HelloRef::Hello(None)).map(drop)
}

const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn an_account_that_says_hello_without_end_is_told_to_wait() {
    let mut house = House::new();
    house.server.rate_limits = RateLimits::new(50);
    let mut welcomed = 0;
    let flow = loop {
        let mut ending = Ok(());
        house.greet(
            || (),
            |_, flow, _| {
                if let Err(EndReason::Close(close)) = flow {
                    ending = Err(*close);
                }
            },
        );
        match ending {
            Ok(()) => welcomed += 1,
            Err(close) => break close,
        }
    };
    assert_eq!(flow, Close::FastWriter);
    assert!(welcomed >= HELLOS_BURST as u32, "{welcomed}");
}

#[test]
fn a_known_token_of_an_account_that_says_hello_too_often_is_not_looked_up() {
    let mut house = House::new();
    house.server.rate_limits = RateLimits::new(50);
    let now = std::time::Instant::now();
    let rate_limit = house.server.rate_limits.of(house.account, now);
    while rate_limit.take(RateKind::Hello, now).is_ok() {}
    let token = Token::parse(TEXT).unwrap().hash();
    let (now_ms, expires_at) = (now_ms(), now_ms() + wire::limit::SESSION_LIFE_MS);
    let login =
        Login { account: house.account, epoch: 1, token, device: "", now: now_ms, expires_at };
    let login = house.store.open_session(&login).unwrap().unwrap();
    assert!(house.store.log_position(&token, now_ms).unwrap().is_some(), "now it is known");
    // Looked up, it would be turned away.
    assert!(house.store.revoke(house.account, login, now_ms).unwrap());
    let flow = say_hello(&house, TEXT, "192.0.2.1");
    assert!(matches!(flow, Err(EndReason::Close(Close::FastWriter))), "{flow:?}");
}

#[test]
fn a_refusal_is_held_back_once_there_were_too_many() {
    let house = House::new();
    let refused = |text, address| {
        let begin = std::time::Instant::now();
        let flow = say_hello(&house, text, address);
        assert!(matches!(flow, Err(EndReason::Close(Close::Unauthorized))), "{flow:?}");
        begin.elapsed()
    };
    // Whether the token is none at all, or one that nobody has.
    let texts = ["none", TEXT];
    let burst = (0..FAILED_HELLOS_BURST as usize).map(|n| refused(texts[n % 2], "192.0.2.1"));
    let shortest = burst.min().unwrap();
    assert!(shortest < HELLO_REFUSAL_HELD, "{shortest:?}");
    for text in texts {
        let held = refused(text, "192.0.2.1");
        assert!(held >= HELLO_REFUSAL_HELD, "{held:?}");
    }
    let elsewhere = (0..2).map(|n| refused(texts[n % 2], "192.0.2.2")).min().unwrap();
    assert!(elsewhere < HELLO_REFUSAL_HELD, "{elsewhere:?}");
}

#[test]
fn the_gate_is_left_after_the_first_look_up() {
    let house = House::new();
    let (now, client) = (std::time::Instant::now(), [192, 0, 2, 1].into());
    (0..FAILED_HELLOS_BURST as u32)
        .for_each(|_| assert!(!house.server.token_throttle.record_failure(client, now)));
    let pass = || house.server.token_throttle.acquire(client, now, now);
    let held = pass();
    assert!(held.is_some() && pass().is_none());
    house.greet_in(
        held,
        || {
            assert!(pass().is_none(), "it is still looked up");
            house.write();
        },
        |_| assert!(pass().is_some(), "others have their turn"),
        |_, flow, looked| {
            assert!(flow.is_ok());
            assert_eq!(looked, 2);
        },
    );
}

/// Comes with a first message that carries the token.
fn write_first(house: &House, reference: u32) {
    let text = format!(
        r#"{{"token":"{TEXT}","to":{},"content":"hi","ref":"{reference}"}}"#,
        house.account
    );
    let (outbox, _theirs) = test_support::outbox();
    let mut connection =
        Connection::new(&house.server, outbox, std::net::Ipv4Addr::LOCALHOST.into());
    let request = wire::Request::parse(&text).unwrap();
    assert!(connection.carry_out(request).is_ok());
    assert!(connection.client.account().is_some());
}

#[test]
fn first_messages_have_the_rate_of_their_account() {
    let mut house = House::new();
    house.server.rate_limits = RateLimits::new(1);
    let token = Token::parse(TEXT).unwrap().hash();
    let (now, expires_at) = (now_ms(), now_ms() + wire::limit::SESSION_LIFE_MS);
    let login = Login { account: house.account, epoch: 1, token, device: "", now, expires_at };
    house.store.open_session(&login).unwrap().unwrap();
    let begun = std::time::Instant::now();
    (0..100).for_each(|reference| write_first(&house, reference));
    let tasks = house.server.accounts().unwrap().committer.take(std::time::Duration::ZERO);
    let sent = tasks.iter().filter(|task| matches!(task, Task::Operation(..))).count() as u64;
    let most = u64::from(crate::limit::RATE_BURST_SECONDS) + begun.elapsed().as_secs() + 1;
    assert!((1..=most).contains(&sent), "{sent} were sent");
}

#[test]
fn wrong_tokens_are_counted_where_they_come_from() {
    let house = House::new();
    for _ in 0..FAILED_HELLOS_BURST as u32 {
        let flow = say_hello(&house, TEXT, "192.0.2.1");
        assert!(matches!(flow, Err(EndReason::Close(Close::Unauthorized))), "{flow:?}");
    }
    let now = std::time::Instant::now();
    let pass =
        |address: &str| house.server.token_throttle.acquire(address.parse().unwrap(), now, now);
    let held = pass("192.0.2.1");
    assert!(held.is_some() && pass("192.0.2.1").is_none() && pass("192.0.2.2").is_some());
}

#[test]
fn a_ticket_opens_one_connection_which_ends_with_the_session() {
    let house = House::new();
    let text = format!("{}abc", wire::TICKET_PREFIX);
    let ticket = sql::Ticket { session: house.login, account: house.account };
    let open = || {
        let hash = Token::parse(&text).unwrap().hash();
        house.store.open_ticket(ticket, &hash, now_ms(), now_ms() + 60_000).unwrap();
    };
    let greet = || {
        let (outbox, _theirs) = test_support::outbox();
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let mut connection = Connection::new(&house.server, outbox, address);
        let flow = hello(&mut connection.hello_context(), &text, None, HelloRef::Hello(None));
        (flow.map(|replay| replay.is_some()), connection)
    };
    open();
    let (flow, first) = greet();
    assert!(flow.is_ok() && !first.replies.outbox().is_ending(), "{flow:?}");
    let (again, _) = greet();
    assert!(matches!(again, Err(EndReason::Close(Close::Unauthorized))), "{again:?}");
    open();
    house.revoke();
    assert!(first.replies.outbox().is_ending(), "it ends with its session");
    let (late, _) = greet();
    assert!(matches!(late, Err(EndReason::Close(Close::Unauthorized))), "{late:?}");
}
