//! The schema of every frame, as it is checked in.

use std::collections::HashMap;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use jsonschema::Validator;
use serde_json::Value;

/// Who says a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who connects.
    Client,
    /// Who listens.
    Server,
}

/// Whether a frame is one that this side may say. A server may know more types than we do.
///
/// # Errors
/// When it is not; the message says why.
pub fn fits(side: Side, frame: &Value) -> Result<()> {
    let said = &frame["type"];
    let (name, kind) = match side {
        // A message need not say so.
        Side::Client if said.is_null() => ("client", "message"),
        Side::Client => ("client", said.as_str().unwrap_or_default()),
        Side::Server => ("server", said.as_str().unwrap_or_default()),
    };
    let Some(validator) = definitions()?.get(&format!("{name}.{kind}")) else {
        ensure!(side == Side::Server, "a {name} cannot say {said}");
        return Ok(());
    };
    if let Some(error) = validator.iter_errors(frame).next() {
        bail!("not as the schema has it: {error} at {:?} in {frame:.300}", error.instance_path());
    }
    Ok(())
}

/// What judges each frame, by names like `server.welcome`.
fn definitions() -> Result<&'static HashMap<String, Validator>> {
    static DEFINITIONS: OnceLock<Option<HashMap<String, Validator>>> = OnceLock::new();
    let made = DEFINITIONS.get_or_init(|| {
        let schema: Value = serde_json::from_str(include_str!("../../docs/schema.json")).ok()?;
        let frames = schema["$defs"].as_object()?.iter().filter(|(name, _)| name.contains('.'));
        frames.map(|(name, it)| Some((name.clone(), jsonschema::validator_for(it).ok()?))).collect()
    });
    made.as_ref().context("docs/schema.json is no schema")
}
