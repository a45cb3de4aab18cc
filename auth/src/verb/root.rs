//! `GET /`: a JSON page that says what this server is.

use crate::context::Context;
use crate::error::ApiError;
use crate::request::Request;
use http::Response;

const HERE: &str = concat!(
    r#"{"name":"messenger auth","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","about":"Accounts of a chat: sign up at POST /signup, log in at POST /login.","#,
    r#""description":"/openapi.json"}"#
);

pub(crate) fn root(_: &Context, _: &Request) -> Result<Response, ApiError> {
    // A browser gets the web client here (`client.rs`).
    Ok(Response::bytes(200, "application/json", HERE.as_bytes())
        .with_header("Vary", "Accept, Accept-Encoding"))
}
