//! The answer to a commit is lost, and only later does the database carry it out: the message arrives once.

use acceptance::Person;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::drive::{House, Kind, Proxy};

/// A receiver and the sender's other device, both live all the time.
struct Listeners {
    bob: Person,
    phone: Person,
}

#[test]
fn a_message_whose_commit_was_in_doubt_is_delivered_once() -> Result<()> {
    let Kind::Postgres(url) = Kind::postgres()? else { unreachable!() };
    let (proxy, url) = Proxy::before(&url)?;
    let house = House::open(&Kind::Postgres(url), &[])?;
    let mut alice = Person::arrive(&house.world, "Alice")?;
    let bob = Person::arrive(&house.world, "Bob")?;
    let mut phone = alice.device("phone")?;
    phone.connect()?;
    let mut listeners = Listeners { bob, phone };
    let mut carol = Person::arrive(&house.world, "Carol")?;
    let dave = Person::arrive(&house.world, "Dave")?;
    // After the notes that their sessions are in use, which are commits too.
    carol.say(&dave, "before")?;

    let told = is_in_doubt(&proxy, &mut alice, &listeners.bob, "while others talk")?;
    // Once others are served the server has looked for what became of it, and found that nobody knows.
    let others = carol.request(json!({"to": dave.id, "content": "meanwhile"}))?;
    ensure!(others["type"] == "sent", "others were told {others}");
    proxy.carry_out()?;
    listeners.hear_once("while others talk")?;
    alice.write(&told)?;
    is_sent(&mut alice, &told)?;
    listeners.hear_no_more()?;

    let told = is_in_doubt(&proxy, &mut alice, &listeners.bob, "asked again at once")?;
    alice.write(&told)?;
    proxy.carry_out()?;
    is_sent(&mut alice, &told)?;
    listeners.hear_once("asked again at once")?;
    listeners.hear_no_more()?;

    alice.say(&listeners.bob, "the end")?;
    for person in [&alice, &listeners.bob] {
        let log = person.whole_log("the end")?;
        ensure!(log.len() == 3, "{log:?}");
    }
    Ok(())
}

/// Alice says this, and is told that nothing can be stored; gives what she said.
fn is_in_doubt(proxy: &Proxy, alice: &mut Person, bob: &Person, content: &str) -> Result<Value> {
    proxy.cut_next_commit();
    let frame = json!({"to": bob.id, "content": content, "ref": content});
    alice.write(&frame)?;
    let answer = alice.answer_to(content)?;
    ensure!(answer["code"] == "unavailable", "a commit without an answer: {answer}");
    Ok(frame)
}

/// The retry of this frame is answered as if nothing had happened.
fn is_sent(alice: &mut Person, frame: &Value) -> Result<()> {
    let reference = frame["ref"].as_str().context("no ref")?;
    let answer = alice.answer_to(reference)?;
    ensure!(answer["type"] == "sent" && answer["seq"].is_i64(), "the retry: {answer}");
    Ok(())
}

impl Listeners {
    fn hear_once(&mut self, content: &str) -> Result<()> {
        self.bob.hear_message(content).context("the receiver")?;
        self.phone.hear_message(content).context("the sender's other device")?;
        Ok(())
    }

    fn hear_no_more(&mut self) -> Result<()> {
        for person in [&mut self.bob, &mut self.phone] {
            let more = person.is_answered()?;
            ensure!(more.is_empty(), "heard again: {more:?}");
        }
        Ok(())
    }
}
