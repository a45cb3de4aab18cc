//! What a client may say.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limit::{CONTENT_BYTES_MAX, REF_BYTES_MAX};
use crate::text::Text;
use crate::{AccountId, Code, Seq};

/// One frame from a client, checked for everything that needs no database.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request<'a> {
    /// Who this is, and from where its log goes on.
    Hello {
        /// The token of `POST /login`.
        #[schemars(length(min = 1, max = 128))]
        token: Cow<'a, str>,
        /// The last `seq` this device has; without it the account's first unacknowledged event comes first.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0))]
        since: Option<Seq>,
        /// The client's own name for this frame, echoed in its answer.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 64))]
        reference: Option<Cow<'a, str>>,
    },
    /// A message for one account. `type` may be left out.
    Message {
        /// The sender's own id, or nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<AccountId>,
        /// The receiver.
        to: AccountId,
        /// The text, 1 byte to 16 KiB of UTF-8.
        #[schemars(length(min = 1, max = 16384))]
        content: Cow<'a, str>,
        /// As in `hello`. With accounts a repeat stores nothing new and brings the first answer again.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 64))]
        reference: Option<Cow<'a, str>>,
        /// The token, if this first message stands in place of a `hello`.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<Cow<'a, str>>,
    },
    /// Everything up to `seq` has arrived and need not be sent again.
    Received {
        /// The last `seq` this device has.
        #[schemars(range(min = 0))]
        seq: Seq,
        /// As in `hello`; answered with `ok`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 64))]
        reference: Option<Cow<'a, str>>,
    },
    /// Are you there?
    Ping {
        /// As in `hello`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 64))]
        reference: Option<Cow<'a, str>>,
    },
}

/// Why a text is no [`Request`].
#[derive(Debug, PartialEq)]
pub struct Malformed {
    /// [`Code::BadRequest`] or [`Code::UnknownType`].
    pub code: Code,
    /// What is wrong, for a person.
    pub message: String,
    /// The frame's `ref`, where it has a good one.
    pub reference: Option<String>,
}

/// Every key of every request, so that a frame is read in one pass whatever the order of its keys.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(rename = "ref", borrow)]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    token: Option<Text<'a>>,
    from: Option<AccountId>,
    to: Option<AccountId>,
    since: Option<Seq>,
    seq: Option<Seq>,
}

impl<'a> Request<'a> {
    /// Reads one text frame. Unknown keys are ignored.
    ///
    /// # Errors
    /// [`Malformed`], ready to be told to the client.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let keys: Keys<'a> = serde_json::from_str(text).map_err(|error| explain(text, &error))?;
        let reference = keys.reference.map(|text| text.0);
        if let Some(reference) = &reference
            && !is_reference(reference)
        {
            return Err(bad("`ref` must be a text of 1 to 64 bytes without U+0000", None));
        }
        let kept = reference.as_deref().map(str::to_owned);
        let wrong = |message: &str| Err(bad(message, kept.clone()));
        match keys.kind.as_ref().map_or("message", |kind| &kind.0) {
            "message" => {
                let (Some(to), Some(content)) = (keys.to, keys.content) else {
                    return wrong("a message needs `to` (a number) and `content` (a text)");
                };
                if content.0.is_empty() || content.0.len() > CONTENT_BYTES_MAX {
                    return wrong("`content` must have 1 byte to 16 KiB");
                }
                if content.0.contains('\0') {
                    return wrong("`content` must not contain U+0000");
                }
                let token = keys.token.map(|text| text.0);
                Ok(Self::Message { from: keys.from, to, content: content.0, reference, token })
            }
            "hello" => match keys.token {
                None => wrong("a hello needs `token` (a text)"),
                Some(_) if keys.since.is_some_and(|since| since.0 < 0) => {
                    wrong("`since` must not be negative")
                }
                Some(token) => Ok(Self::Hello { token: token.0, since: keys.since, reference }),
            },
            "received" => match keys.seq {
                Some(seq) if seq.0 >= 0 => Ok(Self::Received { seq, reference }),
                _ => wrong("a receipt needs `seq` (a number from 0)"),
            },
            "ping" => Ok(Self::Ping { reference }),
            _ => Err(Malformed {
                code: Code::UnknownType,
                message: "unknown `type`; /schema.json lists those there are".to_owned(),
                reference: kept,
            }),
        }
    }
}

/// PostgreSQL cannot store U+0000, so nobody may send it.
fn is_reference(text: &str) -> bool {
    (1..=REF_BYTES_MAX).contains(&text.len()) && !text.contains('\0')
}

fn bad(message: &str, reference: Option<String>) -> Malformed {
    Malformed { code: Code::BadRequest, message: message.to_owned(), reference }
}

/// The slow way, for frames that are refused anyway: says what is wrong and still finds the `ref`.
fn explain(text: &str, error: &serde_json::Error) -> Malformed {
    let reference = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| Some(value.get("ref")?.as_str()?.to_owned()))
        .filter(|text| is_reference(text));
    let what = match error.classify() {
        serde_json::error::Category::Data => "a key has the wrong type",
        _ => "not a JSON object",
    };
    // serde's own words may quote what the client wrote; line and column never do.
    bad(&format!("{what} (line {}, column {})", error.line(), error.column()), reference)
}
