//! The HTTP service of the chat server: the upgrade to WebSocket, and a few pages.

use std::sync::Arc;

use http::{Head, Route, Service, Upgrade};

use crate::server::Server;
use crate::{page, upgrade};

/// Answers the requests of one or several listeners. Clones share the server.
#[derive(Clone)]
pub struct ChatService(pub(crate) Arc<Server>);

impl Service for ChatService {
    fn route<'a>(&'a self, head: &Head) -> Route<'a> {
        if head.is_upgrade() { Route::Upgrade } else { page::route(&self.0, head) }
    }

    fn upgrade(&self, upgrade: Upgrade) {
        upgrade::serve(&self.0, upgrade);
    }
}
