//! Mails: links that set a password or prove an email.
//!
//! One thread sends them. A handler puts a mail into a bounded queue and does not wait. The account of a reset is
//! looked up by that thread, too, so neither an answer nor its time tells whether an account exists. A mail that fails
//! is tried again for a while.

mod letter;
mod queue;
mod sender;
mod settings;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use net::network::NetworkBuckets;
use os_thread::SERVICE_STACK_BYTES;
use sql::Store;
use wire::Token;

use crate::limit::{MAIL_FLUSH_MAX, MAILS_WAITING_MAX, RESETS_ASKED, RESETS_ASKED_PER_SECOND};
use crate::metrics::MAILS;
pub(crate) use letter::Letter;
use sender::Sender;
pub use settings::{MailSettings, MailUsageError, SmtpUrlError};

/// A task of the thread.
enum Job {
    /// Mail a link that sets a password to the account with this email, if there is one.
    Reset { email: String, address: IpAddr },
    /// Send this mail.
    Send(Letter),
    /// Try all mails that are due, then end and drop the sender.
    End(SyncSender<()>),
}

/// A handle on the thread that sends mails. The thread ends when this is dropped.
pub(crate) struct Mailer {
    jobs: SyncSender<Job>,
    base: String,
    /// Resets requested from an IP address, counted by network.
    resets: NetworkBuckets,
}

impl Mailer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread for it, or no root certificates.
    pub(crate) fn start(settings: &MailSettings, store: Arc<Store>) -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(MAILS_WAITING_MAX);
        let sender = Sender::new(settings.clone(), store)?;
        os_thread::spawn("auth-mail", SERVICE_STACK_BYTES, move || run(sender, &receiver))?;
        let resets = NetworkBuckets::new(RESETS_ASKED, RESETS_ASKED_PER_SECOND);
        Ok(Self { jobs, base: settings.base.clone(), resets })
    }

    /// Mails a link that proves an account's email, or its next one.
    pub(crate) fn confirm(&self, email: &str, code: &Token) {
        self.put(Job::Send(Letter::confirmation(email, &self.base, code)));
    }

    /// Tells an email that it is about to be replaced.
    pub(crate) fn notify(&self, email: &str) {
        self.put(Job::Send(Letter::notice(email, &self.base)));
    }

    /// Mails a link that sets a password, if an account has this email. Too many requests of one IP address are
    /// ignored.
    pub(crate) fn reset(&self, email: String, address: IpAddr) {
        match self.resets.take(address, Instant::now()) {
            Ok(()) => self.put(Job::Reset { email, address }),
            Err(_) => MAILS.inc("limited"),
        }
    }

    fn put(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            MAILS.inc("dropped");
        }
    }

    /// Waits until all mails that are due were tried, but no longer than this, and ends the thread.
    pub(crate) fn end(&self, patience: Duration) {
        let (done, ended) = sync_channel(1);
        if self.jobs.try_send(Job::End(done)).is_ok() {
            // An error means that the thread has ended.
            let _ = ended.recv_timeout(patience.min(MAIL_FLUSH_MAX));
        }
    }
}

impl MailSettings {
    /// The server, for `doctor`.
    pub fn server(self) -> command::MailServer {
        let host = &self.smtp.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let address = format!("{host}:{}", self.smtp.port);
        command::MailServer { address, check: Box::new(move || sender::check(&self)) }
    }
}

fn run(mut sender: Sender, jobs: &Receiver<Job>) {
    loop {
        let job = match sender.next_due() {
            Some(due) => jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => jobs.recv().map_err(Into::into),
        };
        match job {
            Ok(Job::Reset { email, address }) => sender.reset(&email, address),
            Ok(Job::Send(letter)) => sender.push(letter),
            Ok(Job::End(_done)) => return sender.flush(Instant::now() + MAIL_FLUSH_MAX),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        }
        sender.send_one();
    }
}
