//! Web Push, to a push service of others that decrypts what is sent.

use std::time::Duration;

use acceptance::{Client, Endpoints};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Arrangement, Deployment, Launch, PushService};

/// The least time between two pushes to one subscription, in seconds; a little less, since it is measured where they arrive.
const INTERVAL: f64 = 9.0;

/// Each case is a test on each engine.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {$(
        mod $case {
            #[test]
            fn on_sqlite() -> anyhow::Result<()> {
                super::$case(&crate::harness::Arrangement::Messenger)
            }

            #[test]
            fn on_postgresql() -> anyhow::Result<()> {
                super::$case(&crate::harness::Arrangement::postgres()?)
            }
        }
    )+};
}

cases! {
    a_push_says_nothing_and_comes_once_in_a_while,
    a_client_that_is_connected_gets_no_push,
    what_was_not_acknowledged_is_pushed_when_the_connection_ends,
    strangers_and_muted_conversations_are_not_pushed,
    what_a_push_service_answers_is_obeyed,
    the_key_stays,
    endpoints_in_private_networks_are_refused,
}

/// Servers that may send to a push service on this machine.
fn launch(kind: &Arrangement, flags: &[&str]) -> Result<(Deployment, PushService)> {
    let service = PushService::start(&[])?;
    let allow = format!("--push-allow={}", service.origin());
    let deployment = Deployment::launch(kind, &[&[allow.as_str()], flags].concat())?;
    Ok((deployment, service))
}

fn at(push: &Value) -> Result<f64> {
    push["at"].as_f64().context("no time")
}

/// The connection ends once the server has taken what came before.
fn leave(client: &mut Client) -> Result<()> {
    client.is_answered()?;
    client.leave();
    Ok(())
}

