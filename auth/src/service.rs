//! The HTTP service: routes each request, and logs it.

use std::sync::Arc;

use http::{Answered, Head, HttpError, Response, Route, Service, Upgrade};

use crate::backend::Backend;
use crate::client::Client;
use crate::context::Context;
use crate::metrics;
use crate::request::{Request, Shown};
use crate::route::{self, Handler, Runs};
use crate::verb::files;

/// Paths that the chat server answers if it runs in the same process.
const CHAT_PATHS: [&str; 3] = ["/ws", "/schema.json", "/asyncapi.json"];
/// Paths of health checks, which are requested often. They are never delayed.
const HEALTH_PATHS: [&str; 2] = ["/healthz", "/livez"];

pub(crate) struct AuthService {
    pub(crate) context: Arc<Context>,
    pub(crate) backend: Backend,
    pub(crate) client: Client,
    /// The service that answers `CHAT_PATHS`.
    pub(crate) chat: Option<Box<dyn Service>>,
}

impl Service for AuthService {
    fn route<'a>(&'a self, head: &Head) -> Route<'a> {
        if let Some(chat) = self.chat.as_ref().filter(|_| CHAT_PATHS.contains(&head.path())) {
            return chat.route(head);
        }
        if let Some(file) = self.client.respond(head) {
            return Route::fixed(file);
        }
        let method = files::method(head);
        match route::find(method, head.path()) {
            Ok(route) => {
                let body = route.body(self.context.file_max);
                Route::Respond(body, Box::new(move |request| self.answer(route, request)))
            }
            Err(response) if !files::is_at(head.path()) => Route::fixed(response),
            Err(response) if method == "OPTIONS" => {
                Route::fixed(files::described(response, self.context.file_max))
            }
            Err(response) => Route::fixed(files::resumable(response)),
        }
    }

    fn body_type(&self, head: &Head) -> &'static str {
        if files::is_at(head.path()) { files::BODY_TYPE } else { "application/json" }
    }

    fn upgrade(&self, upgrade: Upgrade) {
        if let Some(chat) = &self.chat {
            chat.upgrade(upgrade);
        }
    }

    /// Logs one line for each request, of health checks only if they fail. It contains nothing that identifies an account.
    fn answered(&self, answered: &Answered<'_>) {
        if answered.method.is_empty() || self.chat.is_some() && CHAT_PATHS.contains(&answered.path)
        {
            return;
        }
        metrics::answered(answered.status, answered.code);
        let _context = telemetry::log::context("request", answered.request_id);
        let ms = u64::try_from(answered.time.as_millis()).unwrap_or(u64::MAX);
        // A client may send any text as a method.
        let method = if answered.method.len() <= 16 { answered.method } else { "(long)" };
        let (path, status) = (route::name(answered.path), answered.status);
        let code = answered.code.unwrap_or("-");
        // A container engine asks every few seconds.
        if HEALTH_PATHS.contains(&answered.path) && status < 400 {
            tracing::debug!(method, path, status, code, ms, "answered");
        } else {
            tracing::info!(method, path, status, code, ms, "answered");
        }
    }
}

impl AuthService {
    fn answer(&self, route: &'static route::Route, request: http::Request<'_>) -> Response {
        if !matches!(route.handler, Handler::Anyone(_)) && Shown::is_foreign(&request) {
            return HttpError::foreign_origin().into();
        }
        let _context = telemetry::log::context("request", &request.id);
        let response = match (route.runs, route.handler) {
            (Runs::Library, _) => self.backend.call(&request),
            (Runs::Connection, Handler::File(_)) => {
                files::resumable(route.respond_file(&self.context, request))
            }
            (Runs::Connection, _) => {
                route.respond(&self.context, &Request::new(&request, self.context.store.now()))
            }
        };
        match response.status {
            429 | 503 if !HEALTH_PATHS.contains(&route.path) => response.delayed(),
            _ => response,
        }
    }
}

#[cfg(test)]
#[path = "service/tests.rs"]
mod tests;
