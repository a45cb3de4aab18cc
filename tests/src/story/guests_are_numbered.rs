//! Guests are numbered in order of connecting, and talk without anything being stored.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn guests_are_numbered(endpoints: &Endpoints) -> Result<()> {
    let mut first = Client::guest(endpoints)?;
    let mut second = Client::guest(endpoints)?;
    let third = Client::guest(endpoints)?;
    ensure!(0 < first.id && first.id < second.id && second.id < third.id, "out of order");

    second.write(&json!({"from": second.id, "to": first.id, "content": "hello"}))?;
    let message = first.receive_next()?;
    let is_hello = message["type"] == "message" && message["content"] == "hello";
    ensure!(is_hello && message["from"] == second.id && message["to"] == first.id, "{message}");
    ensure!(message["at"].is_i64(), "no time: {message}");
    ensure!(message.get("id").is_none() && message.get("seq").is_none(), "stored? {message}");

    let sent = second.send_message(&first, "again")?;
    ensure!(sent.get("id").is_none() && sent.get("seq").is_none(), "stored? {sent}");
    first.receive_message("again")?;

    ensure!(second.is_answered()?.is_empty(), "a message without a ref was answered");
    Ok(())
}
