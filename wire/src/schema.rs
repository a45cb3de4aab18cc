//! The JSON Schema of every frame, made from the types themselves.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Command, Frame, limit};

/// The schema that `GET /schema.json` serves (JSON Schema 2020-12).
///
/// `$defs/client` is any frame that a client may send, `$defs/server` any frame of the server. Each frame has a definition
/// of its own, named by its `type`: `$defs/client.hello`, `$defs/server.welcome`.
pub fn schema() -> Value {
    let mut requests = variants_of::<Command<'static>>();
    for request in &mut requests {
        allow_ref(request);
        allow_message_without_type(request);
    }
    let mut defs = Map::new();
    define(&mut defs, "client", requests);
    let mut frames = variants_of::<Frame<'static>>();
    frames.iter_mut().for_each(never_null);
    define(&mut defs, "server", frames);
    defs.insert("frame".to_owned(), json!({ "anyOf": [refer("client"), refer("server")] }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messenger chat protocol",
        "description": format!(
            "One frame is one WebSocket text frame of at most {} bytes. The bare text `ping` is answered with the bare text `pong`.",
            limit::FRAME_BYTES_MAX
        ),
        "$ref": "#/$defs/frame",
        "$defs": defs,
    })
}

/// The schemas of an enum's variants, as its `Serialize` writes them: a key that is always written is required.
fn variants_of<T: JsonSchema>() -> Vec<Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    match settings.into_generator().into_root_schema_for::<T>().to_value()["oneOf"].take() {
        Value::Array(variants) => variants,
        _ => Vec::new(),
    }
}

/// Adds a definition for each frame of a side, and one for the side.
fn define(defs: &mut Map<String, Value>, side: &str, frames: Vec<Value>) {
    let mut all = Vec::new();
    for frame in frames {
        let name = format!("{side}.{}", kind(&frame));
        all.push(refer(&name));
        defs.insert(name, frame);
    }
    defs.insert(side.to_owned(), json!({ "oneOf": all }));
}

fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A frame's `type`.
fn kind(frame: &Value) -> &str {
    frame["properties"]["type"]["const"].as_str().unwrap_or_default()
}

/// A key that the server may leave out is left out where others would write `null`.
fn never_null(schema: &mut Value) {
    let required = schema["required"].clone();
    let is_required =
        |key: &str| required.as_array().is_some_and(|all| all.iter().any(|it| it == key));
    for (key, property) in members(schema) {
        if let Some([kind, null]) = property["type"].as_array().map(Vec::as_slice)
            && null == "null"
            && !is_required(key)
        {
            property["type"] = kind.clone();
        }
        never_null(property);
    }
    if let Some(items) = schema.get_mut("items") {
        never_null(items);
    }
}

fn members(schema: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
}

/// Any request may have a `ref`.
fn allow_ref(request: &mut Value) {
    request["properties"]["ref"] = json!({
        "description": "A name that the client chooses for this request, 1 to 64 bytes of UTF-8. The answer, or the `error`, has the same `ref`.",
        "type": "string",
        "minLength": 1,
        "maxLength": limit::REF_BYTES_MAX,
    });
}

/// `{"from":2,"to":1,"content":"hello"}` is all a message takes.
fn allow_message_without_type(request: &mut Value) {
    if kind(request) == "message"
        && let Some(required) = request["required"].as_array_mut()
    {
        required.retain(|key| key != "type");
    }
}
