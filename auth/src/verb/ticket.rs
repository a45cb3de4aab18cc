//! `POST /ticket`: a ticket, which is valid once and opens a socket of this session.

use http::Response;
use serde::Serialize;
use sql::{Session, Ticket};
use wire::limit::TICKET_LIFE_MS;

use crate::context::Context;
use crate::error::ApiError;
use crate::json::json;
use crate::request::Request;
use crate::token;

#[derive(Serialize)]
struct Opened<'a> {
    ticket: &'a str,
    expires_at: i64,
}

pub(crate) fn open(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let minted = token::mint_ticket().map_err(|error| ApiError::internal(&error))?;
    let expires_at = request.now + TICKET_LIFE_MS;
    let ticket = Ticket { session: session.id, account: session.account };
    context.store.open_ticket(ticket, &minted.hash(), request.now, expires_at)?;
    json(200, &Opened { ticket: minted.expose(), expires_at })
}
