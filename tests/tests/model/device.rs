//! A device, which keeps what PROTOCOL.md tells it to keep, and expects what that promises.

use std::collections::BTreeSet;

use acceptance::{Client, Endpoints, raw};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::op::Who;

/// The first bytes of a GIF.
const PICTURE: &[u8] = b"GIF89a";

/// One device of an account.
pub struct Device {
    pub who: Who,
    client: Client,
    pub is_connected: bool,
    /// The highest `seq` it has heard.
    pub seen: i64,
    /// Received and not compared yet.
    pub events: Vec<Value>,
    answers: Vec<Value>,
    /// Events heard on this connection otherwise than as answers.
    heard: BTreeSet<i64>,
}

/// EventBody a connection begins with.
#[derive(Clone, Copy, Debug)]
pub enum Since {
    /// EventBody the device has seen.
    Seen,
    /// EventBody any device has acknowledged.
    Acknowledged,
    /// The beginning.
    Zero,
}

impl Device {
    /// A device of `owner`'s account, away. Devices may share a login, which saves a slow password hash each.
    pub fn of(owner: &Client, who: Who, endpoints: &Endpoints) -> Self {
        let mut client = Client::new(endpoints);
        client.id = owner.id;
        client.name.clone_from(&owner.name);
        client.token.clone_from(&owner.token);
        let (events, answers, heard) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { who, client, is_connected: false, seen: 0, events, answers, heard }
    }

    /// Connects; gives the log's last event as the welcome has it.
    pub fn connect(&mut self, since: Since, acknowledged: i64) -> Result<i64> {
        let (welcome, wanted) = match since {
            Since::Seen => (self.client.connect_since(self.seen)?, self.seen),
            Since::Acknowledged => (self.client.connect()?, acknowledged),
            Since::Zero => (self.client.connect_since(0)?, 0),
        };
        ensure!(welcome["seq"] == wanted, "welcomed at another place than {wanted}: {welcome}");
        self.is_connected = true;
        self.seen = wanted;
        self.events.clear();
        self.heard.clear();
        welcome["head"].as_i64().with_context(|| format!("no `head`: {welcome}"))
    }

    /// The account shows what it has read from now on, or hides it.
    pub fn show_read(&self, shows: bool) -> Result<()> {
        let body = json!({"read_receipts": shows});
        self.client.ask("PATCH", "/me")?.json(&body).send()?.expect(200).map(drop)
    }

    /// The account has another picture from now on, or none. Gives the id of its file.
    pub fn change_picture(&self, has_one: bool) -> Result<Option<String>> {
        let new = || self.client.upload("me.gif", "image/gif", PICTURE);
        let picture = has_one.then(new).transpose()?;
        let body = json!({"picture": picture});
        self.client.ask("PATCH", "/me")?.json(&body).send()?.expect(200)?;
        Ok(picture)
    }

    /// Whether the account may fetch a file.
    pub fn fetches(&self, file: &str) -> Result<bool> {
        match self.client.download(file)?.0 {
            200 => Ok(true),
            404 => Ok(false),
            status => bail!("{status} for {file}"),
        }
    }

    /// The connection breaks, or the server has gone.
    pub fn drop(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_connected) {
            let socket = self.client.take_socket()?;
            raw::reset(socket.stream().try_clone()?)?;
        }
        Ok(())
    }

    /// Hears the server close.
    pub fn closed(&mut self, code: u16) -> Result<()> {
        let heard = self.client.closed()?;
        ensure!(heard == code, "closed with {heard} instead of {code}");
        let rest = self.client.socket()?.drain();
        ensure!(rest.is_empty(), "heard before the close: {rest:?}");
        self.drop()
    }

    pub fn write(&mut self, frame: &Value) -> Result<()> {
        self.client.write(frame)
    }

    /// The answer with this `ref`; events that come before it are kept.
    pub fn answer(&mut self, reference: &str) -> Result<Value> {
        loop {
            if let Some(place) = self.answers.iter().position(|it| it["ref"] == reference) {
                return Ok(self.answers.remove(place));
            }
            self.receive().with_context(|| format!("before the answer to {reference}"))?;
        }
    }

    /// Asks for something and gives the answer.
    pub fn ask(&mut self, mut frame: Value) -> Result<Value> {
        frame["ref"] = json!("question");
        self.write(&frame)?;
        self.answer("question")
    }

    /// Hears everything up to event `head`.
    pub fn receive_up_to(&mut self, head: i64) -> Result<()> {
        while self.seen < head {
            self.receive().with_context(|| format!("after event {} of {head}", self.seen))?;
        }
        ensure!(self.seen == head, "event {} of a log that ends at {head}", self.seen);
        Ok(())
    }

    /// The server answers.
    pub fn ping(&mut self) -> Result<()> {
        let pong = self.ask(json!({"type": "ping"}))?;
        ensure!(pong["type"] == "pong", "not a pong: {pong}");
        Ok(())
    }

    /// There is nothing else to be heard.
    pub fn receive_no_more(&mut self) -> Result<()> {
        self.ping()?;
        ensure!(self.events.is_empty(), "heard too much: {:?}", self.events);
        ensure!(self.answers.is_empty(), "answered too much: {:?}", self.answers);
        Ok(())
    }

    /// There is nothing to be heard but events, which are forgotten.
    pub fn receive_all(&mut self) -> Result<()> {
        self.events.clear();
        self.receive_no_more()
    }

    /// Whether an event has come on this connection otherwise than as an answer.
    pub fn has_heard(&self, seq: i64) -> bool {
        self.heard.contains(&seq)
    }

    /// One frame: an answer, or the event that is next. An answer can be that too, and can be about an earlier one.
    fn receive(&mut self) -> Result<()> {
        let frame = self.client.receive_next()?;
        let next = self.seen + 1;
        let seq = frame["seq"].as_i64();
        if frame.get("ref").is_some() {
            ensure!(seq.is_none_or(|seq| seq <= next), "{next} should come before {frame}");
            self.seen = self.seen.max(seq.unwrap_or(0));
            self.answers.push(frame);
        } else {
            ensure!(seq == Some(next), "event {next} should come, not {frame}");
            self.seen = next;
            self.heard.insert(next);
            self.events.push(frame);
        }
        Ok(())
    }
}
