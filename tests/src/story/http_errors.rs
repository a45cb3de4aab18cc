//! Whatever is wrong with a request has a fitting status and a JSON answer.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints, raw};

const LIMIT: usize = 64 * 1024;

pub fn http_errors(endpoints: &Endpoints) -> Result<()> {
    let alice = Client::signup(endpoints, "Alice")?;
    for path in ["/nowhere", "/signup/", "/me/x", "/SIGNUP", "/..%2fme", "/%00"] {
        endpoints.ask("GET", path)?.send()?.refused(404)?;
    }
    let wrong_methods = [
        ("GET", "/signup"),
        ("GET", "/login"),
        ("DELETE", "/logout"),
        ("POST", "/me"),
        ("GET", "/password"),
        ("POST", "/sessions"),
        ("DELETE", "/users"),
        ("POST", "/export"),
        ("POST", "/healthz"),
        ("DELETE", "/openapi.json"),
    ];
    for (method, path) in wrong_methods {
        let answer = alice.ask(method, path)?.send()?.refused(405)?;
        ensure!(answer.header("allow").is_some(), "{method} {path}: 405 without Allow");
    }
    let texts: [&[u8]; 8] =
        [b"", b"{", b"{\"email\":", b"nonsense", b"\xff\xfe", b"{}{}", b"[1,", b"{\"a\":\"\x01\"}"];
    for text in texts {
        for path in ["/signup", "/login"] {
            endpoints.ask("POST", path)?.bytes(text.to_vec()).send()?.refused(400)?;
        }
    }
    let nested = "{\"email\":".repeat(5000).into_bytes();
    endpoints.ask("POST", "/signup")?.bytes(nested).send()?.refused(400)?;

    let address = endpoints.auth_address()?;
    let fits = format!("{{\"email\":\"{}\"}}", "x".repeat(LIMIT - 12));
    ensure!(fits.len() == LIMIT);
    let (status, answer) =
        raw::exchange(raw::connect(&address, None)?, &raw::post("/signup", &fits))?;
    ensure!(status == 400, "64 KiB: {answer}");
    for body in [format!("{fits} "), " ".repeat(10 * LIMIT)] {
        let request = raw::post("/signup", &body);
        let (status, answer) = raw::exchange(raw::connect(&address, None)?, &request)?;
        ensure!(status == 413, "{} bytes: {answer}", body.len());
        ensure!(answer.contains("\"error\""), "not JSON: {answer}");
    }
    // A program's body is read as JSON, whatever `curl -d` calls it.
    let body = json!({"email": alice.email, "password": alice.password}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        endpoints.ask("POST", "/login")?.typed(kind, body.clone().into_bytes()).send()?.expect(200)?;
    }
    Ok(())
}
