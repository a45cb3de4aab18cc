//! `GET /`: what this is, for who came with a browser.

use crate::answer::Answer;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::request::Request;

const HERE: &str = concat!(
    r#"{"name":"messenger auth","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","about":"Accounts of a chat: sign up at POST /signup, log in at POST /login.","#,
    r#""description":"/openapi.json"}"#
);

pub(crate) fn root(_: &Context, _: &Request) -> Result<Answer, Refusal> {
    Ok(Answer::document(HERE))
}
