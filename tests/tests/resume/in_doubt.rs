//! The answer to a commit is lost, and only later does the database carry it out: the message arrives once.

use acceptance::Client;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Arrangement, Deployment, Proxy};

/// A receiver and the sender's other device, both live all the time.
struct Listeners {
    bob: Client,
    phone: Client,
}

#[test]
fn a_message_whose_commit_was_in_doubt_is_delivered_once() -> Result<()> {
    let Arrangement::Postgres(url) = Arrangement::postgres()? else { unreachable!() };
    let (proxy, url) = Proxy::in_front_of(&url)?;
    let deployment = Deployment::launch(&Arrangement::Postgres(url), &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let mut phone = alice.device("phone")?;
    phone.connect()?;
    let mut listeners = Listeners { bob, phone };
    let mut carol = Client::connected(&deployment.endpoints, "Carol")?;
    let dave = Client::connected(&deployment.endpoints, "Dave")?;
    // After the notes that their sessions are in use, which are commits too.
    carol.send_message(&dave, "before")?;

    let told = is_in_doubt(&proxy, &mut alice, &listeners.bob, "while others talk")?;
    // Once others are served the server has looked for what became of it, and found that nobody knows.
    let others = carol.request(json!({"to": dave.id, "content": "meanwhile"}))?;
    ensure!(others["type"] == "sent", "others were told {others}");
    proxy.deliver_held_commit()?;
    listeners.receive_once("while others talk")?;
    alice.write(&told)?;
    is_sent(&mut alice, &told)?;
    listeners.receive_no_more()?;

    let told = is_in_doubt(&proxy, &mut alice, &listeners.bob, "asked again at once")?;
    alice.write(&told)?;
    proxy.deliver_held_commit()?;
    is_sent(&mut alice, &told)?;
    listeners.receive_once("asked again at once")?;
    listeners.receive_no_more()?;

    alice.send_message(&listeners.bob, "the end")?;
    for client in [&alice, &listeners.bob] {
        let log = client.whole_log("the end")?;
        ensure!(log.len() == 3, "{log:?}");
    }
    Ok(())
}

#[test]
fn who_connects_while_a_commit_is_in_doubt_gets_its_message() -> Result<()> {
    let Arrangement::Postgres(url) = Arrangement::postgres()? else { unreachable!() };
    let (proxy, url) = Proxy::in_front_of(&url)?;
    let deployment = Deployment::launch(&Arrangement::Postgres(url), &[])?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let dave = Client::connected(&deployment.endpoints, "Dave")?;
    let mut erin = Client::signup(&deployment.endpoints, "Erin")?;
    // After the notes that their sessions are in use, which are commits too.
    alice.send_message(&dave, "before")?;

    is_in_doubt(&proxy, &mut alice, &erin, "to who comes later")?;
    erin.connect()?;
    proxy.deliver_held_commit()?;
    erin.receive_message("to who comes later")?;
    Ok(())
}

/// Alice says this, and is told that nothing can be stored; gives what she said.
fn is_in_doubt(proxy: &Proxy, alice: &mut Client, bob: &Client, content: &str) -> Result<Value> {
    proxy.cut_next_commit();
    let frame = json!({"to": bob.id, "content": content, "ref": content});
    alice.write(&frame)?;
    let answer = alice.answer_to(content)?;
    ensure!(answer["code"] == "unavailable", "a commit without an answer: {answer}");
    Ok(frame)
}

/// The retry of this frame is answered as if nothing had happened.
fn is_sent(alice: &mut Client, frame: &Value) -> Result<()> {
    let reference = frame["ref"].as_str().context("no ref")?;
    let answer = alice.answer_to(reference)?;
    ensure!(answer["type"] == "sent" && answer["seq"].is_i64(), "the retry: {answer}");
    Ok(())
}

impl Listeners {
    fn receive_once(&mut self, content: &str) -> Result<()> {
        self.bob.receive_message(content).context("the receiver")?;
        self.phone.receive_message(content).context("the sender's other device")?;
        Ok(())
    }

    fn receive_no_more(&mut self) -> Result<()> {
        for client in [&mut self.bob, &mut self.phone] {
            let more = client.is_answered()?;
            ensure!(more.is_empty(), "heard again: {more:?}");
        }
        Ok(())
    }
}
