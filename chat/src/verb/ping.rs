//! `{"type":"ping"}`: the server is there.

use wire::Frame;

use crate::connection::Connection;

pub(crate) fn answer(connection: &Connection<'_>, reference: Option<&str>) {
    connection.outbox.push(&Frame::Pong { reference });
}
