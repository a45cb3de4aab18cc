//! Six people in a ring, each writing to the next without pause, whatever happens to the server.
//!
//! Every message has a `ref` of its own and is sent again under it until it was answered. What was answered is in the
//! ledger; [`Traffic::settle`] compares that with the logs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use acceptance::{Client, Endpoints, Received, until};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

const PEOPLE: usize = 6;
const ACKNOWLEDGE_EVERY: i64 = 16;
/// How long the whole may stand still before it is called broken, unless somebody says otherwise.
const STILL_MAX: Duration = Duration::from_secs(60);

/// The people at work.
pub struct Traffic {
    endpoints: Endpoints,
    still_max: Duration,
    writers: Vec<JoinHandle<Result<Writer>>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    sent: AtomicU64,
    unavailable: AtomicU64,
}

/// One of them, and what they know.
struct Writer {
    client: Client,
    to: i64,
    /// Every message that was answered, by its number: its content and the answer.
    ledger: BTreeMap<usize, (String, Value)>,
    /// How many messages of theirs may wait for an answer at once.
    window: usize,
    waiting: VecDeque<usize>,
    count: usize,
    /// An answer that no promise allows.
    refusal: Option<Value>,
}

impl Traffic {
    /// Everyone signs up and begins.
    pub fn start(endpoints: &Endpoints) -> Result<Self> {
        Self::start_patient(endpoints, STILL_MAX)
    }

