//! Whether servers serve new clients.

use anyhow::Result;

use crate::endpoints::unique;
use crate::{Client, Endpoints, PATIENCE, until};

impl Endpoints {
    /// New clients are served: two of them exchange a message, and the auth server is healthy.
    ///
    /// # Errors
    /// When that does not happen within three times [`PATIENCE`].
    pub fn serves(&self) -> Result<()> {
        until("others to be served", PATIENCE * 3, || Ok(self.serves_once().ok()))
            .or_else(|_| self.serves_once())
    }

    fn serves_once(&self) -> Result<()> {
        let mut alice = Client::connected(self, "Alice")?;
        let mut bob = Client::connected(self, "Bob")?;
        let greeting = format!("served? {}", unique());
        alice.send_message(&bob, &greeting)?;
        bob.receive_message(&greeting)?;
        alice.is_answered()?;
        if self.has_accounts() {
            self.ask("GET", "/healthz")?.send()?.expect(200)?;
        }
        Ok(())
    }
}
