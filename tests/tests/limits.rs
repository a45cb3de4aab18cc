//! Rates: who goes over one is told how long to wait, and who does not never notices.

use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Answer, Client, Endpoints, PATIENCE, raw, until};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

#[test]
fn too_many_messages_are_refused_and_then_the_writer_is_closed() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger] {
        let deployment = Deployment::launch(&kind, &["--message-rate=5"])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        // Ten seconds' worth may come at once.
        for _ in 0..50 {
            alice.send_message(&bob, "within the burst")?;
        }
        let mut flood = Client::connected(&deployment.endpoints, "Flood")?;
        let mut told = 0;
        for n in 0..20_000 {
            let frame = json!({"to": bob.id, "content": "x", "ref": format!("{n}")});
            if flood.write(&frame).is_err() {
                break;
            }
        }
        let code = flood.closed()?;
        ensure!(code == 4429 || code == 1006, "closed with {code}");
        for heard in flood.socket()?.drain() {
            let acceptance::Received::Json(frame) = heard else { continue };
            if frame["code"] == "rate_limited" {
                let wait = frame["retry_after_ms"].as_u64().unwrap_or_default();
                ensure!(wait > 0 && frame["ref"].is_string(), "{frame}");
                told += 1;
            }
        }
        ensure!(told > 0, "closed without a word");
        bob.is_answered().context("the others")?;
    }
    Ok(())
}

#[test]
fn receipts_have_a_wider_bound_of_their_own() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &["--message-rate=1"])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    // Ten for each message, and ten seconds' worth at once.
    for n in 0..100 {
        alice.acknowledge(0).with_context(|| format!("receipt {n}"))?;
    }
    until("a refusal", PATIENCE, || {
        let answer = alice.request(json!({"type": "received", "seq": 0}))?;
        Ok((answer["code"] == "rate_limited").then_some(()))
    })?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "still within its own")?;
    Ok(())
}

#[test]
fn nobody_stores_more_than_the_quota() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::Pair] {
        let deployment = Deployment::launch(&kind, &["--account-quota=100"])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        let bytes = |client: &Client| -> Result<_> {
            let me = client.ask("GET", "/me")?.send()?.expect(200)?.body;
            Ok([me["stored"].clone(), me["quota"].clone()])
        };
        let first = alice.send_message(&bob, &"x".repeat(60))?;
        alice.send_message(&bob, &"x".repeat(40))?;
        ensure!(bytes(&alice)? == [100, 100], "{:?}", bytes(&alice)?);
        let more = json!({"to": bob.id, "content": "x"});
        let refusal = alice.refused(more.clone(), "over_quota")?;
        ensure!(
            refusal["message"].as_str().is_some_and(|text| text.contains("delete")),
            "{refusal}"
        );
        bob.send_message(&alice, "a neighbour is not felt")?;
        let deleted = alice.request(json!({"type": "delete", "id": first["id"]}))?;
        ensure!(deleted["type"] == "delete", "{deleted}");
        ensure!(bytes(&alice)? == [40, 100], "{:?}", bytes(&alice)?);
        let answer = alice.request(more)?;
        ensure!(answer["type"] == "sent", "{answer}");
    }
    Ok(())
}

#[test]
fn who_waits_as_told_goes_on() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Guests, &["--message-rate=5"])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let message = || json!({"to": bob.id, "content": "x"});
    let refusal = until("a refusal", PATIENCE, || {
        let answer = alice.request(message())?;
        Ok((answer["type"] == "error").then_some(answer))
    })?;
    ensure!(refusal["code"] == "rate_limited", "{refusal}");
    let wait = refusal["retry_after_ms"].as_u64().context("no retry_after_ms")?;
    ensure!(wait <= 2000, "five a second, and {refusal}");
    thread::sleep(Duration::from_millis(wait));
    let answer = alice.request(message())?;
    ensure!(answer["type"] == "sent", "after waiting as told: {answer}");
    Ok(())
}

#[test]
fn signups_from_one_address_are_counted() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &["--signup-rate=3"])?;
    let address = deployment.endpoints.auth_address()?;
    let body = |n: usize| {
        let email = format!("number.{n}@example.com");
        json!({"email": email, "name": "N", "password": "secret"})
    };
    for n in 0..3 {
        deployment.endpoints.ask("POST", "/signup")?.json(&body(n)).send()?.expect(201)?;
    }
    let refused =
        deployment.endpoints.ask("POST", "/signup")?.json(&body(3)).send()?.refused(429)?;
    ensure!(refused.retry_after()? <= Duration::from_secs(60));
    // Neighbours are not in it together, and neither are logins.
    let elsewhere = raw::connect(&address, Some("127.0.0.77".parse()?))?;
    let request = raw::post("/signup", &body(4).to_string());
    let (status, answer) = raw::exchange(elsewhere, &request)?;
    ensure!(status == 201, "{answer}");
    let login = json!({"email": "number.0@example.com", "password": "secret"});
    deployment.endpoints.ask("POST", "/login")?.json(&login).send()?.expect(200)?;
    Ok(())
}