    /// The same, where all may stand still for this long.
    pub fn start_patient(endpoints: &Endpoints, still_max: Duration) -> Result<Self> {
        let people = (0..PEOPLE)
            .map(|n| {
                // A slow machine may take too long for a password.
                until("an account", still_max, || {
                    Ok(Client::signup(endpoints, &format!("Writer {n}")).ok())
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let ids: Vec<i64> = people.iter().map(|client| client.id).collect();
        let shared = Arc::<Shared>::default();
        let mut writers = Vec::new();
        for (n, client) in people.into_iter().enumerate() {
            let to = ids[(n + 1) % PEOPLE];
            let (ledger, waiting) = (BTreeMap::new(), VecDeque::new());
            // Some wait for each answer, some do not; commits are of every size.
            let window = 1 + 2 * n;
            let mut writer =
                Writer { client, to, ledger, window, waiting, count: 0, refusal: None };
            let shared = Arc::clone(&shared);
            let write = move || writer.write_until_stopped(&shared, still_max).map(|()| writer);
            writers.push(thread::Builder::new().name(format!("writer {n}")).spawn(write)?);
        }
        Ok(Self { endpoints: endpoints.clone(), still_max, writers, shared })
    }

    /// Waits until this many more messages were answered.
    pub fn wait_for_sent(&self, more: u64) -> Result<()> {
        let before = self.shared.sent.load(Ordering::Relaxed);
        until(&format!("{more} more messages to be sent"), self.still_max, || {
            ensure!(self.writers.iter().all(|it| !it.is_finished()), "a writer gave up");
            let now = self.shared.sent.load(Ordering::Relaxed);
            Ok((now >= before + more).then_some(()))
        })
    }

    /// How many times a writer was told that nothing can be stored just now.
    pub fn unavailable(&self) -> u64 {
        self.shared.unavailable.load(Ordering::Relaxed)
    }

    /// Everyone finishes what they have begun; then every log is read and compared with what was answered.
    pub fn settle(self) -> Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let join = |it: JoinHandle<_>| it.join().map_err(|_| anyhow!("a writer panicked"))?;
        let mut writers = self.writers.into_iter().map(join).collect::<Result<Vec<Writer>>>()?;
        let mut witness = Client::connected(&self.endpoints, "Witness")?;
        for n in 0..writers.len() {
            let end = format!("the end for {n}");
            witness.send_message(&writers[n].client, &end)?;
            let log = writers[n].client.whole_log(&end)?;
            let before = (n + PEOPLE - 1) % PEOPLE;
            let id = writers[n].client.id;
            compare(&writers[n], &log, |event| event["from"] == id, true)
                .with_context(|| format!("in the log of writer {n}, their own"))?;
            compare(&writers[before], &log, |event| event["to"] == id, false)
                .with_context(|| format!("in the log of writer {n}, the received"))?;
            writers[n].client.leave();
        }
        Ok(())
    }
}

/// Everything the writer was told is `sent` is in this log exactly once, unchanged, in the writer's order.
fn compare(
    writer: &Writer,
    log: &[Value],
    is_theirs: impl Fn(&&Value) -> bool,
    is_own_log: bool,
) -> Result<()> {
    let from = &writer.client.id;
    let theirs: Vec<_> =
        log.iter().filter(is_theirs).filter(|event| event["from"] == *from).collect();
    ensure!(theirs.len() == writer.ledger.len(), "{} for {}", theirs.len(), writer.ledger.len());
    let by_id: BTreeMap<i64, &Value> =
        theirs.iter().filter_map(|event| Some((event["id"].as_i64()?, *event))).collect();
    ensure!(by_id.len() == theirs.len(), "an id is there twice");
    for (n, (content, sent)) in &writer.ledger {
        let id = sent["id"].as_i64().with_context(|| format!("no id: {sent}"))?;
        let event = by_id.get(&id).with_context(|| format!("message {n} is lost: {sent}"))?;
        ensure!(event["content"] == **content, "message {n} has changed: {event}");
        ensure!(event["at"] == sent["at"], "message {n} has another time: {event}, {sent}");
        ensure!(!is_own_log || event["seq"] == sent["seq"], "{event} but {sent}");
    }
    Ok(())
}

impl Writer {
    fn write_until_stopped(&mut self, shared: &Shared, still_max: Duration) -> Result<()> {
        until("the writer to be done", still_max * 4, || {
            // A broken connection is the server's death; what waits is sent again on the next one.
            let outcome = self.converse(shared);
            if let Some(refusal) = &self.refusal {
                bail!("refused: {refusal}");
            }
            Ok(outcome.is_ok().then_some(()))
        })
    }

    /// Connects, sends again what was not answered, and goes on until stopped.
    fn converse(&mut self, shared: &Shared) -> Result<()> {
        self.client.connect()?;
        for n in self.waiting.clone() {
            self.send(n)?;
        }
        loop {
            while self.waiting.len() < self.window && !shared.stop.load(Ordering::Relaxed) {
                self.count += 1;
                self.waiting.push_back(self.count);
                self.send(self.count)?;
            }
            if self.waiting.is_empty() {
                self.client.leave();
                return Ok(());
            }
            self.receive_one(shared)?;
        }
    }

    fn send(&mut self, n: usize) -> Result<()> {
        let frame = json!({"to": self.to, "content": content(n), "ref": format!("m{n}")});
        self.client.write(&frame)
    }

    fn receive_one(&mut self, shared: &Shared) -> Result<()> {
        let frame = match self.client.socket()?.receive_next()? {
            Received::Json(frame) => frame,
            other => bail!("heard {other:?}"),
        };
        let Some(reference) = frame["ref"].as_str() else {
            // An event; what is acknowledged does not come again on the next connection.
            let seq = frame["seq"].as_i64().unwrap_or_default();
            if seq % ACKNOWLEDGE_EVERY == 0 {
                self.client.write(&json!({"type": "received", "seq": seq}))?;
            }
            return Ok(());
        };
        let n: usize = reference.trim_start_matches('m').parse()?;
        if frame["type"] == "sent" {
            self.waiting.retain(|&waiting| waiting != n);
            self.ledger.insert(n, (content(n), frame));
            shared.sent.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if frame["code"] != "unavailable" {
            self.refusal = Some(frame.clone());
            bail!("message {n} was refused: {frame}");
        }
        shared.unavailable.fetch_add(1, Ordering::Relaxed);
        // As a client would: a moment later, again.
        thread::sleep(Duration::from_millis(50));
        self.send(n)
    }
}

/// Different for every number, of every size, and not easy to carry.
fn content(n: usize) -> String {
    let odd = ["plain", "\"quoted\\\"", "line\nbreak", "👩‍👩‍👧", "\u{1}", "€uro"];
    format!("{n}:{}", odd[n % odd.len()].repeat(1 + n * 37 % 200))
}
