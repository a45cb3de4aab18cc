//! The table of routes. `openapi.json` describes the same routes, and a test compares the two.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::{BodyPolicy, Response};
use sql::{Profile, Session};

use crate::context::{ChangeKey, Context};
use crate::error::ApiError;
use crate::limit::BODY_BYTES_MAX;
use crate::request::Request;
use crate::verb::files::FileRequest;
use crate::verb::{
    confirm, export, files, health, login, logout, me, openapi, password, push, reset, root,
    sessions, signup, ticket, users,
};

pub(crate) type Outcome = Result<Response, ApiError>;

/// The handler of a route, by the clients that may call it.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Every client.
    Anyone(fn(&Context, &Request) -> Outcome),
    /// Clients with the token of a live session.
    Owner(fn(&Context, &Request, &Session) -> Outcome),
    /// As `Owner`, for requests that show the account. The account is read together with the session.
    Profile(fn(&Context, &Request, Profile) -> Outcome),
    /// As `Owner`, for requests whose body is streamed, and for files.
    File(fn(&Context, &mut FileRequest<'_>) -> Outcome),
}

/// Where a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// On the HTTP library's side of the private socket (decision 4).
    Library,
    /// On the connection's own thread: for documents that take no time, and for streams, which never pass through the
    /// library.
    Connection,
}

/// The rate limit of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// The handler has a rate limit of its own or none: the route changes nothing, or needs no session.
    Own,
    /// The rate limit of the account's changes.
    Account,
    /// The rate limit of the session's changes, for routes that end sessions. So a thief of a token cannot use up the limit that the
    /// account's owner needs to end the thief's session.
    Session,
}

/// A line of the table of routes.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// The path, in which `{id}` stands for one segment.
    pub(crate) path: &'static str,
    pub(crate) handler: Handler,
    pub(crate) runs: Runs,
    pub(crate) rate: Rate,
}

impl Route {
    /// The policy for the body. Only requests that change something have one.
    pub(crate) fn body(&self, file_max: u64) -> BodyPolicy {
        match (self.method, self.handler) {
            ("GET" | "HEAD", _) => BodyPolicy::Ignored,
            ("POST" | "PATCH", Handler::File(_)) => BodyPolicy::Stream(file_max),
            _ => BodyPolicy::Whole(BODY_BYTES_MAX),
        }
    }

    /// The response of this route; a panic of its handler is a fault of the server.
    pub(crate) fn respond(&self, context: &Context, request: &Request) -> Response {
        caught(|| self.answer(context, request))
    }

    /// The same for a route of files.
    pub(crate) fn respond_file(&self, context: &Context, http: http::Request<'_>) -> Response {
        caught(|| self.answer_file(context, http))
    }

    fn answer(&self, context: &Context, request: &Request) -> Outcome {
        match self.handler {
            Handler::Anyone(handler) => handler(context, request),
            Handler::Owner(handler) => {
                let session = context.session(request)?;
                self.count(context, &session)?;
                handler(context, request, &session)
            }
            Handler::Profile(handler) => {
                let profile = context.profile(request)?;
                self.count(context, &profile.session)?;
                handler(context, request, profile)
            }
            Handler::File(_) => Err(ApiError::internal(&"a file's route without its body")),
        }
    }

    fn answer_file(&self, context: &Context, http: http::Request<'_>) -> Outcome {
        let Handler::File(handler) = self.handler else {
            return Err(ApiError::internal(&"no route of files"));
        };
        files::check_version(&http.head)?;
        let now = context.store.now();
        let session = context.session(&Request::new(&http, now))?;
        self.count(context, &session)?;
        handler(context, &mut FileRequest { http, session, now })
    }

    /// Counts a request that changes something. It is called before the handler.
    ///
    /// # Errors
    /// 429 above the rate.
    fn count(&self, context: &Context, session: &Session) -> Result<(), ApiError> {
        match self.rate {
            Rate::Own => Ok(()),
            Rate::Account => context.count_change(&ChangeKey::Account(session.account)),
            Rate::Session => context.count_change(&ChangeKey::Session(session.id)),
        }
    }

    const fn ends_sessions(self) -> Self {
        Self { rate: Rate::Session, ..self }
    }

    const fn on_connection(self) -> Self {
        Self { runs: Runs::Connection, ..self }
    }
}

fn caught(answer: impl FnOnce() -> Outcome) -> Response {
    let outcome = catch_unwind(AssertUnwindSafe(answer));
    let outcome = outcome.unwrap_or_else(|_| Err(ApiError::internal(&"a panic")));
    outcome.unwrap_or_else(Response::from)
}

