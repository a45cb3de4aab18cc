//! The AsyncAPI document, generated from the schema. It lists the frames, and the frames that answer each request.

use serde_json::{Map, Value, json};

use crate::schema;

/// The AsyncAPI 3.1 document of the chat server. It contains the schema of each frame, so that it stands alone.
pub fn asyncapi() -> Value {
    let schema = schema();
    let (mut messages, mut schemas) = (Map::new(), Map::new());
    for (name, frame) in schema["$defs"].as_object().into_iter().flatten() {
        if let Some((_, kind)) = name.split_once('.') {
            messages.insert(name.clone(), message(name, kind, frame));
            schemas.insert(name.clone(), frame.clone());
        }
    }
    let here = |name: &String| (name.clone(), refer("/components/messages", name));
    let in_channel: Map<_, _> = messages.keys().map(here).collect();
    json!({
        "asyncapi": "3.1.0",
        "info": {
            "title": "Messenger chat",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON in WebSocket text frames. PROTOCOL.md says what they mean and what is promised.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "local": { "host": "localhost:8080", "protocol": "ws" } },
        "channels": { "chat": {
            "address": "/",
            "description": "One WebSocket. The bare text `ping` is answered with the bare text `pong`.",
            "messages": in_channel,
            "bindings": { "ws": { "method": "GET", "headers": { "type": "object", "properties": {
                "Authorization": { "type": "string", "description": "`Bearer TOKEN`, in place of a `hello`." },
            }}}},
        }},
        "operations": operations(&messages),
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn message(name: &str, kind: &str, frame: &Value) -> Value {
    json!({
        "name": kind,
        "summary": frame["description"],
        "payload": refer("/components/schemas", name),
    })
}

/// One operation for each request, with the frames that answer it, and one for the frames that answer no request.
fn operations(messages: &Map<String, Value>) -> Map<String, Value> {
    let channel = json!({ "$ref": "#/channels/chat" });
    let in_channel = |name: &str| refer("/channels/chat/messages", name);
    let mut operations = Map::new();
    for kind in messages.keys().filter_map(|name| name.strip_prefix("client.")) {
        let answers = answers(kind).into_iter().chain(["error"]);
        let operation = json!({
            "action": "receive",
            "channel": channel,
            "messages": [in_channel(&format!("client.{kind}"))],
            "reply": {
                "channel": channel,
                "messages": answers.map(|it| in_channel(&format!("server.{it}"))).collect::<Vec<_>>(),
            },
        });
        operations.insert(kind.to_owned(), operation);
    }
    let unasked = UNASKED.map(|kind| in_channel(&format!("server.{kind}")));
    let send = json!({ "action": "send", "channel": channel, "messages": unasked });
    operations.insert("unasked".to_owned(), send);
    operations
}

/// The frames that answer no request: the welcome of guests, events of the log, live frames, and errors about frames that
/// cannot be parsed.
const UNASKED: [&str; 19] = [
    "welcome",
    "message",
    "delivered",
    "read",
    "edit",
    "delete",
    "react",
    "group",
    "retention",
    "conversation.set",
    "conversation.clear",
    "block",
    "unblock",
    "accept",
    "decline",
    "expired",
    "typing",
    "presence",
    "error",
];

/// The frames that answer a request which is not refused.
fn answers(kind: &str) -> Vec<&str> {
    match kind {
        "hello" => vec!["welcome"],
        "message" => vec!["sent"],
        "ping" => vec!["pong"],
        "received" | "report" | "typing" | "presence" => vec!["ok"],
        "history" | "conversations" | "search" | "blocks" | "group.show" => vec![kind],
        "group.create" => vec!["group"],
        _ if kind.starts_with("group.") => vec!["group", "ok"],
        // An event of the same type, or `ok` if nothing changes.
        _ => vec![kind, "ok"],
    }
}

fn refer(to: &str, name: &str) -> Value {
    json!({ "$ref": format!("#{to}/{name}") })
}
