//! Databases that cannot do their part: clients are told, health says so within a second each time it is asked, the log does
//! not overflow, and it all ends by itself.

mod damage;
mod postgres;
mod sqlite;
mod wal;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use acceptance::{Call, Client, Received, until};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::harness::Deployment;

/// The contract's second, and as much again on a slow machine.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);
/// Between two rounds of questions.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// For a fault, or its end, to be seen.
pub const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// For the houses that are watched: `/readyz` is on this listener.
pub const METRICS: &str = "--metrics-listen=127.0.0.1:0";

/// Polls the health of a deployment.
pub struct Watch {
    stop: SyncSender<()>,
    poller: JoinHandle<Result<()>>,
}

impl Watch {
    /// Begins; the deployment has [`METRICS`].
    pub fn begin(deployment: &mut Deployment) -> Result<Self> {
        let auth = deployment.endpoints.auth()?;
        let mut urls = vec![
            format!("{auth}/healthz"),
            format!("{}/healthz", deployment.endpoints.chat_page()),
        ];
        for server in &mut deployment.servers {
            let address = server.address("metrics")?;
            urls.extend(["healthz", "readyz"].map(|path| format!("http://{address}/{path}")));
        }
        let (stop, stopped) = sync_channel(0);
        let poller = thread::Builder::new().name("watch".to_owned());
        let poller = poller.spawn(move || poll(&urls, &stopped))?;
        Ok(Self { stop, poller })
    }

    /// Every answer has come in time, and no cause was logged more than once a second.
    pub fn end(self, deployment: &Deployment) -> Result<()> {
        drop(self.stop);
        self.poller.join().map_err(|_| anyhow!("the watch panicked"))??;
        deployment.servers.iter().try_for_each(|server| told_seldom(&server.log()))
    }
}

fn poll(urls: &[String], stopped: &Receiver<()>) -> Result<()> {
    while stopped.recv_timeout(ASK_EVERY) == Err(RecvTimeoutError::Timeout) {
        for url in urls {
            let asked = Instant::now();
            let answer = Call::new("GET", url).send()?;
            ensure!(
                [200, 503].contains(&answer.status),
                "{url}: {} {}",
                answer.status,
                answer.text
            );
            ensure!(asked.elapsed() < HEALTH_WITHIN, "{url} took {:?}", asked.elapsed());
        }
    }
    Ok(())
}

/// Of each warning and error, no three are within a second: the first, and what a whole second later tells of more.
fn told_seldom(log: &str) -> Result<()> {
    let mut told: HashMap<String, Vec<f64>> = HashMap::new();
    for line in log.lines() {
        let mut words = line.split_whitespace();
        let (Some(time), Some("WARN" | "ERROR")) = (words.next(), words.next()) else { continue };
        // 2026-01-31T12:00:00.000000Z
        let mut clock = time.trim_end_matches('Z').rsplit(['T', ':']);
        let mut part = || clock.next().and_then(|part| part.parse::<f64>().ok()).unwrap_or(0.0);
        let at = part() + 60.0 * part() + 3600.0 * part();
        let is_constant = |word: &&str| {
            !["conn=", "request=", "count=", "account="].iter().any(|key| word.starts_with(key))
        };
        let cause: Vec<_> = words.filter(is_constant).collect();
        told.entry(cause.join(" ")).or_default().push(at);
    }
    for (cause, times) in told {
        let crowded = times.windows(3).find(|three| (0.0..1.0).contains(&(three[2] - three[0])));
        ensure!(crowded.is_none(), "more than once a second: {cause}\n{log}");
    }
    Ok(())
}

/// Both servers come to say this of their health.
pub fn health_becomes(deployment: &Deployment, status: u16, code: Option<&str>) -> Result<()> {
    health_becomes_while(deployment, status, code, || Ok(()))
}

/// The same, while `something` is done again and again.
pub fn health_becomes_while(
    deployment: &Deployment,
    status: u16,
    code: Option<&str>,
    mut something: impl FnMut() -> Result<()>,
) -> Result<()> {
    until(&format!("health {status} {code:?}"), TOLD_WITHIN, || {
        something()?;
        let mut is_told = true;
        for call in [
            deployment.endpoints.ask("GET", "/healthz")?,
            deployment.endpoints.ask_chat("GET", "/healthz"),
        ] {
            let answer = call.send()?;
            is_told &= answer.status == status && answer.body["code"].as_str() == code;
        }
        Ok(is_told.then_some(()))
    })
}

/// A metric of the first server of a deployment that has [`METRICS`]. `name` may be the beginning of its name and labels.
pub fn metric(deployment: &mut Deployment, name: &str) -> Result<f64> {
    let url = format!("http://{}/metrics", deployment.servers[0].address("metrics")?);
    let page = Call::new("GET", &url).send()?.text;
    let line = page.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.with_context(|| format!("no {name}:\n{page}"))
}

/// Sends a message, and returns the answer.
pub fn send(from: &mut Client, to: &Client, content: &str, reference: &str) -> Result<Value> {
    from.write(&json!({"to": to.id, "content": content, "ref": reference}))?;
    answer(from, reference)
}

/// What carries this `ref`.
pub fn answer(client: &mut Client, reference: &str) -> Result<Value> {
    client.socket()?.receive_within(reference, TOLD_WITHIN, |heard| match heard {
        Received::Json(frame) if frame["ref"] == reference => Some(frame.clone()),
        _ => None,
    })
}

/// Messages become `unavailable` and health `not_storing`; once `mend` has been called everything is well again, on the
/// same connections.
pub fn stores_nothing_until(
    deployment: &mut Deployment,
    [alice, bob]: [&mut Client; 2],
    mend: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut count = 0;
    until("a message to be refused", TOLD_WITHIN, || {
        count += 1;
        let heard = send(alice, bob, "perhaps", &format!("perhaps-{count}"))?;
        ensure!(heard["type"] == "sent" || heard["code"] == "unavailable", "{heard}");
        Ok((heard["code"] == "unavailable").then_some(()))
    })?;
    health_becomes(deployment, 503, Some("not_storing"))?;
    ensure!(send(alice, bob, "no", "no")?["code"] == "unavailable");
    // An alert looks for it.
    ensure!(metric(deployment, "messenger_chat_messages_total{outcome=\"unavailable\"}")? > 0.0);
    mend()?;
    health_becomes(deployment, 200, None)?;
    alice.send_message(bob, "after")?;
    bob.receive_message("after")?;
    deployment.runs()
}
