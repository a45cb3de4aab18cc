//! Serves the requests of one connection, one after the other.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::metrics::Cause;
use net::{Connection, ListenerShared, Permit, Shutdown};

use crate::body::{Body, BodyReader, BodyState, Input, Pace};
use crate::deadlines::Deadlines;
use crate::error::HttpError;
use crate::finish::{finish, finish_within};
use crate::forwarded::{self, client_context};
use crate::head::{Head, Scan};
use crate::limit::{
    DISCARDED_BYTES_MAX, HEAD_BYTES_FIRST, HEAD_BYTES_MAX, LINGER_HEAD_BYTES_MAX,
    REQUESTS_PER_CONNECTION_MAX,
};
use crate::request::{Request, Upgrade, given_request_id, request_id};
use crate::response::{Response, Sending};
use crate::service::{Answered, BodyPolicy, Handler, Route, Service};
use crate::web::{Headers, Web};

/// The state that the connections of a server share.
pub(crate) struct Server {
    pub(crate) service: Box<dyn Service>,
    pub(crate) web: Option<Web>,
    pub(crate) deadlines: Deadlines,
    pub(crate) shutdown: Shutdown,
}

/// Serves a connection until its end.
pub(crate) fn serve(server: &Server, connection: Connection) {
    let peer = connection.peer;
    if let Some(upgrade) = requests(server, connection) {
        // Lines of the log name the client, not its proxy.
        let _context = (upgrade.address != peer).then(|| client_context(upgrade.address));
        server.service.upgrade(upgrade);
    }
}

/// Answers requests until the connection ends or leaves HTTP.
#[inline(never)] // A WebSocket sleeps above whatever this frame would hold.
fn requests(server: &Server, connection: Connection) -> Option<Upgrade> {
    let mut exchange = Exchange {
        server,
        id: connection.id,
        peer: connection.peer,
        input: Input::new(connection.stream, connection.received),
        permit: connection.permit,
        listener: connection.listener,
        number: 0,
    };
    let mut by = connection.accepted + server.deadlines.head;
    loop {
        match exchange.next(by) {
            Next::Request => {}
            Next::Upgrade(head, address, request_id) => {
                return Some(exchange.into_upgrade(*head, address, request_id));
            }
            Next::End => return None,
        }
        // Between two requests a proxy's connection is counted by the proxy and not by one of its clients.
        exchange.permit.count_for(exchange.peer);
        exchange.permit.mark_idle(&exchange.input.stream);
        // The shutdown may have begun after the response's head was sent, and everyone idle have been evicted already.
        if server.shutdown.has_begun() {
            finish(&exchange.input.stream, server.deadlines.linger);
            return None;
        }
        by = Instant::now() + server.deadlines.idle;
    }
}

struct Exchange<'a> {
    server: &'a Server,
    id: u64,
    peer: IpAddr,
    input: Input,
    permit: Permit,
    listener: Arc<ListenerShared>,
    /// Of the request, from 1.
    number: u32,
}

enum Next {
    /// The connection is ready for another request.
    Request,
    Upgrade(Box<Head>, IpAddr, String),
    End,
}

/// The properties of a request that its head determines.
struct Known {
    request_id: String,
    address: IpAddr,
    method: String,
    path: String,
    is_head: bool,
    is_http_10: bool,
    is_https: bool,
    cors: Headers,
    begun: Instant,
    /// The connection ends with this request, because the client asks for it or a bound is reached.
    is_last: bool,
}

