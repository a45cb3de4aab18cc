//! What the server may say.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{AccountId, Code, MessageId, Seq};

/// One frame from the server. Times are milliseconds since 1970-01-01 UTC.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame<'a> {
    /// The first frame: who the server takes this client for.
    Welcome {
        /// The account, or the guest's number.
        id: AccountId,
        /// The account's name; guests have none.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<Cow<'a, str>>,
        /// From where the log goes on: the next event is `seq` + 1. Guests have no log.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// The log's last event at this moment.
        #[serde(skip_serializing_if = "Option::is_none")]
        head: Option<Seq>,
        /// False if the log no longer reaches back to `since`: rebuild from what the server keeps.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// The `ref` of the `hello`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Cow<'a, str>>,
    },
    /// A message, to its receiver and to the sender's other devices.
    Message {
        /// The stored message; none in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
        /// Its place in this account's log; none in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// Who sent it.
        from: AccountId,
        /// Who is to have it.
        to: AccountId,
        /// The text.
        content: &'a str,
        /// When the server took it.
        at: i64,
    },
    /// A message with a `ref` was taken. With accounts: it is committed.
    Sent {
        /// The client's `ref`.
        #[serde(rename = "ref")]
        reference: &'a str,
        /// The stored message; none in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
        /// Its place in the sender's log; none in guest mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<Seq>,
        /// When the server took it.
        at: i64,
    },
    /// Another request with a `ref` was carried out, and there is nothing more to say.
    Ok {
        /// The client's `ref`.
        #[serde(rename = "ref")]
        reference: &'a str,
    },
    /// The answer to `{"type":"ping"}`.
    Pong {
        /// The client's `ref`.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    },
    /// A request was refused; the connection goes on unless a close follows.
    Error(ErrorFrame<'a>),
}

/// What an `error` frame carries.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorFrame<'a> {
    /// A stable word to match on.
    pub code: Code,
    /// What happened and what to do next, for a person.
    pub message: Cow<'a, str>,
    /// The refused request's `ref`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Cow<'a, str>>,
    /// How long to wait before trying again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Frame<'_> {
    /// Appends the frame's JSON to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("a Vec takes all, and no key of a frame can fail");
    }
}
