//! What an operator can watch.

use std::fs;

use acceptance::{Call, Client, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment, root};

#[test]
fn messenger_tells_its_metrics() -> Result<()> {
    let mut deployment =
        Deployment::launch(&Arrangement::Messenger, &["--metrics-listen=127.0.0.1:0"])?;
    let url = format!("http://{}", deployment.servers[0].address("metrics")?);
    for path in ["/healthz", "/readyz"] {
        let answer = Call::new("GET", &format!("{url}{path}")).send()?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text);
    }
    ensure!(Call::new("GET", &format!("{url}/nowhere")).send()?.status == 404);

    let before = total(&scrape(&url)?, "messages");
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    for _ in 0..5 {
        alice.send_message(&bob, "counted")?;
    }
    alice.refused(json!({"to": 999_999, "content": "counted as refused"}), "not_found")?;
    let text = until("the messages to be counted", PATIENCE, || {
        let text = scrape(&url)?;
        Ok((total(&text, "messages") >= before + 6.0).then_some(text))
    })?;
    ensure!(total(&text, "connections") >= 2.0, "two are connected:\n{text}");
    for needed in ["connections", "messages", "batch", "queue", "refus"] {
        ensure!(series(&text, needed).next().is_some(), "nothing about {needed}:\n{text}");
    }
    let is_histogram = series(&text, "batch").any(|(name, _)| name.contains("_bucket{"));
    ensure!(is_histogram, "batch sizes are no histogram:\n{text}");
    for secret in [&alice.email, &alice.token, &alice.name] {
        ensure!(!text.contains(secret.as_str()), "{secret} is in the metrics");
    }
    Ok(())
}

/// Each name of a metric in the alert rules; `./check alerts` tests the rules themselves.
#[test]
fn alert_rules_name_metrics_that_exist() -> Result<()> {
    let mut deployment =
        Deployment::launch(&Arrangement::Messenger, &["--metrics-listen=127.0.0.1:0"])?;
    let text = scrape(&format!("http://{}", deployment.servers[0].address("metrics")?))?;
    let rules = fs::read_to_string(root().join("docs/alerts.yaml"))?;
    let names = rules.lines().filter_map(|line| line.trim_start().strip_prefix("expr: "));
    let names = names.flat_map(|expr| expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let names: Vec<_> =
        names.filter(|name| name.starts_with("messenger_") || name.starts_with("auth_")).collect();
    ensure!(names.len() >= 12, "{names:?}");
    for name in names {
        let is_there = text.lines().any(|line| line.split(['{', ' ']).next() == Some(name));
        ensure!(is_there, "no metric {name}:\n{text}");
    }
    ensure!(text.contains("messages_total{outcome=\"unavailable\"}"), "{text}");
    Ok(())
}

#[test]
fn chat_and_auth_have_metrics_of_their_own() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Pair, &["--metrics-listen=127.0.0.1:0"])?;
    for server in &mut deployment.servers {
        let url = format!("http://{}", server.address("metrics")?);
        scrape(&url)?;
    }
    Ok(())
}

#[test]
fn without_the_setting_there_are_none() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    for call in [
        deployment.endpoints.ask("GET", "/metrics")?,
        deployment.endpoints.ask_chat("GET", "/metrics"),
    ] {
        ensure!(call.send()?.status == 404);
    }
    let log = deployment.stop()?.remove(0).log();
    ensure!(!log.contains("metrics listening"), "{log}");
    Ok(())
}

/// The metrics, each line of which is as Prometheus reads it.
fn scrape(url: &str) -> Result<String> {
    let answer = Call::new("GET", &format!("{url}/metrics")).send()?;
    ensure!(answer.status == 200, "{}", answer.text);
    let kind = answer.header("content-type").unwrap_or_default();
    ensure!(kind.starts_with("text/plain"), "content-type {kind}");
    for line in answer.text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
        ensure!(is_name && value.parse::<f64>().is_ok(), "not a sample: {line}");
    }
    Ok(answer.text)
}

fn series<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        let (name, value) = line.rsplit_once(' ')?;
        name.split('{').next()?.contains(word).then(|| Some((name, value.parse().ok()?)))?
    })
}

fn total(text: &str, word: &str) -> f64 {
    let buckets = |name: &str| name.contains("_bucket{") || name.contains("_sum");
    series(text, word).filter(|(name, _)| !buckets(name)).map(|(_, value)| value).sum()
}
