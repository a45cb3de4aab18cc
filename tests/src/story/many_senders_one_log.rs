//! However many write to one account at once, its log counts on without a hole, and each sender's order is kept.

use std::thread;

use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

const SENDERS: usize = 6;
const EACH: usize = 50;

pub fn many_senders_one_log(endpoints: &Endpoints) -> Result<()> {
    let mut bob = Client::connected(endpoints, "Bob")?;
    let to = bob.id;
    let mut senders = each(0..SENDERS, |n| Client::connected(endpoints, &format!("Sender {n}")))?;
    senders.iter_mut().try_for_each(|sender| bob.become_contacts(sender))?;
    each(senders.into_iter().enumerate(), |(n, sender)| send(sender, to, n))?;
    let mut last = [0; SENDERS];
    for place in 1..=SENDERS * EACH {
        let message = bob.receive_next()?;
        ensure!(message["seq"] == 2 * SENDERS + place, "place {place}: {message}");
        let content = message["content"].as_str().unwrap_or_default();
        let (sender, count) = content.split_once(' ').unwrap_or_default();
        let (sender, count): (usize, usize) = (sender.parse()?, count.parse()?);
        ensure!(count == last[sender] + 1, "out of order: {message}");
        last[sender] = count;
    }
    ensure!(last == [EACH; SENDERS], "{last:?}");
    Ok(())
}

/// Does it for each at once.
fn each<T: Send, U: Send>(
    all: impl Iterator<Item = T>,
    run: impl Fn(T) -> Result<U> + Sync,
) -> Result<Vec<U>> {
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = all.map(|one| scope.spawn(move || run(one))).collect();
        threads.into_iter().map(|it| it.join().map_err(|_| anyhow!("panicked"))?).collect()
    })
}

/// Says everything at once, then hears every answer.
fn send(mut client: Client, to: i64, sender: usize) -> Result<()> {
    for n in 1..=EACH {
        client.write(&json!({"to": to, "content": format!("{sender} {n}"), "ref": format!("{n}")}))?;
    }
    for n in 1..=EACH {
        let sent = client.answer_to(&n.to_string())?;
        ensure!(sent["type"] == "sent" && sent["seq"] == n + 1, "{sent}");
    }
    Ok(())
}
