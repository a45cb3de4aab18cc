//! From a request to the verb that carries it out.

use std::borrow::Cow;

use sql::Operation;
use wire::{AccountId, Code, Frame, Recipient, Request};

use super::Connection;
use crate::client::Identity;
use crate::flow::{EndReason, Flow};
use crate::metrics;
use crate::query_context::QueryContext;
use crate::rate_limit::RateKind;
use crate::relay_batch::RelayBatch;
use crate::request::{Live, Message, RequestClass};
use crate::verb::hello::{self, HelloRef};
use crate::verb::{message, operation, presence, query, typing};

impl Connection<'_> {
    /// Carries out one request. Before the hello only a ping and a token are accepted.
    pub(crate) fn carry_out(&mut self, request: Request<'_>) -> Flow {
        let reference = request.reference.as_deref();
        let class = RequestClass::from(request.command);
        if !self.admits(class.rate_kind(), reference)? {
            if matches!(class, RequestClass::Message(_)) {
                metrics::MESSAGES.inc("rate_limited");
            }
            return Ok(());
        }
        match class {
            RequestClass::Ping => self.replies.push(&Frame::Pong { reference }),
            RequestClass::Hello { token, since } => {
                let hello_ref = HelloRef::Hello(reference);
                let replay = hello::hello(&mut self.hello_context(), &token, since, hello_ref)?;
                return self.after_hello(replay);
            }
            RequestClass::Message(message) => return self.message(message, reference),
            RequestClass::Live(live) => return self.live(live, reference),
            RequestClass::Query(query) => {
                let Some(me) = self.identified(reference)? else { return Ok(()) };
                let (server, replies) = (self.server, &self.replies);
                let Some(accounts) = server.accounts() else {
                    replies.unsupported(reference);
                    return Ok(());
                };
                let context = QueryContext { server, accounts, replies, me, reference };
                return query::answer(&context, query);
            }
            RequestClass::Operation(operation) => {
                let Some(me) = self.identified(reference)? else { return Ok(()) };
                if let Operation::Received { seq } = &operation {
                    self.client.record_received(*seq);
                }
                match self.server.accounts() {
                    Some(accounts) => {
                        let operation =
                            self.server.daily_limits.count_or_refuse(me, operation, self.now);
                        operation::submit(
                            accounts,
                            &self.replies,
                            self.now,
                            me,
                            operation,
                            reference,
                        );
                    }
                    None => operation::answer_guest(&self.replies, &operation, reference),
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, message: Message<'_>, reference: Option<&str>) -> Flow {
        let Message { from, to, content, files, reply_to, token } = message;
        if let (Identity::Unknown { .. }, Some(token)) = (self.client.identity, token) {
            let hello_ref = HelloRef::FirstMessage(reference);
            let replay = hello::hello(&mut self.hello_context(), &token, None, hello_ref)?;
            self.after_hello(replay)?;
            if self.client.account().is_none() {
                return Ok(()); // The hello was answered with an error.
            }
            // The frame was counted for the connection; the message counts for the account.
            if !self.admits(RateKind::Frame, reference)? {
                metrics::MESSAGES.inc("rate_limited");
                return Ok(());
            }
        }
        let Some(me) = self.identified(reference)? else { return Ok(()) };
        if !message::is_own(&self.replies, me, from, reference) {
            return Ok(());
        }
        let (server, replies) = (self.server, &self.replies);
        match (server.accounts(), to) {
            (Some(accounts), _) => {
                let files = files.into_iter().map(Cow::into_owned).collect();
                let operation =
                    Operation::Post { to, content: content.into_owned(), files, reply_to };
                operation::submit(accounts, replies, self.now, me, operation, reference);
            }
            (None, Recipient::Account(to)) if files.is_empty() => {
                let batch = self.relay.get_or_insert_with(|| RelayBatch::new(me));
                message::relay(batch, &server.hub, replies, to, &content, reference);
            }
            (None, _) => replies.unsupported(reference),
        }
        Ok(())
    }

    fn live(&mut self, live: Live, reference: Option<&str>) -> Flow {
        let Some(me) = self.identified(reference)? else { return Ok(()) };
        let (server, replies) = (self.server, &self.replies);
        replies.check_running(&server.shutdown)?;
        let done = match (live, server.accounts()) {
            // Typing beyond the limit is dropped without an error.
            (Live::Typing { .. }, _)
                if self.client.rate_limit().take(RateKind::Live, self.now).is_err() =>
            {
                Ok(())
            }
            (Live::Typing { to }, Some(accounts)) => {
                typing::send(&server.inbox, server.cluster.as_deref(), accounts, me, to)
            }
            (Live::Typing { to }, None) => {
                let batch = self.relay.get_or_insert_with(|| RelayBatch::new(me));
                typing::relay(batch, &server.hub, to);
                Ok(())
            }
            (Live::Presence { ids }, accounts) => {
                let (presence, cluster) = (&server.presence, server.cluster.as_deref());
                presence::watch(presence, cluster, accounts, replies, &mut self.watching, me, ids)
            }
        };
        match done {
            Ok(()) => replies.ok(reference),
            Err(error) => replies.query_error(&error, reference),
        }
        Ok(())
    }

    /// The account, or the guest's number. Without one the request is refused.
    ///
    /// # Errors
    /// Another thread has closed the connection.
    fn identified(&self, reference: Option<&str>) -> Result<Option<AccountId>, EndReason> {
        let me = self.client.account();
        if me.is_none() {
            self.replies.refuse(Code::Unauthorized, "say hello with a token first", reference);
        } else if self.server.accounts().is_some() {
            self.replies.check_open()?;
        }
        Ok(me)
    }
}