#[test]
fn a_trusted_proxy_speaks_for_its_clients_and_nobody_else_does() -> Result<()> {
    let flags = ["--signup-rate=1", "--trusted-proxy=127.0.0.1"];
    let deployment = Deployment::launch(&Arrangement::Messenger, &flags)?;
    let signup = |from: &str, n: usize| -> Result<Answer> {
        let email = format!("number.{n}@example.com");
        let body = json!({"email": email, "name": "N", "password": "secret"});
        deployment
            .endpoints
            .ask("POST", "/signup")?
            .header("x-forwarded-for", from)
            .json(&body)
            .send()
    };
    for n in 0..4 {
        signup(&format!("192.0.2.{n}"), n)?.expect(201)?;
    }
    signup("192.0.2.0", 10)?.refused(429)?;
    // What a client wrote before its proxy did is not believed.
    signup("198.51.100.1, 192.0.2.0", 11)?.refused(429)?;

    let strict = Deployment::launch(&Arrangement::Messenger, &["--signup-rate=1"])?;
    let body = |n| json!({"email": format!("{n}@example.com"), "name": "N", "password": "secret"});
    let send = |n: usize| {
        let from = format!("192.0.2.{n}");
        let call = strict.endpoints.ask("POST", "/signup")?.header("x-forwarded-for", &from);
        call.json(&body(n)).send()
    };
    send(1)?.expect(201)?;
    send(2)?.refused(429)?;
    Ok(())
}

#[test]
fn failed_logins_are_throttled_and_the_owner_gets_in() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    // Successful logins never trip it.
    for _ in 0..40 {
        bob.device("again")?;
    }
    let (wait, told) = guess_until_throttled(&deployment.endpoints, &alice.email)?;
    ensure!(wait <= Duration::from_secs(120), "the owner is locked out for {wait:?}");
    bob.device("elsewhere").context("somebody else, while Alice is attacked")?;
    until("the stated wait to pass", wait + PATIENCE, || {
        Ok((told.elapsed() >= wait).then_some(()))
    })?;
    alice.device("later").context("the owner, after the stated wait")?;
    Ok(())
}

#[test]
fn the_owner_gets_in_from_another_address_while_a_stranger_guesses() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    guess_until_throttled(&deployment.endpoints, "nobody.of.that.name@example.com")?;
    let address = deployment.endpoints.auth_address()?;
    let elsewhere = raw::connect(&address, Some("127.0.0.78".parse()?))?;
    let body = json!({"email": alice.email, "password": alice.password});
    let (status, answer) = raw::exchange(elsewhere, &raw::post("/login", &body.to_string()))?;
    ensure!(status == 200, "{answer}");
    Ok(())
}

#[test]
fn emails_cannot_be_tried_out_by_the_thousand() -> Result<()> {
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    for n in 0..2000 {
        let answer = alice.ask("GET", &format!("/users?email={n}%40example.com"))?.send()?;
        if answer.status == 429 {
            answer.refused(429)?.retry_after()?;
            ensure!(n >= 5, "after {n} look-ups nobody has tried anything out yet");
            // It is Alice who asked too much.
            let path = format!("/users?email={}", alice.email.replace('@', "%40"));
            bob.ask("GET", &path)?.send()?.expect(200)?;
            return Ok(());
        }
        answer.refused(404)?;
    }
    bail!("2000 look-ups, and no throttle")
}

#[test]
fn changes_over_http_have_a_rate_of_the_account() -> Result<()> {
    /// At once, and each second.
    const RATE: (usize, f64) = (100, 10.0);
    let deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let alice = Client::signup(&deployment.endpoints, "Alice")?;
    let bob = Client::signup(&deployment.endpoints, "Bob")?;
    let rename = |who: &Client| who.ask("PATCH", "/me")?.json(&json!({"name": "Alice A."})).send();
    let until_refused = |who: &Client| -> Result<(usize, Answer)> {
        for done in 0..2 * RATE.0 {
            let answer = match done % 2 {
                0 => rename(who)?,
                _ => who.ask("POST", "/ticket")?.send()?,
            };
            if answer.status != 200 {
                return Ok((done, answer.refused(429)?));
            }
        }
        bail!("{} changes, and none was refused", 2 * RATE.0)
    };
    // Four sessions, each on a connection of its own, and two routes.
    let sessions: Vec<_> = (0..4).map(|_| alice.device("one more")).collect::<Result<_>>()?;
    let begin = Instant::now();
    let ended = thread::scope(|scope| -> Result<Vec<_>> {
        let each = |session| scope.spawn(move || until_refused(session));
        let running: Vec<_> = sessions.iter().map(each).collect();
        running.into_iter().map(|it| it.join().map_err(|_| anyhow!("panicked"))?).collect()
    })?;
    let done: usize = ended.iter().map(|(done, _)| done).sum();
    let most = RATE.0 as f64 + RATE.1 * begin.elapsed().as_secs_f64() + 1.0;
    ensure!(done >= RATE.0 && done as f64 <= most, "{done} changes, of at most {most}");
    rename(&bob)?.expect(200)?;
    // Reading, logging in and logging out go on.
    alice.ask("GET", "/me")?.send()?.expect(200)?;
    sessions[0].device("elsewhere")?.ask("POST", "/logout")?.send()?.expect(204)?;
    let (wait, told) = (ended[0].1.retry_after()?, Instant::now());
    until("the stated wait to pass", wait + PATIENCE, || {
        Ok((told.elapsed() >= wait).then_some(()))
    })?;
    rename(&alice)?.expect(200)?;
    Ok(())
}

/// Guesses passwords until told to wait; gives how long, and when that was said.
fn guess_until_throttled(endpoints: &Endpoints, email: &str) -> Result<(Duration, Instant)> {
    for n in 0..200 {
        let body = json!({"email": email, "password": format!("guess {n}")});
        let answer = endpoints.ask("POST", "/login")?.json(&body).send()?;
        match answer.status {
            401 => {}
            429 => return Ok((answer.refused(429)?.retry_after()?, Instant::now())),
            status => bail!("{status}: {}", answer.text),
        }
    }
    bail!("200 guesses, and no throttle")
}
