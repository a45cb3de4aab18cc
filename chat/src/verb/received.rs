//! `{"type":"received","seq":N}`: this device has everything up to N.

use std::borrow::Cow;
use std::sync::Arc;

use sql::Acknowledgement;
use wire::{AccountId, Frame, Seq};

use crate::committer::{Act, unavailable};
use crate::session::Session;

/// Has it written down; guests have no log, and nothing to write.
pub(crate) fn acknowledge(
    session: &mut Session<'_>,
    account: AccountId,
    seq: Seq,
    reference: Option<Cow<'_, str>>,
) {
    let Some(accounts) = session.server.accounts() else {
        if let Some(reference) = reference {
            session.outbox.push(&Frame::Ok { reference: &reference });
        }
        return;
    };
    let reference = reference.map(Cow::into_owned);
    let outbox = Arc::clone(&session.outbox);
    let act = Act::Acknowledge(Acknowledgement { account, seq }, reference.clone(), outbox);
    if !accounts.committer.submit(act) {
        session.outbox.push(&unavailable(reference.as_deref()));
    }
}
