//! A conversation is read page by page from its end, each message once and in order.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn history_pages(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut said = Vec::new();
    for n in 1..=120 {
        let content = format!("{n}");
        let (from, to) = if n % 3 == 0 { (&mut bob, &alice) } else { (&mut alice, &bob) };
        from.send_message(to, &content)?;
        said.push(content);
    }
    for (limit, first) in [(None, 50), (Some(1), 1), (Some(7), 7), (Some(120), 120), (Some(200), 120)] {
        let (pages, read) = walk(&mut alice, bob.id, limit)?;
        ensure!(read == said, "limit {limit:?}: {read:?}");
        ensure!(pages[0] == first, "limit {limit:?}: pages of {pages:?}");
    }
    let page = alice.query(json!({"type": "history", "with": bob.id, "limit": 2}))?;
    let last = &page["messages"][1];
    let is_running = last["from"] == bob.id && last["to"] == alice.id && last["at"].is_i64();
    ensure!(is_running && last.get("seq").is_none(), "{last}");

    // Long messages make short pages.
    let long = "x".repeat(16 * 1024);
    for _ in 0..20 {
        bob.send_message(&alice, &long)?;
    }
    let (pages, read) = walk(&mut alice, bob.id, Some(200))?;
    ensure!(read.len() == 140 && pages[0] < 20, "pages of {pages:?}");
    Ok(())
}

/// Reads everything; gives the sizes of the pages, and the contents in order.
fn walk(client: &mut Client, with: i64, limit: Option<i64>) -> Result<(Vec<usize>, Vec<String>)> {
    let (mut sizes, mut read) = (Vec::new(), Vec::new());
    let mut before = Value::Null;
    loop {
        let ask = json!({"type": "history", "with": with, "before": before, "limit": limit});
        let page = client.query(ask)?;
        let messages = page["messages"].as_array().context("no messages")?;
        ensure!(!messages.is_empty(), "an empty page before {before}: {page}");
        sizes.push(messages.len());
        let content = |it: &Value| it["content"].as_str().unwrap_or_default().to_owned();
        read.splice(0..0, messages.iter().map(content));
        if page["more"] == false {
            return Ok((sizes, read));
        }
        before = messages[0]["id"].clone();
    }
}
