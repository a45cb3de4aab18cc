//! The JSON Schema of every frame, made from the types themselves.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{Frame, Request, limit};

/// The schema that `GET /schema.json` serves (JSON Schema 2020-12).
///
/// `$defs/client` is what a client may say, `$defs/server` what the server may say.
pub fn schema() -> Value {
    let mut client = schema_of::<Request<'static>>();
    allow_message_without_type(&mut client);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messenger chat protocol",
        "description": format!(
            "One frame is one WebSocket text frame of at most {} bytes. The bare text `ping` is answered with the bare text `pong`.",
            limit::FRAME_BYTES_MAX
        ),
        "$ref": "#/$defs/frame",
        "$defs": {
            "frame": { "anyOf": [{ "$ref": "#/$defs/client" }, { "$ref": "#/$defs/server" }] },
            "client": client,
            "server": schema_of::<Frame<'static>>(),
        }
    })
}

fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// `{"from":2,"to":1,"content":"hello"}` is all a message takes.
fn allow_message_without_type(client: &mut Value) {
    let variants = client["oneOf"].as_array_mut().into_iter().flatten();
    for variant in variants {
        if variant["properties"]["type"]["const"] == "message"
            && let Some(required) = variant["required"].as_array_mut()
        {
            required.retain(|key| key != "type");
        }
    }
}
