//! Checks the message bus between several chat servers.

use sql::{Diagnostic, Severity};

use super::Settings;

/// Has each NATS server deliver a message, on a subject of the cluster with this name. Returns the servers as `HOST:PORT`, each
/// with the reason if it delivers nothing.
pub type BusCheck = dyn Fn(Option<&str>) -> Vec<(String, Result<(), String>)>;

pub(super) fn look(settings: &Settings<'_>, cluster: Option<&str>) -> Vec<Diagnostic> {
    let note = |level, text: String| Diagnostic::new(level, "bus", text);
    let check = match &settings.bus {
        Ok(None) => return Vec::new(),
        Ok(Some(check)) => check,
        Err(error) => return vec![note(Severity::Problem, error.clone())],
    };
    let outcomes = check(cluster);
    // Clients connect to any of them.
    let is_alive = outcomes.iter().any(|(_, outcome)| outcome.is_ok());
    let failed = if is_alive { Severity::Warning } else { Severity::Problem };
    let diagnostic = |(server, outcome): (String, Result<(), String>)| match outcome {
        Ok(()) => note(Severity::Fine, format!("NATS delivers messages at {server}")),
        Err(reason) => note(failed, format!("NATS delivers no messages at {server}: {reason}")),
    };
    outcomes.into_iter().map(diagnostic).collect()
}
