//! `SIGTERM` while everybody writes and reads: each device can resume from the highest `seq` it has seen, and each message
//! that was taken is answered and stored once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use acceptance::{Client, Endpoints, PATIENCE, until};
use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Busy;
use crate::harness::{Arrangement, Deployment};

const PEOPLE: usize = 6;
/// How many messages of each may wait for an answer.
const WINDOW: usize = 300;
/// Answers before the signal.
const ANSWERS: usize = 2000;

/// What one device has heard up to its end.
#[derive(Default)]
struct Device {
    code: u16,
    seen: BTreeSet<i64>,
    /// The refs that were `sent`.
    sent: BTreeSet<String>,
}

#[test]
fn nothing_below_what_a_device_has_seen_is_missing() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let signup = |n| Client::signup(&deployment.endpoints, &format!("Writer {n}"));
        let people = (0..PEOPLE).map(signup).collect::<Result<Vec<_>>>()?;
        let devices = talk_until_terminated(&deployment, &people)?;
        let status = deployment.servers.remove(0).ended()?;
        ensure!(status.code() == Some(0), "after SIGTERM: {status}");
        deployment.stop()?;
        deployment.start()?;
        for (n, device) in devices.iter().enumerate() {
            check(&deployment.endpoints, &people[n], device)
                .with_context(|| format!("device {n}"))?;
        }
    }
    Ok(())
}

/// Everybody writes to the next in a ring, until the first server has got its signal and said goodbye.
fn talk_until_terminated(deployment: &Deployment, people: &[Client]) -> Result<Vec<Device>> {
    let answers = AtomicUsize::new(0);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (n, client) in people.iter().enumerate() {
            let mut device = Client::new(&deployment.endpoints);
            (device.id, device.name, device.token) =
                (client.id, client.name.clone(), client.token.clone());
            let to = people[(n + 1) % PEOPLE].id;
            let answers = &answers;
            threads.push(scope.spawn(move || talk(device, to, answers)));
        }
        until("everybody to be at it", PATIENCE * 3, || {
            ensure!(threads.iter().all(|it| !it.is_finished()), "somebody was cut off");
            Ok((answers.load(Ordering::Relaxed) >= ANSWERS).then_some(()))
        })?;
        deployment.servers[0].signal(Signal::TERM)?;
        let join = |it: thread::ScopedJoinHandle<'_, _>| it.join().map_err(|_| anyhow!("panic"))?;
        threads.into_iter().map(join).collect()
    })
}

fn talk(mut client: Client, to: i64, answers: &AtomicUsize) -> Result<Device> {
    client.connect()?;
    let padding = "z".repeat(1000);
    let frame = move |n: usize| json!({"to": to, "content": format!("{n} {padding}"), "ref": n.to_string()});
    let busy = Busy::start(client.take_socket()?, WINDOW, frame)?;
    let mut device = Device::default();
    device.code = busy.receive_to_end(|frame| {
        device.seen.extend(frame["seq"].as_i64());
        if frame["type"] == "sent" {
            answers.fetch_add(1, Ordering::Relaxed);
            let reference = frame["ref"].as_str().context("`sent` without its ref")?;
            ensure!(device.sent.insert(reference.to_owned()), "answered twice: {frame}");
        }
        Ok(())
    })?;
    Ok(device)
}

/// Compares what a device has heard with its account's log.
fn check(endpoints: &Endpoints, client: &Client, device: &Device) -> Result<()> {
    ensure!(device.code == 1001, "closed with {}", device.code);
    let last = device.seen.last().copied().context("it has seen nothing")?;
    let missing: Vec<_> = (1..last).filter(|seq| !device.seen.contains(seq)).collect();
    ensure!(
        missing.is_empty(),
        "up to {last}, {} never came: {:?} …",
        missing.len(),
        missing.first()
    );

    Client::connected(endpoints, "Witness")?.send_message(client, "the end")?;
    let own = |event: &&Value| event["from"] == client.id;
    let name = |event: &Value| event["content"].as_str()?.split(' ').next().map(str::to_owned);
    let log = client.whole_log("the end")?;
    let mut stored = BTreeSet::new();
    for event in log.iter().filter(own) {
        ensure!(name(event).is_some_and(|name| stored.insert(name)), "twice: {event:.100}");
    }
    let lost: Vec<_> = device.sent.difference(&stored).collect();
    ensure!(lost.is_empty(), "answered and lost: {:?} …", lost.first());
    let silent: Vec<_> = stored.difference(&device.sent).collect();
    ensure!(silent.is_empty(), "stored without an answer: {:?} …", silent.first());
    Ok(())
}
