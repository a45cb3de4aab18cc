//! Requests that change something, and queries.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Client;

impl Client {
    /// Requests a change and returns the event that answers it.
    ///
    /// # Errors
    /// When it was refused, or changed nothing.
    pub fn change(&mut self, frame: Value) -> Result<Value> {
        let text = frame.to_string();
        let kind = frame["type"].as_str().unwrap_or_default();
        // Changes of a group have one type.
        let kind = if kind.starts_with("group.") { "group" } else { kind }.to_owned();
        let event = self.request(frame)?;
        let is_event = event["type"] == kind && event["seq"].is_i64();
        ensure!(is_event, "expected an event for {text:.200}, got {event}");
        Ok(event)
    }

    /// Requests a change that has no effect, and expects `ok` as the answer.
    ///
    /// # Errors
    /// When it was refused, or did change something.
    pub fn change_nothing(&mut self, frame: Value) -> Result<()> {
        let text = frame.to_string();
        let answer = self.request(frame)?;
        ensure!(answer["type"] == "ok", "expected no change by {text:.200}, got {answer}");
        Ok(())
    }

    /// Sends a query; its answer has the same type.
    ///
    /// # Errors
    /// When it was refused.
    pub fn query(&mut self, frame: Value) -> Result<Value> {
        let kind = frame["type"].clone();
        let answer = self.request(frame)?;
        ensure!(answer["type"] == kind, "expected {kind}, got {answer}");
        Ok(answer)
    }

    /// The contents of the newest messages of a conversation, `{"with":…}` or `{"group":…}`.
    ///
    /// # Errors
    /// When they cannot be seen.
    pub fn history(&mut self, mut of: Value) -> Result<Vec<String>> {
        of["type"] = json!("history");
        contents(&self.query(of)?)
    }

    /// The contents of all messages that are found.
    ///
    /// # Errors
    /// When the search is refused.
    pub fn search(&mut self, text: &str) -> Result<Vec<String>> {
        contents(&self.query(json!({"type": "search", "text": text}))?)
    }

    /// The entry of a conversation in this client's list: `with` an account, or of a `group`.
    ///
    /// # Errors
    /// When there is none.
    pub fn conversation(&mut self, key: &str, id: i64) -> Result<Value> {
        let answer = self.query(json!({"type": "conversations"}))?;
        let list = answer["conversations"].as_array().context("no list")?;
        let line = list.iter().find(|it| it[key] == id);
        line.cloned().with_context(|| format!("no conversation {key} {id} in {answer}"))
    }

    /// Creates a group with these members and returns its id.
    ///
    /// # Errors
    /// When it was refused.
    pub fn make_group(&mut self, name: &str, members: &[&Client]) -> Result<i64> {
        let ids: Vec<i64> = members.iter().map(|it| it.id).collect();
        let made = self.change(json!({"type": "group.create", "name": name, "members": ids}))?;
        made["group"].as_i64().with_context(|| format!("no group: {made}"))
    }

    /// Accepts the invitation to a group and gives the event.
    ///
    /// # Errors
    /// When there is none.
    pub fn join(&mut self, group: i64) -> Result<Value> {
        let joined = self.request(json!({"type": "accept", "group": group}))?;
        let is_join = joined["change"] == "join" && joined["by"] == self.id;
        ensure!(is_join && joined["seq"].is_i64(), "not joined: {joined}");
        Ok(joined)
    }

    /// Sends a message to a group and returns the `sent`.
    ///
    /// # Errors
    /// When it was refused.
    pub fn send_to_group(&mut self, group: i64, content: &str) -> Result<Value> {
        let sent = self.request(json!({"group": group, "content": content}))?;
        ensure!(sent["type"] == "sent", "not sent: {sent}");
        Ok(sent)
    }

    /// The very next frame, which must be of this type. Typing is passed over unless it is asked for: it is no event, and
    /// between nodes it may come late.
    ///
    /// # Errors
    /// When it is not, or none comes.
    pub fn receive_event(&mut self, kind: &str) -> Result<Value> {
        loop {
            let event = self.receive_next()?;
            if event["type"] == kind {
                return Ok(event);
            }
            ensure!(event["type"] == "typing", "expected {kind}, heard {event}");
        }
    }

    /// The next frame, which must be the event that others got, under a `seq` of this log.
    ///
    /// # Errors
    /// When it is not, or none comes.
    pub fn receive_same(&mut self, told: &Value) -> Result<()> {
        let event = self.receive_next()?;
        ensure!(event["seq"].is_i64(), "no event: {event}");
        ensure!(event.get("ref").is_none(), "somebody else's `ref`: {event}");
        ensure!(substance(&event) == substance(told), "heard {event}, others heard {told}");
        Ok(())
    }
}

/// An event without what differs from log to log: who acts gets no names.
fn substance(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(keys) = event.as_object_mut() {
        keys.remove("ref");
        keys.remove("seq");
        keys.remove("by_name");
        keys.remove("member_name");
    }
    event
}

fn contents(page: &Value) -> Result<Vec<String>> {
    let messages = page["messages"].as_array().with_context(|| format!("no messages: {page}"))?;
    let content = |it: &Value| it["content"].as_str().map(str::to_owned);
    messages.iter().map(|it| content(it).with_context(|| format!("no content: {it}"))).collect()
}
