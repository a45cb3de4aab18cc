//! `GET /`: a JSON document that names the server and its addresses.

use http::Response;
use serde::Serialize;

use crate::context::Context;
use crate::error::ApiError;
use crate::json::json;
use crate::request::Request;

#[derive(Serialize)]
struct Here<'a> {
    name: &'static str,
    version: &'static str,
    about: &'static str,
    /// The description of all requests.
    description: &'static str,
    health: &'static str,
    /// Who can sign up: `open`, `invite` or `closed`.
    signup: &'static str,
    /// The chat's WebSocket.
    chat: &'a str,
    /// The description of the chat, if it answers at this port.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_description: Option<&'static str>,
    /// The JSON Schema of its frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_schema: Option<&'static str>,
}

pub(crate) fn root(context: &Context, _: &Request) -> Result<Response, ApiError> {
    let place = &context.chat;
    let here = Here {
        name: "messenger auth",
        version: env!("CARGO_PKG_VERSION"),
        about: "Accounts of a chat: sign up at POST /signup, log in at POST /login.",
        description: "/openapi.json",
        health: "/healthz",
        signup: context.signup.name(),
        chat: place.url.as_deref().unwrap_or("/ws"),
        chat_description: place.is_here.then_some("/asyncapi.json"),
        chat_schema: place.is_here.then_some("/schema.json"),
    };
    // A browser gets the web client here (`client.rs`).
    Ok(json(200, &here)?.with_header("Vary", "Accept, Accept-Encoding"))
}
