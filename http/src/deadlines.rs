//! The deadlines for clients.

use std::time::Duration;

use crate::limit::{BODY_DEADLINE, HEAD_DEADLINE, IDLE_DEADLINE, REFUSAL_HELD, RESPONSE_DEADLINE};

/// The deadlines for clients. The defaults are those of [`crate::limit`].
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the first byte of a head to its end; also from accept to the first byte.
    pub head: Duration,
    /// From a response to the first byte of the next head.
    pub idle: Duration,
    /// From the first wait for a body to its end.
    pub body: Duration,
    /// The longest pause in reading a response, and the time before its least rate applies.
    pub response: Duration,
    /// The delay of a delayed refusal.
    pub refusal: Duration,
    /// The time in which the client must close its side after the last response.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: HEAD_DEADLINE,
            idle: IDLE_DEADLINE,
            body: BODY_DEADLINE,
            response: RESPONSE_DEADLINE,
            refusal: REFUSAL_HELD,
            linger: net::limit::LINGER,
        }
    }
}
