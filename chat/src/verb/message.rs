//! `{"from":2,"to":1,"content":"hello"}`: a message.

use wire::{AccountId, Code, Frame, Text};

use crate::hub::Hub;
use crate::metrics;
use crate::relay_batch::RelayBatch;
use crate::replies::Replies;

/// Whether `from` is the sender's own id or left out. If not, the message is refused.
pub(crate) fn is_own(
    replies: &Replies,
    me: AccountId,
    from: Option<AccountId>,
    reference: Option<&str>,
) -> bool {
    let is_own = from.is_none_or(|from| from == me);
    if !is_own {
        metrics::MESSAGES.inc("refused");
        let message = format!("`from` must be your own id, {me}, or be left out");
        replies.refuse(Code::Forbidden, &message, reference);
    }
    is_own
}

/// Relays a guest's message at once.
pub(crate) fn relay(
    batch: &mut RelayBatch,
    hub: &Hub,
    replies: &Replies,
    to: AccountId,
    content: &Text<'_>,
    reference: Option<&str>,
) {
    match (batch.message(hub, to, content), reference) {
        (Some(at), Some(reference)) => {
            replies.push(&Frame::Sent { reference, id: None, seq: None, at });
        }
        (Some(_), None) => {}
        (None, _) => {
            metrics::MESSAGES.inc("refused");
            let message = "nobody with that id is connected";
            replies.refuse(Code::NotConnected, message, reference);
        }
    }
}