impl Exchange<'_> {
    fn into_upgrade(mut self, head: Head, address: IpAddr, request_id: String) -> Upgrade {
        let rest = self.input.take_all();
        Upgrade {
            id: self.id,
            stream: self.input.stream,
            address,
            head,
            request_id,
            rest,
            permit: self.permit,
            deadlines: self.server.deadlines,
        }
    }

    /// Reads and answers the next request, whose first byte must come until `by`.
    fn next(&mut self, by: Instant) -> Next {
        let is_first = self.number == 0;
        self.number += 1;
        let head = match read_head(&mut self.input, by, self.server.deadlines.head) {
            Ok(head) => head,
            Err(error) => return self.refuse_head(error, is_first),
        };
        let known = self.known(&head);
        let _contexts = (known.address != self.peer).then(|| client_context(known.address));
        match self.check(&known, &head) {
            Err(response) => self.answer_unread(&known, &head, response),
            Ok(()) => match self.server.service.route(&head) {
                Route::Upgrade => Next::Upgrade(Box::new(head), known.address, known.request_id),
                Route::Respond(policy, handler) => self.respond(&known, head, policy, handler),
            },
        }
    }

    fn known(&mut self, head: &Head) -> Known {
        let is_from_proxy = self.listener.is_proxy(self.peer);
        if !is_from_proxy && head.header("x-forwarded-for").is_some() {
            self.listener.warn_forwarded_for_ignored(self.peer);
        }
        let given = is_from_proxy.then(|| given_request_id(head)).flatten();
        let is_https = is_from_proxy
            && head.header("x-forwarded-proto").is_some_and(|it| it.eq_ignore_ascii_case("https"));
        Known {
            request_id: given.unwrap_or_else(|| request_id(self.id, self.number)),
            address: forwarded::client(self.peer, head, &self.listener.config.trusted_proxies),
            method: head.method.clone(),
            path: head.path().to_owned(),
            is_head: head.method == "HEAD",
            is_http_10: head.is_http_10(),
            is_https,
            cors: self.server.web.as_ref().map(|web| web.cors(head)).unwrap_or_default(),
            begun: Instant::now(),
            is_last: head.is_http_10()
                || head.lists("connection", "close")
                || self.number >= REQUESTS_PER_CONNECTION_MAX,
        }
    }

    /// Checks whether the request may be passed to the service.
    ///
    /// # Errors
    /// The response that refuses it.
    fn check(&mut self, known: &Known, head: &Head) -> Result<(), Response> {
        let web = self.server.web.as_ref();
        let checked = match self.permit.count_for(known.address) {
            true => web.map_or(Ok(()), |web| web.check(head, self.server.service.body_type(head))),
            false => {
                self.listener.warn_address_full(known.address);
                Err((Cause::AddressFull, HttpError::address_full()))
            }
        };
        if let Err((cause, error)) = checked {
            self.listener.count_refused(cause);
            tracing::debug!(status = error.status, code = error.code, "request refused");
            return Err(error.into());
        }
        if web.is_some_and(|web| web.is_preflight(head)) {
            return Err(Response::no_content());
        }
        if head.path() == "*" {
            let all = "GET, HEAD, POST, PATCH, DELETE, OPTIONS";
            return Err(Response::no_content().with_header("Allow", all));
        }
        let encoding = head.header("content-encoding").unwrap_or("identity");
        if head.has_body() && !encoding.eq_ignore_ascii_case("identity") {
            return Err(HttpError::unsupported_encoding().into());
        }
        match head.header("expect") {
            Some(it) if head.has_body() && !it.eq_ignore_ascii_case("100-continue") => {
                Err(HttpError::new(417, "bad_request", "only 100-continue can be expected").into())
            }
            _ => Ok(()),
        }
    }

    fn respond(
        &mut self,
        known: &Known,
        head: Head,
        policy: BodyPolicy,
        handler: Handler<'_>,
    ) -> Next {
        let (limit, pace) = match policy {
            BodyPolicy::Ignored => (0, Pace::Whole),
            BodyPolicy::Whole(max) => (max as u64, Pace::Whole),
            BodyPolicy::Stream(max) => (max, Pace::Stream),
        };
        // HTTP/1.0 knows no 100 Continue.
        let expects = head.header("expect").is_some() && !known.is_http_10;
        let grace = self.server.deadlines.body;
        let mut state = BodyState::new(head.framing(), limit, pace, grace, expects);
        let whole = match policy {
            BodyPolicy::Ignored => Ok(Vec::new()),
            BodyPolicy::Whole(_) => {
                state.check_length().and_then(|()| state.read_whole(&mut self.input))
            }
            BodyPolicy::Stream(_) => state.check_length().map(|()| Vec::new()),
        };
        let whole = match whole {
            Ok(whole) => whole,
            Err(error) => return self.send(known, error.into(), &state),
        };
        if !self.permit.mark_established() {
            return Next::End;
        }
        let body = match policy {
            BodyPolicy::Stream(_) => {
                Body::Stream(BodyReader { input: &mut self.input, state: &mut state })
            }
            _ => Body::Whole(whole),
        };
        let (id, address) = (known.request_id.clone(), known.address);
        let web = self.server.web.as_ref();
        let is_https = known.is_https || web.is_some_and(|web| web.is_public_https(&head));
        let may_use_cookie = web.is_none_or(|web| web.may_use_cookie(&head));
        let response = handler(Request { id, address, head, body, is_https, may_use_cookie });
        if response.is_delayed() {
            // Only this connection's thread sleeps, and the connection keeps its permit.
            std::thread::sleep(self.server.deadlines.refusal);
        }
        self.send(known, response, &state)
    }

    /// Answers a request without looking at its body.
    fn answer_unread(&mut self, known: &Known, head: &Head, response: Response) -> Next {
        let expects = head.header("expect").is_some();
        let state = BodyState::new(head.framing(), 0, Pace::Whole, Duration::ZERO, expects);
        self.send(known, response, &state)
    }

    /// Sends a response, and makes the connection ready for the next request or ends it.
    fn send(&mut self, known: &Known, response: Response, body: &BodyState) -> Next {
        let left = body.left().and_then(|left| usize::try_from(left).ok());
        let left = left.filter(|left| *left <= DISCARDED_BYTES_MAX);
        let is_last = known.is_last || left.is_none() || self.server.shutdown.has_begun();
        let (status, code) = (response.status, response.code);
        let sending = Sending {
            request_id: &known.request_id,
            is_head: known.is_head,
            is_http_10: known.is_http_10,
            is_last,
            is_https: known.is_https,
            cors: &known.cors,
        };
        let deadlines = self.server.deadlines;
        let sent = response.send(&self.input.stream, &sending, deadlines.response);
        self.server.service.answered(&Answered {
            request_id: &known.request_id,
            method: &known.method,
            path: &known.path,
            status,
            code,
            time: known.begun.elapsed(),
        });
        if let Err(error) = sent {
            tracing::debug!(%error, status, "response not taken");
            return Next::End;
        }
        if is_last {
            finish(&self.input.stream, deadlines.linger);
            return Next::End;
        }
        match self.discard(left.unwrap_or(0), Instant::now() + deadlines.body) {
            Ok(()) => Next::Request,
            Err(_) => Next::End,
        }
    }

    /// Throws away what remains of a body.
    fn discard(&mut self, mut left: usize, by: Instant) -> io::Result<()> {
        loop {
            let count = left.min(self.input.bytes().len());
            self.input.consume(count);
            left -= count;
            if left == 0 {
                return Ok(());
            }
            if self.input.fill(left, by)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn refuse_head(&self, error: HeadError, is_first: bool) -> Next {
        let (cause, error) = match error {
            HeadError::Left => return Next::End,
            HeadError::Silent => {
                if is_first {
                    self.listener.count_refused(Cause::HeadTimeout);
                }
                return Next::End;
            }
            HeadError::Refused(cause, error) => (cause, error),
        };
        self.listener.count_refused(cause);
        tracing::debug!(status = error.status, "head refused");
        let (status, code) = (error.status, Some(error.code));
        let request_id = request_id(self.id, self.number);
        let sending = Sending { request_id: &request_id, is_last: true, ..Sending::default() };
        let deadlines = self.server.deadlines;
        match Response::from(error).send(&self.input.stream, &sending, deadlines.response) {
            Ok(()) => {
                finish_within(&self.input.stream, deadlines.linger, LINGER_HEAD_BYTES_MAX);
            }
            Err(error) => tracing::debug!(%error, status, "response not taken"),
        }
        let request_id = &*request_id;
        let (method, path, time) = ("", "", Duration::ZERO);
        self.server.service.answered(&Answered { request_id, method, path, status, code, time });
        Next::End
    }
}

/// The reason why there is no head.
#[derive(Debug)]
enum HeadError {
    /// The client left, or was evicted for a newcomer.
    Left,
    /// The client sent nothing at all until the deadline: a spare connection. It gets no response.
    Silent,
    /// The head is refused, with a response.
    Refused(Cause, HttpError),
}

/// Reads a head: its first byte until `by`, and the rest within `time` from there. One empty line before it is
/// ignored (RFC 9112, section 2.2).
fn read_head(input: &mut Input, mut by: Instant, time: Duration) -> Result<Head, HeadError> {
    let bad = |error| HeadError::Refused(Cause::BadHead, error);
    let (mut scan, mut is_begun, mut has_skipped) = (Scan::default(), false, false);
    loop {
        if !has_skipped && input.bytes().starts_with(b"\r\n") {
            input.consume(2);
            (scan, has_skipped) = (Scan::default(), true);
        }
        if !input.bytes().is_empty() {
            if !is_begun {
                (is_begun, by) = (true, Instant::now() + time);
            }
            if let Some(end) = scan.end(input.bytes()).map_err(bad)? {
                return Head::from_scanned(input.take(end)).map_err(bad);
            }
        }
        let there = input.bytes().len();
        // Doubled, and never past the bound: `scan` refuses a head that fills it.
        let more = there.max(HEAD_BYTES_FIRST).min(HEAD_BYTES_MAX.saturating_sub(there)).max(1);
        match input.fill(more, by) {
            Ok(0) => return Err(HeadError::Left),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut && !is_begun => {
                return Err(HeadError::Silent);
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                let error = HttpError::timeout("the head of the request took too long");
                return Err(HeadError::Refused(Cause::HeadTimeout, error));
            }
            Err(_) => return Err(HeadError::Left),
        }
    }
}
