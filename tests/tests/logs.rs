//! The logs say what happened, and never what was said, by whom, or with which secret.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use acceptance::{Client, PATIENCE};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Arrangement, Deployment, Launch};

#[test]
fn no_content_token_email_or_password_is_logged() -> Result<()> {
    for (kind, format) in [
        (Arrangement::Messenger, "text"),
        (Arrangement::Pair, "json"),
        (Arrangement::postgres()?, "text"),
    ] {
        let (push_service, pushed) = push_service()?;
        let allow = format!("http://{push_service}");
        let flags = [format!("--log-format={format}")];
        let mut deployment = Deployment::launch_with(&kind, &[&flags[0]], |launch| {
            let launch = launch.env("LOG_FILTER", "trace").env("RUST_LOG", "trace");
            launch.env("PUSH_ALLOW", &allow)
        })?;
        let mut secrets = session(&deployment)?;
        secrets.extend(names_and_codes(&deployment)?);
        secrets.push(code(&kind, &deployment)?);
        secrets.extend(push(&deployment, push_service, &pushed)?);
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

#[test]
fn health_checks_that_succeed_are_not_logged() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::Pair] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        for path in ["/healthz", "/livez"] {
            deployment.endpoints.ask("GET", path)?.send()?.expect(200)?;
        }
        deployment.endpoints.ask("GET", "/me")?.send()?.expect(401)?;
        let log: String = deployment.stop()?.iter().map(|server| server.log()).collect();
        ensure!(log.contains("path=/me"), "{log}");
        ensure!(!log.contains("healthz") && !log.contains("livez"), "{log}");
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

/// What people name and look for, files and pictures, and codes that open something; gives what must not be told.
fn names_and_codes(deployment: &Deployment) -> Result<Vec<String>> {
    let endpoints = &deployment.endpoints;
    let mut carol = Client::connected(endpoints, "Carol Cormorant")?;
    let mut dave = Client::connected(endpoints, "Dave Dunlin")?;
    let group = carol.make_group("group-that-is-made", &[&dave])?;
    carol
        .change(json!({"type": "group.rename", "group": group, "name": "group-that-is-renamed"}))?;
    let change = json!({"name": "Carol-that-is-renamed"});
    carol.ask("PATCH", "/me")?.json(&change).send()?.expect(200)?;
    let hit = carol.send_message(&dave, "searchable words")?;
    ensure!(carol.search("searchable")?.len() == 1);
    ensure!(carol.search("unfindable")?.is_empty());
    let text = "text-that-is-reported";
    dave.query(json!({"type": "report", "id": hit["id"], "text": text})).err();

    let file = carol.upload("file-that-is-sent.txt", "text/plain", b"bytes-of-a-file")?;
    carol.send_files(&dave, "", &[&file])?;
    ensure!(dave.download(&file)?.0 == 200 && dave.download(&"0".repeat(32))?.0 == 404);
    let metadata = [("filename", "file-that-is-refused"), ("filetype", "type-that-is-wrong")];
    let abandoned = carol.begin_upload(9, &metadata)?;
    carol.tus("DELETE", &abandoned)?.send()?.is(204)?;
    let picture = carol.upload("picture-that-is-hers.gif", "image/gif", b"GIF89a")?;
    let change = json!({"picture": picture});
    carol.ask("PATCH", "/me")?.json(&change).send()?.expect(200)?;
    ensure!(dave.download(&picture)?.0 == 200);

    let login =
        json!({"email": carol.email, "password": carol.password, "device": "device-that-is-named"});
    let login = endpoints.ask("POST", "/login")?.json(&login).send()?.expect(200)?.body;
    let ticket = carol.ask("POST", "/ticket")?.send()?.expect(200)?.body["ticket"].clone();
    let mut opened = Client::new(endpoints);
    for token in [&ticket, &json!("ticket-that-is-wrong")] {
        opened.open(&[])?;
        opened.write(&json!({"type": "hello", "token": token}))?;
        match token == &ticket {
            true => drop(opened.receive_type("welcome")?),
            false => drop(opened.closed()?),
        }
    }
    for (path, body) in [
        ("/reset/confirm", json!({"code": "code-that-is-wrong", "new": "password-that-is-new"})),
        ("/confirm", json!({"code": "code-that-is-wrong"})),
    ] {
        endpoints.ask("POST", path)?.json(&body).send()?.refused(410)?;
    }
    let secrets = ["that-is", "Carol", "Dave", "searchable", "unfindable", "bytes-of"];
    let mut secrets: Vec<_> = secrets.map(str::to_owned).to_vec();
    let word = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    secrets.extend([word(&login["token"])?, word(&login["device_secret"])?, word(&ticket)?]);
    let abandoned = abandoned.rsplit('/').next().unwrap_or_default().to_owned();
    secrets.extend([file, picture, abandoned, carol.token, dave.token]);
    Ok(secrets)
}

/// A code that sets a new password, used twice.
fn code(kind: &Arrangement, deployment: &Deployment) -> Result<String> {
    let grace = Client::signup(&deployment.endpoints, "Grace")?;
    let (program, url) = match kind {
        Arrangement::Postgres(url) => ("auth", url.clone()),
        _ => ("messenger", format!("sqlite:{}", deployment.database_file().display())),
    };
    let launch = Launch::new(program, deployment.dir())?;
    let words = ["--public-url=https://chat.example", "admin", "reset", &grace.email];
    let said = launch.args(&words).args(&["--database", &url]).run()?;
    let said = String::from_utf8(said.stdout)?;
    let code = said.lines().nth(1).context("no code")?;
    for status in [204, 410] {
        let body = json!({"code": code, "new": "password-that-is-reset"});
        deployment.endpoints.ask("POST", "/reset/confirm")?.json(&body).send()?.is(status)?;
    }
    Ok(code.to_owned())
}

/// A subscription to Web Push, and a push that is refused; gives what must not be told.
fn push(
    deployment: &Deployment,
    push_service: SocketAddr,
    pushed: &Receiver<String>,
) -> Result<Vec<String>> {
    // The receiver's keys of RFC 8291, appendix A.
    let p256dh =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let auth = "BTBZMqHH6r4Tts7J_aSIgg";
    let mut erin = Client::connected(&deployment.endpoints, "Erin")?;
    let frank = Client::signup(&deployment.endpoints, "Frank")?;
    let endpoint = format!("http://{push_service}/endpoint-that-is-secret");
    let subscription = json!({"endpoint": endpoint, "p256dh": p256dh, "auth": auth});
    frank.ask("POST", "/push")?.json(&subscription).send()?.expect(204)?;
    let wrong = json!({"endpoint": "https://10.0.0.1/endpoint-that-is-wrong", "p256dh": p256dh, "auth": auth});
    frank.ask("POST", "/push")?.json(&wrong).send()?.refused(400)?;
    erin.send_message(&frank, "content-that-is-pushed")?;
    let request = pushed.recv_timeout(PATIENCE).context("nothing was pushed")?;
    ensure!(request.contains("/endpoint-that-is-secret"), "{request}");
    Ok([p256dh, auth, "endpoint-that-is"].map(str::to_owned).to_vec())
}

/// A push service that refuses: where it is, and the heads of the requests that it gets.
fn push_service() -> Result<(SocketAddr, Receiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (heard, pushed) = sync_channel(8);
    thread::Builder::new().name("push service".to_owned()).spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 16 * 1024];
            let Ok(count) = stream.read(&mut bytes) else { continue };
            let answer =
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            if stream.write_all(answer).is_ok() {
                let head = String::from_utf8_lossy(&bytes[..count]);
                let _ = heard.send(head.lines().next().unwrap_or_default().to_owned());
            }
        }
    })?;
    Ok((address, pushed))
}