const fn anyone(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &Request) -> Outcome,
) -> Route {
    Route { method, path, handler: Handler::Anyone(handler), runs: Runs::Library, rate: Rate::Own }
}

const fn owner(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &Request, &Session) -> Outcome,
) -> Route {
    Route {
        method,
        path,
        handler: Handler::Owner(handler),
        runs: Runs::Library,
        rate: rate_of(method),
    }
}

const fn profile(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &Request, Profile) -> Outcome,
) -> Route {
    Route {
        method,
        path,
        handler: Handler::Profile(handler),
        runs: Runs::Library,
        rate: rate_of(method),
    }
}

const fn file(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &mut FileRequest<'_>) -> Outcome,
) -> Route {
    Route {
        method,
        path,
        handler: Handler::File(handler),
        runs: Runs::Connection,
        rate: rate_of(method),
    }
}

/// The rate of a route with a session.
const fn rate_of(method: &str) -> Rate {
    match method.as_bytes() {
        b"GET" | b"HEAD" => Rate::Own,
        _ => Rate::Account,
    }
}

pub(crate) static ROUTES: &[Route] = &[
    anyone("POST", "/signup", signup::signup),
    anyone("POST", "/login", login::login),
    anyone("POST", "/reset", reset::ask),
    anyone("POST", "/reset/confirm", reset::confirm),
    anyone("POST", "/confirm", confirm::confirm),
    owner("POST", "/logout", logout::logout).ends_sessions(),
    profile("GET", "/me", me::show),
    owner("PATCH", "/me", me::change),
    owner("DELETE", "/me", me::delete).ends_sessions(),
    owner("POST", "/password", password::change).ends_sessions(),
    owner("GET", "/sessions", sessions::list),
    owner("DELETE", "/sessions/{id}", sessions::revoke).ends_sessions(),
    owner("POST", "/ticket", ticket::open),
    owner("POST", "/push", push::subscribe),
    owner("DELETE", "/push", push::unsubscribe),
    anyone("GET", "/push/key", push::key),
    owner("GET", "/users", users::find),
    owner("GET", "/users/{id}", users::show),
    owner("GET", "/export", export::export).on_connection(),
    file("POST", "/files", files::create),
    file("GET", "/files/{id}", files::download),
    file("HEAD", "/files/{id}", files::offset),
    file("PATCH", "/files/{id}", files::patch),
    file("DELETE", "/files/{id}", files::delete),
    anyone("GET", "/healthz", health::health).on_connection(),
    anyone("GET", "/livez", health::alive).on_connection(),
    anyone("GET", "/openapi.json", openapi::openapi).on_connection(),
    anyone("GET", "/", root::root).on_connection(),
];

/// The route of a request. HEAD is treated as GET; its body is left out later.
///
/// # Errors
/// 404 or 405 for a request that the table does not have. For OPTIONS a response with the methods of the path.
pub(crate) fn find(method: &str, path: &str) -> Result<&'static Route, Response> {
    let here = || ROUTES.iter().filter(|route| fits(route.path, path));
    let of = |method: &str| here().find(|route| route.method == method);
    let get = || of("GET").filter(|_| method == "HEAD");
    if let Some(route) = of(method).or_else(get) {
        return Ok(route);
    }
    if here().next().is_none() {
        return Err(ApiError::not_found("there is no such page").into());
    }
    let mut allow: Vec<_> = here().map(|route| route.method).collect();
    if allow.contains(&"GET") && !allow.contains(&"HEAD") {
        allow.push("HEAD");
    }
    allow.push("OPTIONS");
    let allow = allow.join(", ");
    match method {
        "OPTIONS" => Err(Response::no_content().with_header("Allow", allow)),
        _ => Err(ApiError::method_not_allowed(allow).into()),
    }
}

/// The path in the form of the table, for the log: clients may put emails into a path.
pub(crate) fn name(path: &str) -> &'static str {
    if let Some(file) = web_client::asset(path) {
        return file.path;
    }
    ROUTES.iter().find(|route| fits(route.path, path)).map_or("(unknown)", |route| route.path)
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix("{id}") {
        Some(prefix) => path
            .strip_prefix(prefix)
            .is_some_and(|segment| !segment.is_empty() && !segment.contains('/')),
        None => pattern == path,
    }
}

#[cfg(test)]
#[path = "route/tests.rs"]
mod tests;
