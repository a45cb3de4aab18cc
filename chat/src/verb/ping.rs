//! `{"type":"ping"}`: the server is there.

use wire::Frame;

use crate::session::Session;

pub(crate) fn answer(session: &Session<'_>, reference: Option<&str>) {
    session.outbox.push(&Frame::Pong { reference });
}
