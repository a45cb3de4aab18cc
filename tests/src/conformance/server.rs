//! The scripted server: one connection after the other, and an answer to every request.

use std::collections::HashMap;
use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use crate::{Received, Socket, until};

/// How soon a client comes back at the latest: the longest wait it may choose is 30 s.
const BACK_WITHIN: Duration = Duration::from_secs(40);

/// How soon a client answers what it is asked.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a client has to close a connection that is closed on it.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// What the server knows of the client.
pub struct ScriptedServer {
    listener: TcpListener,
    away: Duration,
    socket: Option<Socket>,
    token: String,
    /// The last `seq` that the client was told.
    pub seq: i64,
    /// Up to where it has acknowledged.
    acknowledged: i64,
    /// Its messages of this connection without an answer; none gets any before [`ScriptedServer::answer_what_waits`].
    pub unanswered: Vec<Value>,
    /// Those of the last connection that ended so.
    pub lost: Vec<Value>,
    is_mute: bool,
    /// The answers to its messages, by `ref`.
    sent: HashMap<String, Value>,
    /// What it said that the schema does not have.
    pub faults: Vec<String>,
    /// Whether it has said anything.
    pub has_heard: bool,
}

impl ScriptedServer {
    pub fn new(listener: TcpListener, away: Duration) -> Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            away,
            socket: None,
            token: String::new(),
            seq: 0,
            acknowledged: 0,
            unanswered: Vec::new(),
            lost: Vec::new(),
            is_mute: true,
            sent: HashMap::new(),
            faults: Vec::new(),
            has_heard: false,
        })
    }

    /// Waits for the client and its hello; gives the `since` in it.
    pub fn answer_call(&mut self) -> Result<Option<i64>> {
        self.hang_up();
        let listener = &self.listener;
        let (socket, first) = until("the client to connect", BACK_WITHIN, || pick_up(listener))?;
        self.socket = Some(socket);
        let hello = match first {
            Received::Json(frame) if frame["type"] == "hello" => frame,
            other => bail!("expected a hello, heard {other:?}"),
        };
        self.has_heard = true;
        let token = hello["token"].as_str().filter(|it| !it.is_empty());
        token.context("a hello without a token")?.clone_into(&mut self.token);
        Ok(hello["since"].as_i64())
    }

    /// Waits for the client to come back where it was, and welcomes it. Its log has lost so many events meanwhile.
    pub fn is_called_back(&mut self, lost: i64) -> Result<()> {
        let (since, seen) = (self.answer_call()?, self.seq);
        self.seq += lost;
        self.welcome(lost == 0)?;
        ensure!(since == Some(seen), "`since` was {since:?}, and the highest `seq` {seen}");
        Ok(())
    }

    /// Waits whether the client comes once more with the token that was refused.
    pub fn is_left_alone(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.away;
        until("nobody to come", self.away + BACK_WITHIN, || {
            let caller = pick_up(&self.listener)?;
            let is_again = |first: &Received| matches!(first, Received::Json(it) if it["token"] == *self.token);
            ensure!(!caller.is_some_and(|(_, first)| is_again(&first)), "it came back");
            Ok((Instant::now() >= deadline).then_some(()))
        })
    }

    pub fn welcome(&mut self, recovered: bool) -> Result<()> {
        let seq = self.seq;
        self.send_json(&json!({
            "type": "welcome", "id": 1, "name": "Alice", "seq": seq, "head": seq, "recovered": recovered,
        }))
    }

    /// Puts a message from account 2 into the log.
    pub fn event(&mut self, mut message: Value) -> Result<()> {
        self.seq += 1;
        let more = [
            ("type", json!("message")),
            ("id", json!(self.seq)),
            ("seq", json!(self.seq)),
            ("from", json!(2)),
            ("to", json!(1)),
            ("at", json!(now_ms())),
        ];
        for (key, value) in more {
            message[key] = value;
        }
        self.send_json(&message)
    }

    pub fn send_json(&mut self, frame: &Value) -> Result<()> {
        self.socket()?.json(frame)
    }

    pub fn send(&mut self, message: Message) -> Result<()> {
        self.socket()?.send(message)
    }

    /// Answers whatever comes until `is_it`.
    pub fn receive(
        &mut self,
        what: &str,
        mut is_it: impl FnMut(&Received, &Self) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = self.socket()?.receive_within(what, left, |heard| Some(heard.clone()))?;
            if let Received::Closed(code) = heard {
                bail!("closed with {code}, waiting for {what}");
            }
            self.answer(&heard)?;
            if is_it(&heard, self) {
                return Ok(());
            }
        }
    }

    /// Waits until every event is acknowledged.
    pub fn is_acknowledged(&mut self) -> Result<()> {
        self.receive("`received` with the last `seq`", |_, server| {
            server.acknowledged == server.seq
        })
    }

    /// Answers the messages that have waited, and from now on at once.
    pub fn answer_what_waits(&mut self) -> Result<()> {
        self.is_mute = false;
        for message in std::mem::take(&mut self.unanswered) {
            self.answer_message(&message)?;
        }
        Ok(())
    }

    /// Drops the connection without a word.
    pub fn hang_up(&mut self) {
        if let Some(socket) = self.socket.take() {
            self.faults.extend_from_slice(socket.faults());
            self.lost = std::mem::take(&mut self.unanswered);
        }
    }

    /// Closes the connection, and gives the client time to close it, too.
    pub fn close(&mut self, code: u16) -> Result<()> {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.send(Message::Close(Some(frame)))?;
        let _ = self.socket()?.receive_close(CLOSE_WITHIN);
        self.hang_up();
        Ok(())
    }

    fn socket(&mut self) -> Result<&mut Socket> {
        self.socket.as_mut().context("the client is not connected")
    }

    fn answer(&mut self, heard: &Received) -> Result<()> {
        let frame = match heard {
            Received::Json(frame) => frame,
            Received::Text(text) if text == "ping" => return self.socket()?.text("pong"),
            Received::Text(text) => {
                self.faults.push(format!("not JSON: {text:.100}"));
                return Ok(());
            }
            _ => return Ok(()),
        };
        let kind = frame["type"].as_str().unwrap_or("message");
        let mut answer = match kind {
            "message" if self.is_mute => {
                if frame["ref"].is_string() {
                    self.unanswered.push(frame.clone());
                }
                return Ok(());
            }
            "message" => return self.answer_message(frame),
            "ping" => json!({"type": "pong"}),
            "conversations" => json!({"type": kind, "conversations": [], "more": false}),
            "history" | "search" => json!({"type": kind, "messages": [], "more": false}),
            "blocks" => json!({"type": kind, "ids": []}),
            "received" => {
                let seq = frame["seq"].as_i64().unwrap_or_default();
                self.acknowledged = self.acknowledged.max(seq);
                json!({"type": "ok"})
            }
            _ => json!({"type": "ok"}),
        };
        if frame["ref"].is_string() {
            answer["ref"] = frame["ref"].clone();
        } else if answer["type"] == "ok" {
            return Ok(());
        }
        self.send_json(&answer)
    }

    fn answer_message(&mut self, frame: &Value) -> Result<()> {
        let Some(reference) = frame["ref"].as_str() else { return Ok(()) };
        if !self.sent.contains_key(reference) {
            self.seq += 1;
            let (seq, at) = (self.seq, now_ms());
            let sent = json!({"type": "sent", "ref": reference, "id": seq, "seq": seq, "at": at});
            self.sent.insert(reference.to_owned(), sent);
        }
        let sent = self.sent[reference].clone();
        self.send_json(&sent)
    }
}

/// Whoever has connected, and the first thing they say. Who wants a page or a health check is not the client.
fn pick_up(listener: &TcpListener) -> Result<Option<(Socket, Received)>> {
    let Ok((stream, _)) = listener.accept() else { return Ok(None) };
    stream.set_nonblocking(false)?;
    let Ok(mut socket) = Socket::accept(stream) else { return Ok(None) };
    let first = socket.receive_next()?;
    Ok(Some((socket, first)))
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis())
}
