//! `auth` says whether it is well, and describes itself completely.

use anyhow::{Context, Result, ensure};

use crate::Endpoints;

pub fn pages_of_auth(endpoints: &Endpoints) -> Result<()> {
    endpoints.ask("GET", "/healthz")?.send()?.expect(200)?;

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
