//! The logs say what happened, and never what was said, by whom, or with which secret.

use acceptance::Client;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

#[test]
fn no_content_token_email_or_password_is_logged() -> Result<()> {
    for (kind, format) in [
        (Arrangement::Messenger, "text"),
        (Arrangement::Pair, "json"),
        (Arrangement::postgres()?, "text"),
    ] {
        let flags = [format!("--log-format={format}")];
        let mut deployment = Deployment::launch_with(&kind, &[&flags[0]], |launch| {
            launch.env("LOG_FILTER", "trace").env("RUST_LOG", "trace")
        })?;
        let secrets = session(&deployment)?;
        let log: String = deployment.stop()?.iter().map(|server| server.log()).collect();
        ensure!(log.lines().count() >= 2, "there is no log: {log}");
        for secret in &secrets {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            ensure!(line.is_none(), "{secret:?} was logged: {line:?}");
        }
        if format == "json" {
            let all =
                log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
            ensure!(all, "a line that is not JSON:\n{log}");
        }
    }
    Ok(())
}

/// A session with everything in it that goes right and wrong; gives what must not be told.
fn session(deployment: &Deployment) -> Result<Vec<String>> {
    let endpoints = &deployment.endpoints;
    let mut alice = Client::connected(endpoints, "Alice Aardvark")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.send_message(&bob, "content-of-a-message")?;
    bob.receive_message("content-of-a-message")?;
    bob.acknowledge(1)?;
    alice.socket()?.text("{\"content-of-bad-json\"")?;
    alice.receive_type("error")?;
    alice.socket()?.text(r#"{"to":"content-of-a-wrong-type","content":"x"}"#)?;
    alice.receive_type("error")?;
    alice.refused(json!({"type": "content-of-a-wrong-kind"}), "unknown_type")?;
    alice.refused(json!({"to": 999_999, "content": "content-for-nobody"}), "not_found")?;

    let mut stranger = alice.device("laptop")?;
    stranger.open(&[])?;
    stranger.write(&json!({"type": "hello", "token": "token-that-is-wrong"}))?;
    stranger.closed()?;
    let wrong = json!({"email": alice.email, "password": "password-that-is-wrong"});
    endpoints.ask("POST", "/login")?.json(&wrong).send()?.refused(401)?;
    let unknown = json!({"email": "email.that.is@unknown.example", "password": "secret"});
    endpoints.ask("POST", "/login")?.json(&unknown).send()?.refused(401)?;
    endpoints.ask("POST", "/login")?.bytes(b"{\"body-that-is-bad".to_vec()).send()?.refused(400)?;
    let path = format!("/users?email={}", bob.email.replace('@', "%40"));
    alice.ask("GET", &path)?.send()?.expect(200)?;
    alice.ask("GET", "/export")?.send()?.expect(200)?;
    let change = json!({"old": alice.password, "new": "password-that-is-new"});
    alice.ask("POST", "/password")?.json(&change).send()?.expect(204)?;
    let delete = json!({"password": "password-that-is-new"});
    alice.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;

    let mut secrets: Vec<String> = [
        "content-of",
        "content-for",
        "token-that-is",
        "password-that-is",
        "email.that.is",
        "body-that-is",
        "%40example.com",
        "@example.com",
        "$argon2",
    ]
    .map(str::to_owned)
    .to_vec();
    for client in [&alice, &bob, &stranger] {
        secrets.extend([client.token.clone(), client.password.clone(), client.email.clone()]);
    }
    Ok(secrets)
}
