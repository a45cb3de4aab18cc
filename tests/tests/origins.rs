//! What web pages may do that come from elsewhere: `--allow-origin`, `--allow-host`, `--public-url`.

use acceptance::{Answer, Call, Client, PATIENCE, Socket, raw, until};
use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment, Launch};

/// The status of an upgrade that has these lines in its head, with `host` as its `Host`.
fn upgrade(address: &str, host: &str, lines: &str) -> Result<u16> {
    let upgrade = raw::upgrade(host).replace("\r\nUpgrade", &format!("\r\n{lines}Upgrade"));
    Ok(raw::exchange(raw::connect(address, None)?, upgrade.as_bytes())?.0)
}

/// The answer to a request whose head is written by hand.
fn ask(address: &str, head: &str, body: &str) -> Result<(u16, String)> {
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    raw::exchange(raw::connect(address, None)?, request.as_bytes())
}

#[test]
fn an_allowed_origin_passes_and_others_do_not() -> Result<()> {
    let flags = ["--allow-origin=https://chat.example", "--allow-origin=http://other.example:8000"];
    let deployment = Deployment::launch(&Arrangement::Guests, &flags)?;
    let own = format!("http://{}", deployment.endpoints.chat_address());
    for origin in ["https://chat.example", "http://other.example:8000", &own] {
        Socket::open(&deployment.endpoints.chat(), &[("origin", origin)])?;
    }
    let foreign = [
        "http://chat.example",
        "https://chat.example:8000",
        "https://other.example:8000",
        "http://other.example",
        "https://chat.example.evil.example",
        "https://evil-chat.example",
    ];
    let address = deployment.endpoints.chat_address();
    for origin in foreign {
        let status = upgrade(&address, &address, &format!("Origin: {origin}\r\n"))?;
        ensure!(status == 403, "{origin}: {status}");
    }
    Ok(())
}

#[test]
fn an_allowed_origin_has_cors_on_both_servers_and_never_credentials() -> Result<()> {
    let app = "https://app.example";
    for kind in [Arrangement::Messenger, Arrangement::Pair] {
        let deployment =
            Deployment::launch(&kind, &["--allow-origin=https://app.example", "--signup-rate=1"])?;
        let endpoints = &deployment.endpoints;
        let from_app =
            |call: Call| call.header("origin", app).header("sec-fetch-site", "cross-site");
        let is_shown = |answer: &Answer| {
            answer.header("access-control-allow-origin") == Some(app)
                && answer.header("vary") == Some("Origin")
                && answer.header("access-control-allow-credentials").is_none()
        };
        for call in
            [endpoints.ask("OPTIONS", "/me")?, endpoints.ask_chat("OPTIONS", "/schema.json")]
        {
            let asks = call.header("access-control-request-method", "PATCH");
            let asks = asks.header("access-control-request-headers", "authorization,content-type");
            let answer = from_app(asks).send()?.expect(204)?;
            ensure!(is_shown(&answer), "{:?}", answer.headers);
            let methods = answer.header("access-control-allow-methods").unwrap_or_default();
            ensure!(
                ["GET", "POST", "PATCH", "DELETE"].iter().all(|method| methods.contains(method))
            );
            let headers = answer.header("access-control-allow-headers").unwrap_or_default();
            ensure!(headers.starts_with("Authorization, Content-Type"), "{headers}");
            ensure!(answer.header("access-control-max-age").is_some());
        }
        let alice = json!({"email": "alice@app.example", "name": "Alice", "password": "secret"});
        let signup = || Ok::<_, anyhow::Error>(from_app(endpoints.ask("POST", "/signup")?));
        let mut answers = vec![
            from_app(endpoints.ask_chat("GET", "/schema.json")).send()?.expect(200)?,
            from_app(endpoints.ask("GET", "/me")?).send()?.refused(401)?,
            from_app(endpoints.ask("GET", "/nowhere")?).send()?.refused(404)?,
            from_app(endpoints.ask("GET", "/signup")?).send()?.refused(405)?,
            signup()?.typed("text/plain", alice.to_string().into_bytes()).send()?.refused(415)?,
            signup()?.json(&alice).send()?.expect(201)?,
        ];
        // One a minute; after it 429, and the page may see for how long.
        let throttled = until("a throttle", PATIENCE, || {
            let answer = signup()?.json(&alice).send()?;
            Ok((answer.status == 429).then_some(answer))
        })?;
        let exposed = throttled.header("access-control-expose-headers").unwrap_or_default();
        ensure!(exposed.contains("Retry-After") && exposed.contains("X-Request-Id"), "{exposed}");
        answers.push(throttled);
        for answer in answers {
            ensure!(is_shown(&answer), "{}: {:?}", answer.status, answer.headers);
        }
        let foreign =
            endpoints.ask("GET", "/healthz")?.header("origin", "https://evil.example").send()?;
        ensure!(foreign.header("access-control-allow-origin").is_none());
        ensure!(foreign.header("vary") == Some("Origin"), "a cache must not mix them up");
    }
    Ok(())
}

