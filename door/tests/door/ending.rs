//! How it ends.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::house::{House, PATIENCE, PATIENT, answer, config, status, until};
use door::limit::DRAIN_GRACE;
use door::{Listener, Reply};

#[test]
fn an_idle_house_closes_at_once_and_its_port_is_free() {
    let house = House::greeting(PATIENT);
    assert!(house.is_well());
    house.shutdown.begin();
    assert!(house.serving.wait(PATIENCE));
    until(|| !house.serving.is_accepting());
    until(|| TcpStream::connect(house.address).is_err());
    assert!(Listener::bind_address(house.address).is_ok());
}

#[test]
fn what_was_accepted_is_finished() {
    let house = House::open(config(), PATIENT, |mut caller| {
        caller.permit.settle();
        match caller.body(64) {
            Ok(body) => caller.reply(Reply::new(200, "text/plain", body)),
            Err(refusal) => caller.reply(refusal),
        }
    });
    let mut client = house.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    house.until_connections(1);
    let asked = house.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
    assert!(answer(asked).ends_with("ok"));
    house.shutdown.begin();
    assert!(!house.serving.wait(Duration::from_millis(50)));
    client.write_all(b"hello").unwrap();
    assert_eq!(status(&answer(client)), 200);
    assert!(house.serving.wait(PATIENCE));
}

#[test]
fn who_only_waits_does_not_hold_up_the_end() {
    let house = House::greeting(PATIENT);
    let _spare = house.call();
    house.until_connections(1);
    house.shutdown.begin();
    let begun = Instant::now();
    assert!(house.serving.wait(PATIENCE));
    assert!(begun.elapsed() < DRAIN_GRACE * 3, "{:?}", begun.elapsed());
}

#[test]
fn who_will_not_go_is_given_up_at_the_deadline() {
    let house = House::open(config(), PATIENT, |caller| {
        caller.permit.settle();
        let _ = std::io::Read::read(&mut &*caller.stream, &mut [0]);
    });
    let _client = house.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    house.until_connections(1);
    house.shutdown.begin();
    assert!(!house.serving.wait(Duration::from_millis(100)));
}

#[test]
fn a_shutdown_that_has_begun_is_not_missed() {
    let listener = Listener::bind_address("127.0.0.1:0".parse().unwrap()).unwrap();
    let shutdown = door::Shutdown::new();
    shutdown.begin();
    let serving = listener.serve(config(), &shutdown, |_| panic!("nobody is served")).unwrap();
    until(|| !serving.is_accepting());
}
