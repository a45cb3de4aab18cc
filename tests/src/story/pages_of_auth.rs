//! `auth` says whether it is well, and describes itself completely.

use anyhow::{Context, Result, ensure};

use crate::Endpoints;

pub fn pages_of_auth(endpoints: &Endpoints) -> Result<()> {
    endpoints.ask("GET", "/healthz")?.send()?.expect(200)?;

    let here = endpoints.ask("GET", "/")?.send()?.expect(200)?;
    for (key, value) in [("description", "/openapi.json"), ("signup", "open")] {
        ensure!(here.body[key] == value, "no {key}: {}", here.text);
    }
    // At the same address, or where `--chat-url` says.
    let chat = here.body["chat"].as_str().unwrap_or_default();
    let elsewhere = chat.starts_with("ws://") || chat.starts_with("wss://");
    ensure!(chat == "/ws" || elsewhere, "no chat: {}", here.text);
    // Where the chat is at the same port, so are its descriptions.
    for key in ["chat_description", "chat_schema"] {
        let Some(path) = here.body[key].as_str() else { continue };
        endpoints.ask("GET", path)?.send()?.expect(200)?;
    }
    let page = endpoints.ask("GET", "/")?.header("accept", "text/html,*/*;q=0.8").send()?;
    ensure!(page.header("content-type") == Some("text/html; charset=utf-8"), "no page");

    // What is no page can do nothing in a browser.
    let missing = endpoints.ask("GET", "/no/such/page")?.send()?;
    let refused = endpoints.ask("GET", "/me")?.send()?;
    for answer in [here, missing, refused] {
        ensure!(answer.header("content-security-policy").is_some_and(|it| it.contains("'none'")));
        for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
            ensure!(answer.header(name) == Some("same-origin"), "{}: no {name}", answer.status);
        }
    }

    let description = endpoints.ask("GET", "/openapi.json")?.send()?.expect(200)?.body;
    ensure!(description["openapi"].as_str().is_some_and(|version| version.starts_with('3')));
    let paths = description["paths"].as_object().context("no `paths`")?;
    let routes = [
        ("/signup", "post"),
        ("/login", "post"),
        ("/logout", "post"),
        ("/me", "get"),
        ("/me", "patch"),
        ("/me", "delete"),
        ("/password", "post"),
        ("/sessions", "get"),
        ("/users", "get"),
        ("/export", "get"),
        ("/healthz", "get"),
        ("/openapi.json", "get"),
    ];
    for (path, method) in routes {
        ensure!(paths.get(path).is_some_and(|it| it[method].is_object()), "no {method} {path}");
    }
    let one = paths.iter().find(|(path, _)| path.starts_with("/sessions/{"));
    ensure!(one.is_some_and(|(_, methods)| methods["delete"].is_object()), "no DELETE /sessions/ID");
    Ok(())
}