#[test]
fn the_old_variable_allows_origins_too_and_both_hold() -> Result<()> {
    let change = |launch: Launch| {
        let launch = launch.env("CHAT_ALLOW_ORIGIN", "https://old.example");
        launch.env("ALLOW_ORIGIN", "https://new.example,https://newer.example")
    };
    let deployment = Deployment::launch_with(&Arrangement::Messenger, &[], change)?;
    for origin in ["https://old.example", "https://new.example", "https://newer.example"] {
        Socket::open(&deployment.endpoints.chat(), &[("origin", origin)])?;
        let answer =
            deployment.endpoints.ask("GET", "/healthz")?.header("origin", origin).send()?;
        ensure!(answer.header("access-control-allow-origin") == Some(origin), "{origin}");
    }
    Ok(())
}

#[test]
fn a_name_that_was_made_to_resolve_here_is_refused() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::Guests] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let mut addresses = vec![deployment.endpoints.chat_address()];
        addresses.extend(deployment.endpoints.auth_address().ok());
        for address in &addresses {
            let port = address.rsplit(':').next().unwrap_or_default();
            let evil = format!("evil.example:{port}");
            let same = format!("Origin: http://{evil}\r\nSec-Fetch-Site: same-origin\r\n");
            let json = "Content-Type: application/json\r\n";
            for method in ["GET /healthz", "POST /signup", "OPTIONS /me"] {
                let head = format!("{method} HTTP/1.1\r\nHost: {evil}\r\n{same}{json}");
                let (status, answer) = ask(address, &head, "{}")?;
                ensure!(
                    status == 421 && answer.contains("\"code\":\"wrong_host\""),
                    "{method}: {answer}"
                );
            }
            ensure!(upgrade(address, &evil, &same)? == 421, "an upgrade at {address}");
            for host in [address, &format!("localhost:{port}"), "[::1]"] {
                let (status, answer) =
                    ask(address, &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n"), "")?;
                ensure!(status == 200, "{host}: {answer}");
            }
            // No browser speaks HTTP/1.0; some health checks do, without a host.
            let (status, answer) = ask(address, "GET /healthz HTTP/1.0\r\n", "")?;
            ensure!(status == 200, "{answer}");
        }
        let log: String = deployment.stop()?.iter().map(|server| server.log()).collect();
        let told = log.lines().filter(|line| line.contains("evil.example")).collect::<Vec<_>>();
        ensure!(told.len() == addresses.len(), "once a minute for each server: {told:?}");
        ensure!(told.iter().all(|line| line.contains("--allow-host")), "{told:?}");
    }
    Ok(())
}

#[test]
fn a_host_that_is_allowed_or_of_the_public_url_passes() -> Result<()> {
    let flags = ["--allow-host=one.example,two.example", "--public-url=https://chat.example/"];
    let deployment = Deployment::launch(&Arrangement::Messenger, &flags)?;
    for address in [deployment.endpoints.chat_address(), deployment.endpoints.auth_address()?] {
        for (host, expected) in [
            ("one.example", 200),
            ("two.example:8000", 200),
            ("chat.example", 200),
            ("three.example", 421),
            ("sub.one.example", 421),
        ] {
            let (status, answer) =
                ask(&address, &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n"), "")?;
            ensure!(status == expected, "{host}: {answer}");
        }
    }
    Ok(())
}

#[test]
fn behind_a_proxy_the_public_url_is_our_own_origin() -> Result<()> {
    let deployment =
        Deployment::launch(&Arrangement::Messenger, &["--public-url=https://chat.example"])?;
    Client::signup(&deployment.endpoints, "a program")?;
    let address = deployment.endpoints.auth_address()?;
    let post = |host: &str, origin: &str| {
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n"
        );
        Ok::<_, anyhow::Error>(ask(&address, &head, "{}")?.0)
    };
    // Let through, and then found to be no login.
    ensure!(post("chat.example", "https://chat.example")? == 400);
    ensure!(post(&address, "https://chat.example")? == 400);
    ensure!(post(&address, &format!("http://{address}"))? == 400);
    ensure!(post("chat.example", "http://chat.example")? == 403);
    ensure!(post("chat.example", "https://evil.example")? == 403);
    let chat = deployment.endpoints.chat_address();
    ensure!(upgrade(&chat, "chat.example", "Origin: https://chat.example\r\n")? == 101);
    Ok(())
}

#[test]
fn what_no_browser_sends_is_refused_at_start() -> Result<()> {
    let home = tempfile::tempdir()?;
    let refused = [
        ("--allow-origin", "https://app.example/", "write that"),
        ("--allow-origin", "https://app.example:443", "https://app.example"),
        ("--allow-origin", "https://me@app.example", "write that"),
        ("--allow-origin", "https://app.example?a", "write that"),
        ("--allow-origin", "HTTPS://app.example", "write that"),
        ("--allow-origin", "*", "name each"),
        ("--allow-origin", "null", "null"),
        ("--allow-host", "chat.example:80", "chat.example"),
        ("--public-url", "https://chat.example/app", "https://chat.example"),
    ];
    for name in ["chat", "auth", "messenger"] {
        for (flag, value, word) in refused {
            let output =
                Launch::new(name, home.path())?.args(&[format!("{flag}={value}")]).run()?;
            let told = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.code() == Some(2), "{name} {flag}={value}: {}", output.status);
            ensure!(told.contains(flag) && told.contains(word), "{name} {flag}={value}: {told}");
        }
        let output = Launch::new(name, home.path())?.env("CHAT_ALLOW_ORIGIN", "null").run()?;
        ensure!(output.status.code() == Some(2), "{name}: {}", output.status);
    }
    Ok(())
}
