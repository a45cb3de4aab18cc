//! The work of the thread: looks up the accounts of resets, and passes mails to the mail server.

use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use lettre::Transport as _;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, SmtpTransport};
use net::bucket::Buckets;
use net::network::NetworkBuckets;
use sql::{AccountCode, CodePurpose, Store};
use wire::Email;

use super::letter::Letter;
use super::queue::MailQueue;
use super::settings::{Encryption, MailSettings};
use crate::limit::{
    BUCKETS_WIDTH, CODE_LIFE_MS, MAIL_WARN_INTERVAL, MAILS_PER_NETWORK,
    MAILS_PER_NETWORK_PER_SECOND, MAILS_PER_RECIPIENT, MAILS_PER_RECIPIENT_PER_SECOND,
    SMTP_TIMEOUT,
};
use crate::metrics::{MAILS, MAILS_FAILING, MAILS_WAITING};
use crate::token;

pub(super) struct Sender {
    settings: MailSettings,
    store: Arc<Store>,
    transport: SmtpTransport,
    queue: MailQueue,
    /// Resets that were mailed, counted by the requester's network.
    by_network: NetworkBuckets,
    /// Mails of any kind, counted by recipient.
    by_recipient: Buckets,
    warned: Option<Instant>,
}

impl Sender {
    /// # Errors
    /// The system's roots for certificates cannot be read.
    pub(super) fn new(settings: MailSettings, store: Arc<Store>) -> io::Result<Self> {
        Ok(Self {
            transport: transport(&settings).map_err(io::Error::other)?,
            settings,
            store,
            queue: MailQueue::default(),
            by_network: NetworkBuckets::new(MAILS_PER_NETWORK, MAILS_PER_NETWORK_PER_SECOND),
            by_recipient: Buckets::new(
                MAILS_PER_RECIPIENT,
                MAILS_PER_RECIPIENT_PER_SECOND,
                BUCKETS_WIDTH,
            ),
            warned: None,
        })
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queue.next_due()
    }

    /// Mails a link to the account with this email, if there is one and not too many were mailed lately.
    pub(super) fn reset(&mut self, email: &str, address: IpAddr) {
        match self.new_reset(email, address) {
            Ok(Some(letter)) => self.push(letter),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a link that sets a password is not mailed"),
        }
    }

    fn new_reset(&self, email: &str, address: IpAddr) -> anyhow::Result<Option<Letter>> {
        let Some(account) = self.store.find_by_email(email)? else { return Ok(None) };
        if self.by_network.take(address, Instant::now()).is_err() {
            MAILS.inc("limited");
            return Ok(None);
        }
        let (code, now) = (token::mint_code()?, self.store.now());
        let bound = Some(code.hash_with(&Email::identity_of(&account.email)));
        let (purpose, expires_at) = (CodePurpose::Reset, now + CODE_LIFE_MS);
        let (id, hash) = (account.id, code.hash());
        let new = AccountCode { purpose, account: id, hash, email: bound, now, expires_at };
        if !self.store.add_account_code(&new)? {
            MAILS.inc("limited");
            return Ok(None);
        }
        Ok(Some(Letter::reset(&account.email, &self.settings.base, &code)))
    }

    pub(super) fn push(&mut self, letter: Letter) {
        let to = Email::identity_of(&letter.to);
        if self.by_recipient.take(&to, Instant::now()).is_err() {
            MAILS.inc("limited");
        } else if !self.queue.push(letter, Instant::now()) {
            MAILS.inc("dropped");
        }
        MAILS_WAITING.set(self.queue.len() as i64);
    }

