//! Somebody who sends all the while, comes back to any node, and notes everything that is heard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use acceptance::{Client, Endpoints, Received};
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// How long an answer is waited for before the same is sent again elsewhere.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
/// The pause before somebody tries again.
const PAUSE: Duration = Duration::from_millis(50);
/// Every so many events the log is acknowledged, which makes receipts.
const ACKNOWLEDGED_EVERY: i64 = 7;

pub struct Person {
    pub client: Client,
    /// Events in the order in which they were heard: what each is, by its position from 1.
    pub heard: Vec<String>,
    /// Messages that were answered with `sent`: their ids, and whom they were for.
    pub sent: BTreeMap<i64, i64>,
    /// What must not be.
    pub faults: Vec<String>,
    number: usize,
}

impl Person {
    pub fn new(endpoints: &Endpoints, name: &str) -> Result<Self> {
        let client = Client::signup(endpoints, name)?;
        let (heard, sent, faults) = (Vec::new(), BTreeMap::new(), Vec::new());
        Ok(Self { client, heard, sent, faults, number: 0 })
    }

    /// Sends to `others` in turn until `stop`, and then until the last message is answered. `done` counts the answers.
    pub fn run(&mut self, others: &[i64], stop: &AtomicBool, done: &AtomicU64) {
        while !stop.load(Ordering::Relaxed) {
            self.number += 1;
            let to = others[self.number % others.len()];
            let reference = format!("{}-{}", self.client.id, self.number);
            let post = json!({"to": to, "content": reference, "ref": reference});
            // The same again until it is answered, wherever.
            while let Err(error) = self.send(&post, to) {
                let _ = self.client.take_socket();
                if self.faults.len() > 9 {
                    return self.faults.push(format!("gives up after {error:#}"));
                }
                std::thread::sleep(PAUSE);
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn send(&mut self, post: &Value, to: i64) -> Result<()> {
        if self.client.socket().is_err() {
            self.client.connect_since(self.heard.len() as i64)?;
        }
        self.client.write(post)?;
        loop {
            let frame = self.next(ANSWER_WITHIN)?;
            if frame["ref"] != post["ref"] {
                continue;
            }
            match frame["type"].as_str() {
                Some("sent") => {
                    self.sent.insert(frame["id"].as_i64().unwrap_or(0), to);
                    return Ok(());
                }
                Some("error") if frame["code"] == "unavailable" => bail!("unavailable"),
                _ => {
                    self.faults.push(format!("the answer to {post} is {frame}"));
                    bail!("a wrong answer");
                }
            }
        }
    }

    /// The next frame; an event must be the next one of the log.
    fn next(&mut self, patience: Duration) -> Result<Value> {
        let socket = self.client.socket()?;
        let heard = socket.receive_within("a frame", patience, |heard| match heard {
            Received::Json(frame) => Some(frame.clone()),
            _ => None,
        })?;
        if let Some(seq) = heard["seq"].as_i64() {
            let expected = self.heard.len() as i64 + 1;
            // The answer to a repeated `ref` is the first one, whose place was earlier.
            if seq == expected {
                self.heard.push(event(&heard));
                if seq % ACKNOWLEDGED_EVERY == 0 {
                    self.client.write(&json!({"type": "received", "seq": seq}))?;
                }
            } else if heard["type"] != "sent" || seq > expected {
                self.faults.push(format!("{expected} is expected, and this comes: {heard}"));
            }
        }
        Ok(heard)
    }

    /// The whole log as another device reads it there.
    pub fn log_at(&self, place: &Endpoints) -> Result<Vec<String>> {
        let mut reader = Client::new(place);
        (reader.id, reader.name) = (self.client.id, self.client.name.clone());
        reader.token.clone_from(&self.client.token);
        let head = reader.connect_since(0)?["head"].as_i64().unwrap_or(0);
        let mut log = Vec::new();
        while (log.len() as i64) < head {
            let frame = reader.receive_next()?;
            if frame["seq"] != log.len() as i64 + 1 {
                bail!("after {} events comes {frame}", log.len());
            }
            log.push(event(&frame));
        }
        Ok(log)
    }
}

/// What an event is, the same for whoever reads it: an own message is heard as its answer or as a message.
fn event(frame: &Value) -> String {
    match frame["type"].as_str() {
        Some("sent" | "message") => message(frame["id"].as_i64().unwrap_or(0)),
        Some(other) => format!("{other} {} by {}", frame["id"], frame["by"]),
        None => frame.to_string(),
    }
}

/// What a message is in a log.
pub fn message(id: i64) -> String {
    format!("message {id}")
}
