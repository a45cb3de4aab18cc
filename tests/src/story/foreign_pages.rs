//! Another site's page cannot sign anybody up or in through a visitor's browser; the server's own page can.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn foreign_pages(endpoints: &Endpoints) -> Result<()> {
    let alice = Client::signup(endpoints, "Alice")?;
    let address = endpoints.auth_address()?;
    let own = endpoints.auth()?;
    let login = json!({"email": alice.email, "password": alice.password});
    let post = |headers: &[(&str, &str)], kind: &str, body: &Value| {
        let call = endpoints.ask("POST", "/login")?.typed(kind, body.to_string().into_bytes());
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    let json_type = "application/json";

    // Forms of other sites can send `text/plain` without asking; scripts of theirs any type, after asking.
    let foreign: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", &format!("http://evil.example:{}", address.rsplit(':').next().unwrap_or_default()))],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
    ];
    for headers in foreign {
        for kind in ["text/plain", json_type] {
            let answer = post(headers, kind, &login)?.refused(403)?;
            ensure!(answer.body["code"] == "foreign_origin", "{headers:?}: {}", answer.text);
            ensure!(answer.header("access-control-allow-origin").is_none(), "{headers:?}");
        }
    }
    let preflight = endpoints.ask("OPTIONS", "/login")?.header("origin", "https://evil.example");
    let preflight = preflight.header("access-control-request-method", "POST").send()?.refused(403)?;
    ensure!(preflight.header("access-control-allow-methods").is_none());

    // None of it has cost Alice a try.
    let page: [&[(&str, &str)]; 4] = [
        &[("origin", &own)],
        &[("origin", &own), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[],
    ];
    for headers in page {
        post(headers, "application/json; charset=utf-8", &login)?.expect(200)?;
        if headers.is_empty() {
            continue;
        }
        let answer = post(headers, "text/plain", &login)?.refused(415)?;
        ensure!(answer.body["code"] == "unsupported_media_type", "{headers:?}: {}", answer.text);
    }

    // A page that has a token may read, wherever it comes from; whether it sees the answer is the browser's rule.
    let read = alice.ask("GET", "/me")?.header("sec-fetch-site", "cross-site");
    read.header("origin", "https://evil.example").send()?.expect(200)?;
    alice.ask("DELETE", "/me")?.header("origin", "https://evil.example").json(&json!({})).send()?.refused(403)?;
    Ok(())
}