    /// Tries the mail that has been due for longest, if one is due.
    pub(super) fn send_one(&mut self) {
        let Some(one) = self.queue.take_due(Instant::now()) else { return };
        let message = token::mint_code().map_err(|error| error.to_string()).and_then(|id| {
            one.letter.message(&self.settings, id.expose()).map_err(|it| it.to_string())
        });
        let sent = match message {
            Ok(message) => self.transport.send(&message),
            Err(_) => {
                // An email that is older than the present rules may be no address that mail can be sent to.
                MAILS.inc("failed");
                return self.warn("no mail can be sent to an account's email");
            }
        };
        match sent {
            Ok(_) => {
                MAILS.inc("sent");
                MAILS_FAILING.set(0);
                self.queue.has_sent();
            }
            Err(error) if error.is_permanent() && !self.is_fault_of_server(&error) => {
                MAILS.inc("failed");
                self.warn(&reason(&error));
            }
            Err(error) => {
                MAILS_FAILING.set(1);
                // A temporary refusal may concern one recipient only.
                let is_server = error.status().is_none() || error.is_permanent();
                let is_kept = self.queue.put_back(one, is_server, Instant::now());
                MAILS.inc(if is_kept { "retried" } else { "failed" });
                self.warn(&reason(&error));
            }
        }
        MAILS_WAITING.set(self.queue.len() as i64);
    }

    /// Whether a permanent refusal concerns every mail: the mail server rejects the login, or does not relay for this
    /// server. Then the settings are wrong and not the recipient, so no mail is given up.
    fn is_fault_of_server(&self, refusal: &Error) -> bool {
        is_policy(refusal) || !self.transport.test_connection().unwrap_or(false)
    }

    /// Tries the mails that are due, until `until`.
    pub(super) fn flush(&mut self, until: Instant) {
        while Instant::now() < until && self.next_due().is_some_and(|due| due <= Instant::now()) {
            self.send_one();
        }
    }

    fn warn(&mut self, reason: &str) {
        if self.warned.is_none_or(|at| at.elapsed() >= MAIL_WARN_INTERVAL) {
            self.warned = Some(Instant::now());
            let waiting = self.queue.len();
            tracing::warn!(waiting, "mails are not sent: {reason}");
        }
    }
}

/// Whether a refusal is about the sender: authentication is missing (530, RFC 4954, 6), or its enhanced status code is
/// one of security and policy (x.7.x, RFC 3463, 3.8), as of relays that do not know the sender.
fn is_policy(refusal: &Error) -> bool {
    let code = refusal.status().map(|code| code.to_string());
    let text = refusal.source().map(ToString::to_string).unwrap_or_default();
    let enhanced = text.split_whitespace().next().unwrap_or_default();
    code.as_deref() == Some("530") || enhanced.starts_with("5.7.")
}

/// The reason why a mail was not sent, without the text of the server, which may contain an email.
fn reason(error: &Error) -> String {
    if let Some(code) = error.status() {
        let hint = match u16::from(code) {
            530 | 534 | 535 | 538 => "; check the user and the password in --smtp",
            _ => "",
        };
        return format!("the mail server has answered {code}{hint}");
    }
    let io = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    // A socket's timeout is reported as `WouldBlock`.
    if error.is_timeout() || io.is_some_and(|cause| cause.kind() == io::ErrorKind::WouldBlock) {
        return format!("the mail server has not answered within {} s", SMTP_TIMEOUT.as_secs());
    }
    let cause = error.source().map(ToString::to_string);
    format!("the mail server cannot be used: {}", cause.unwrap_or_else(|| error.to_string()))
}

/// Connects to the mail server, introduces itself, begins TLS and logs in, as far as the settings say so. Nothing is
/// sent.
///
/// # Errors
/// What is in the way, as a sentence.
pub(super) fn check(settings: &MailSettings) -> Result<(), String> {
    let transport = transport(settings).map_err(|error| error.to_string())?;
    match transport.test_connection() {
        Ok(true) => Ok(()),
        Ok(false) => Err("the mail server has closed the connection".to_owned()),
        Err(error) => Err(reason(&error)),
    }
}

/// The name by which this server introduces itself (RFC 5321, 4.1.1.1).
fn hello(host: &str) -> ClientId {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(host.to_owned()),
    }
}

fn transport(settings: &MailSettings) -> Result<SmtpTransport, Error> {
    let smtp = &settings.smtp;
    let parameters = || TlsParameters::new(smtp.host.clone());
    let tls = match smtp.encryption {
        Encryption::Tls => Tls::Wrapper(parameters()?),
        Encryption::StartTls => Tls::Required(parameters()?),
        Encryption::Off => Tls::None,
    };
    let mut builder = SmtpTransport::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .hello_name(hello(&settings.host))
        .timeout(Some(SMTP_TIMEOUT));
    if let Some((user, password)) = &smtp.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}