fn a_push_says_nothing_and_comes_once_in_a_while(kind: &Arrangement) -> Result<()> {
    let (mut deployment, service) = launch(kind, &["--public-url=https://chat.example"])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::signup(&deployment.endpoints, "Bob")?;
    service.subscribe(&bob, "/201/bob")?;
    for word in ["one", "two", "three"] {
        alice.send_message(&bob, &format!("a secret, part {word}"))?;
    }
    let first = service.wait("/201/bob", 1)?;
    ensure!(first["text"] == r#"{"type":"new"}"#, "{first}");
    ensure!(first["headers"]["ttl"] == "86400" && first["headers"]["urgency"] == "high", "{first}");
    let key = bob.ask("GET", "/push/key")?.send()?.expect(200)?;
    ensure!(first["claims"]["key"] == key.body["key"], "{first}: {}", key.body);
    ensure!(first["claims"]["sub"] == "https://chat.example", "{first}");
    for hidden in ["Alice", "Bob", "secret"] {
        ensure!(!first.to_string().contains(hidden), "{hidden}: {first}");
    }
    alice.send_message(&bob, "four")?;
    let second = service.wait("/201/bob", 2)?;
    let pause = at(&second)? - at(&first)?;
    ensure!(pause >= INTERVAL, "after {pause} s");
    // Its client is back, and has it all.
    bob.connect()?;
    bob.receive_message("four")?;
    leave(&mut bob)?;
    alice.send_message(&bob, "five")?;
    let third = service.wait("/201/bob", 3)?;
    let pause = at(&third)? - at(&second)?;
    ensure!(pause < INTERVAL, "after {pause} s");
    for server in deployment.stop()? {
        ensure!(!server.log().contains("/201/bob"), "an endpoint is a secret");
    }
    Ok(())
}

fn a_client_that_is_connected_gets_no_push(kind: &Arrangement) -> Result<()> {
    let (deployment, service) = launch(kind, &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let phone = Client::signup(&deployment.endpoints, "Bob")?;
    let mut laptop = phone.device("laptop")?;
    service.subscribe(&phone, "/201/phone")?;
    service.subscribe(&laptop, "/201/laptop")?;
    laptop.connect()?;
    alice.send_message(&phone, "to the phone")?;
    service.wait("/201/phone", 1)?;
    let message = laptop.receive_message("to the phone")?;
    laptop.acknowledge(message["seq"].as_i64().context("no seq")?)?;
    leave(&mut laptop)?;
    alice.send_message(&phone, "to both")?;
    service.wait("/201/laptop", 1)?;
    service.wait("/201/phone", 2)?;
    ensure!(service.sent("/201/laptop").len() == 1, "pushed while connected");
    // A session that has ended is not told, and one that has unsubscribed neither.
    laptop.ask("POST", "/logout")?.send()?.expect(204)?;
    let mut tablet = phone.device("tablet")?;
    service.subscribe(&tablet, "/201/tablet")?;
    phone.ask("DELETE", "/push")?.send()?.expect(204)?;
    alice.send_message(&phone, "to the tablet")?;
    service.wait("/201/tablet", 1)?;
    ensure!(service.sent("/201/phone").len() == 2 && service.sent("/201/laptop").len() == 1);
    // Who writes is not told.
    tablet.connect()?;
    tablet.send_message(&alice, "back")?;
    leave(&mut tablet)?;
    service.stays("/201/tablet", 1, Duration::from_secs(3))
}

fn what_was_not_acknowledged_is_pushed_when_the_connection_ends(kind: &Arrangement) -> Result<()> {
    let (deployment, service) = launch(kind, &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::signup(&deployment.endpoints, "Bob")?;
    service.subscribe(&bob, "/201/bob")?;
    bob.connect()?;
    alice.send_message(&bob, "into a tunnel")?;
    bob.receive_message("into a tunnel")?;
    service.stays("/201/bob", 0, Duration::from_secs(3))?;
    drop(bob.take_socket()?);
    service.wait("/201/bob", 1).map(drop)
}

fn strangers_and_muted_conversations_are_not_pushed(kind: &Arrangement) -> Result<()> {
    let (deployment, service) = launch(kind, &["--contact=request"])?;
    let person = |name| Client::connected(&deployment.endpoints, name);
    let (mut alice, mut bob, mut carol) = (person("Alice")?, person("Bob")?, person("Carol")?);
    let mut stranger = person("Dora")?;
    bob.become_contacts(&mut alice)?;
    bob.become_contacts(&mut carol)?;
    let muted =
        json!({"type": "conversation.set", "with": alice.id, "muted_until": 9_000_000_000_000_i64});
    let answer = bob.request(muted)?;
    ensure!(answer["type"] == "conversation.set", "{answer}");
    let answer = bob.request(json!({"type": "received", "seq": answer["seq"]}))?;
    ensure!(answer["type"] != "error", "{answer}");
    leave(&mut bob)?;
    service.subscribe(&bob, "/201/bob")?;
    stranger.send_message(&bob, "may I")?;
    alice.send_message(&bob, "quietly")?;
    service.stays("/201/bob", 0, Duration::from_secs(4))?;
    carol.send_message(&bob, "hello")?;
    service.wait("/201/bob", 1).map(drop)
}

fn what_a_push_service_answers_is_obeyed(kind: &Arrangement) -> Result<()> {
    let (deployment, service) = launch(kind, &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    let paths = ["/201/good", "/410/gone", "/404/unknown", "/302/elsewhere", "/503/busy"];
    for path in paths {
        service.subscribe(&bob.device(path)?, path)?;
    }
    alice.send_message(&bob, "one")?;
    // One in a second, since they are of one host.
    let mut times = Vec::new();
    for path in paths {
        times.push(at(&service.wait(path, 1)?)?);
    }
    times.sort_unstable_by(f64::total_cmp);
    ensure!(times.is_sorted_by(|one, next| next - one >= 0.9), "{times:?}");
    let busy = [1, 2].map(|count| service.wait("/503/busy", count).and_then(|push| at(&push)));
    let [first, second] = busy;
    ensure!(second? - first? >= INTERVAL, "tried again too soon");
    alice.send_message(&bob, "two")?;
    service.wait("/201/good", 2)?;
    service.wait("/302/elsewhere", 2)?;
    for (path, count) in [("/410/gone", 1), ("/404/unknown", 1), ("/201/redirected", 0)] {
        ensure!(service.sent(path).len() == count, "{path}");
    }
    Ok(())
}

fn the_key_stays(kind: &Arrangement) -> Result<()> {
    let (mut deployment, service) = launch(kind, &[])?;
    let key = |endpoints: &Endpoints| -> Result<String> {
        let answer = endpoints.ask("GET", "/push/key")?.send()?.expect(200)?;
        Ok(answer.body["key"].as_str().context("no key")?.to_owned())
    };
    let first = key(&deployment.endpoints)?;
    ensure!(first.len() == 87, "{first} is no point of 65 bytes");
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    service.subscribe(&bob, "/201/bob")?;
    deployment.stop()?;
    deployment.start()?;
    ensure!(key(&deployment.endpoints)? == first);
    // So do subscriptions.
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    alice.send_message(&bob, "hello again")?;
    let push = service.wait("/201/bob", 1)?;
    ensure!(push["claims"]["key"] == *first, "{push}");
    Ok(())
}

fn endpoints_in_private_networks_are_refused(kind: &Arrangement) -> Result<()> {
    let (deployment, service) = launch(kind, &[])?;
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    let good = service.subscription("/201/bob");
    let asked = |key: &str, value: &str| -> Result<(u16, String)> {
        let mut body = good.clone();
        body[key] = json!(value);
        let answer = bob.ask("POST", "/push")?.json(&body).send()?;
        Ok((answer.status, answer.text))
    };
    let port = service.origin().rsplit_once(':').context("no port")?.1;
    for endpoint in [
        format!("https://127.0.0.1:{port}/201/x"),
        format!("http://localhost:{port}/201/x"),
        format!("http://[::1]:{port}/201/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/201/x"),
        "http://push.example/x".to_owned(),
        "https://10.0.0.1/x".to_owned(),
        "https://192.168.1.1/x".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://0x7f000001/x".to_owned(),
        "https://2130706433/x".to_owned(),
        "https://[fe80::1]/x".to_owned(),
        "https://intranet/x".to_owned(),
        "https://user@push.example/x".to_owned(),
        "nonsense".to_owned(),
    ] {
        let (status, text) = asked("endpoint", &endpoint)?;
        ensure!(status == 400 && text.contains("bad_request"), "{endpoint}: {status} {text}");
    }
    for (key, value) in [("p256dh", "BAAA"), ("auth", "AAAA"), ("p256dh", ""), ("auth", "?")] {
        let (status, text) = asked(key, value)?;
        ensure!(status == 400 && text.contains(key), "{key} {value}: {status} {text}");
    }
    let endpoint = format!("{}/201/bob", service.origin());
    ensure!(asked("endpoint", &endpoint)?.0 == 204);
    let stranger = deployment.endpoints.ask("POST", "/push")?.json(&good).send()?;
    ensure!(stranger.status == 401, "{}", stranger.text);
    Ok(())
}

/// A client may be connected to any node, and exactly one auth server sends.
#[test]
fn of_several_nodes_one_sends() -> Result<()> {
    let service = PushService::start(&[])?;
    let allow = format!("--push-allow={}", service.origin());
    let kind = Arrangement::nodes(2, false)?;
    let mut deployment = Deployment::launch(&kind, &[&allow])?;
    let Arrangement::Nodes(_, url, _) = &kind else { unreachable!("it was made so") };
    let others: Result<Vec<_>> = (0..2)
        .map(|_| {
            let launch = Launch::new("auth", deployment.dir())?;
            let own = ["--listen=127.0.0.1:0", "--signup-rate=0", "--database", url];
            let mut server = launch.args(&[&allow]).args(&own).start()?;
            server.address("auth")?;
            Ok(server)
        })
        .collect();
    let others = others?;
    let mut alice = Client::connected(&deployment.node(0)?, "Alice")?;
    let phone = Client::signup(&deployment.endpoints, "Bob")?;
    service.subscribe(&phone, "/201/phone")?;
    let there = deployment.node(1)?;
    let mut laptop = Client::signup(&there, "Carol")?;
    service.subscribe(&laptop, "/201/laptop")?;
    laptop.connect()?;
    for count in 1..=3 {
        let content = format!("message {count}");
        alice.send_message(&laptop, &content)?;
        alice.send_message(&phone, &content)?;
        let message = laptop.receive_message(&content)?;
        laptop.acknowledge(message["seq"].as_i64().context("no seq")?)?;
        service.wait("/201/phone", count)?;
        ensure!(service.sent("/201/phone").len() == count, "sent by more than one");
        ensure!(service.sent("/201/laptop").is_empty(), "it is connected to another node");
    }
    leave(&mut laptop)?;
    alice.send_message(&laptop, "you have left")?;
    service.wait("/201/laptop", 1)?;
    drop(others);
    Ok(())
}

#[test]
fn a_push_service_is_known_by_its_certificate() -> Result<()> {
    let home = tempfile::tempdir()?;
    let [certificate, key] = crate::harness::certificate(home.path())?;
    let service = PushService::start(&["--tls", &certificate, &key])?;
    let allow = format!("--push-allow={}", service.origin());
    for is_trusted in [false, true] {
        let trusting = |launch: Launch| match is_trusted {
            true => launch.env("SSL_CERT_FILE", &certificate),
            false => launch,
        };
        let deployment = Deployment::launch_with(&Arrangement::Messenger, &[&allow], trusting)?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let bob = Client::signup(&deployment.endpoints, "Bob")?;
        let path = format!("/201/{is_trusted}");
        service.subscribe(&bob, &path)?;
        alice.send_message(&bob, "hello")?;
        match is_trusted {
            true => service.wait(&path, 1).map(drop)?,
            false => service.stays(&path, 0, Duration::from_secs(4))?,
        }
    }
    Ok(())
}
