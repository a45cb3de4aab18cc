//! Sending and receiving.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Client;
use crate::endpoints::unique;
use crate::{PATIENCE, Received, until};

impl Client {
    /// Sends a frame as it is.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn write(&mut self, frame: &Value) -> Result<()> {
        self.socket()?.json(frame)
    }

    /// Sends a frame under a fresh `ref` and gives the frame that answers it.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn request(&mut self, mut frame: Value) -> Result<Value> {
        let reference = unique();
        frame["ref"] = json!(reference);
        self.write(&frame)?;
        self.answer_to(&reference)
    }

    /// The frame that carries this `ref`.
    ///
    /// # Errors
    /// When none comes.
    pub fn answer_to(&mut self, reference: &str) -> Result<Value> {
        self.receive(&format!("the answer to {reference}"), |frame| frame["ref"] == reference)
    }

    /// Sends a message to an account and returns the `sent`.
    ///
    /// # Errors
    /// When it was refused.
    pub fn send_message(&mut self, to: &Client, content: &str) -> Result<Value> {
        let sent = self.request(json!({"to": to.id, "content": content}))?;
        ensure!(sent["type"] == "sent" && sent["at"].is_i64(), "not sent: {sent}");
        Ok(sent)
    }

    /// Watches an account that is connected, until it is seen online: another node learns of a new connection within
    /// a second.
    ///
    /// # Errors
    /// When it is never seen online.
    pub fn watch_online(&mut self, id: i64) -> Result<()> {
        until("who is connected to be seen online", PATIENCE, || {
            self.change_nothing(json!({"type": "presence", "ids": [id]}))?;
            let told = self.receive("presence", |it| it["type"] == "presence" && it["id"] == id)?;
            Ok((told["online"] == true).then_some(()))
        })?;
        // Changes that came before the last answer are not taken for later ones.
        self.is_answered().map(drop)
    }

    /// The other account sends a message request and this one accepts it: from then on they know each other. That puts two
    /// events into this log and one into the other's. Guests always know each other.
    ///
    /// # Errors
    /// When either is refused.
    pub fn become_contacts(&mut self, other: &mut Self) -> Result<()> {
        if !self.endpoints.has_accounts() {
            return Ok(());
        }
        other.send_message(self, "hello")?;
        self.receive_message("hello")?;
        self.change(json!({"type": "accept", "id": other.id})).map(drop)
    }

    /// Sends a frame that is to be refused with this code, and gives the error.
    ///
    /// # Errors
    /// When it is not refused so.
    pub fn refused(&mut self, frame: Value, code: &str) -> Result<Value> {
        let text = frame.to_string();
        let error = self.request(frame)?;
        let is_error = error["type"] == "error" && error["code"] == code;
        ensure!(is_error, "expected {code} for {text:.200}, got {error}");
        ensure!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "no message: {error}");
        Ok(error)
    }

    /// The first JSON frame that `fits`; others stay to be heard later.
    ///
    /// # Errors
    /// When none comes.
    pub fn receive(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        self.socket()?.receive(what, |heard| match heard {
            Received::Json(frame) if fits(frame) => Some(frame.clone()),
            _ => None,
        })
    }

    /// The first frame of this type.
    ///
    /// # Errors
    /// When none comes.
    pub fn receive_type(&mut self, kind: &str) -> Result<Value> {
        self.receive(kind, |frame| frame["type"] == kind)
    }

    /// The message with this content.
    ///
    /// # Errors
    /// When it does not come.
    pub fn receive_message(&mut self, content: &str) -> Result<Value> {
        let what = format!("the message {content:.60}");
        self.receive(&what, |frame| frame["type"] == "message" && frame["content"] == content)
    }

    /// The very next frame, which must be JSON.
    ///
    /// # Errors
    /// When it is not, or none comes.
    pub fn receive_next(&mut self) -> Result<Value> {
        match self.socket()?.receive_next()? {
            Received::Json(frame) => Ok(frame),
            other => bail!("expected a JSON frame, heard {other:?}"),
        }
    }

    /// The server answers this connection, and has nothing else to say before that than what it gives.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn is_answered(&mut self) -> Result<Vec<Value>> {
        let pong = self.request(json!({"type": "ping"}))?;
        ensure!(pong["type"] == "pong", "not a pong: {pong}");
        let heard = self.socket()?.drain();
        Ok(heard
            .into_iter()
            .filter_map(|one| match one {
                Received::Json(frame) => Some(frame),
                _ => None,
            })
            .collect())
    }

    /// Acknowledges everything up to `seq`, and waits until the server has taken that in.
    ///
    /// # Errors
    /// When it refuses.
    pub fn acknowledge(&mut self, seq: i64) -> Result<()> {
        let answer = self.request(json!({"type": "received", "seq": seq}))?;
        ensure!(answer["type"] != "error", "not acknowledged: {answer}");
        Ok(())
    }

    /// The close code that ends this connection.
    ///
    /// # Errors
    /// When it stays open for `patience`.
    pub fn closed_within(&mut self, patience: Duration) -> Result<u16> {
        self.socket()?.receive_close(patience)
    }

    /// The close code that ends this connection.
    ///
    /// # Errors
    /// When it stays open for [`PATIENCE`].
    pub fn closed(&mut self) -> Result<u16> {
        self.closed_within(PATIENCE)
    }

    /// Everything in this account's log up to the message `last`, read at another device from the beginning, each
    /// event in its place: 1, 2, 3 and on without a hole.
    ///
    /// # Errors
    /// When there is a hole, or the log does not reach `last`.
    pub fn whole_log(&self, last: &str) -> Result<Vec<Value>> {
        let mut reader = self.device("reader")?;
        reader.connect_since(0)?;
        let mut log = Vec::new();
        loop {
            let event =
                reader.receive_next().with_context(|| format!("after {} events", log.len()))?;
            ensure!(event["seq"] == log.len() + 1, "after {} events came {event}", log.len());
            let is_last = event["content"] == last;
            log.push(event);
            if is_last {
                reader.leave();
                return Ok(log);
            }
        }
    }
}
