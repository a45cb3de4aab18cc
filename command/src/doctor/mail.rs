//! Checks the mail server.

use sql::{Diagnostic, Severity};

use super::Settings;

/// A mail server, and how it is tried.
pub struct MailServer {
    /// Where it is, as `HOST:PORT`.
    pub address: String,
    /// Connects, introduces itself, begins TLS and logs in, as far as the settings say so. Nothing is sent.
    pub check: Box<dyn Fn() -> Result<(), String>>,
}

pub(super) fn look(settings: &Settings<'_>) -> Diagnostic {
    let (level, text) = match &settings.mail {
        Err(error) => (Severity::Problem, error.clone()),
        Ok(None) => (Severity::Fine, "there is no --smtp, so that nothing is mailed".to_owned()),
        Ok(Some(server)) => match (server.check)() {
            Ok(()) => (Severity::Fine, format!("{} would take mails", server.address)),
            Err(reason) => (Severity::Problem, format!("{}: {reason}", server.address)),
        },
    };
    Diagnostic::new(level, "mail", text)
}
