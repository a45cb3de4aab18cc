//! Mails: links that set a password or prove an email.
//!
//! One thread sends them. Who asks for a mail puts it into a bounded queue and goes on. A reset is looked up by that thread, too: so
//! nobody learns by an answer, or by its time, whether an account exists. What fails is tried again for a while.

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

/// What the thread is to do.
enum Job {
    /// Mail a link that sets a password to who has this email, if somebody has.
    Reset { email: String, address: IpAddr },
    /// Send this.
    Send(Letter),
    /// End once what is due was tried, and drop the sender.
    End(SyncSender<()>),
}

/// The way to the thread that sends mails, which ends when this is dropped.
pub(crate) struct Mailer {
    jobs: SyncSender<Job>,
    base: String,
    /// Resets that an address asks for.
    resets: NetworkBuckets,
}

impl Mailer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give, or no roots for certificates.
    pub(crate) fn start(settings: &MailSettings, store: Arc<Store>) -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(MAILS_WAITING_MAX);
        let sender = Sender::new(settings.clone(), store)?;
        os_thread::spawn("auth-mail", SERVICE_STACK_BYTES, move || run(sender, &receiver))?;
        let resets = NetworkBuckets::new(RESETS_ASKED, RESETS_ASKED_PER_SECOND);
        Ok(Self { jobs, base: settings.base.clone(), resets })
    }

    /// Mails a link that proves that an account's email, or its next one, is its owner's.
    pub(crate) fn confirm(&self, email: &str, code: &Token) {
        self.put(Job::Send(Letter::confirmation(email, &self.base, code)));
    }

    /// Tells an email that its account is about to have another one.
    pub(crate) fn notify(&self, email: &str) {
        self.put(Job::Send(Letter::notice(email, &self.base)));
    }

    /// Mails a link that sets a password, if somebody has this email. What an address asks too often is left undone.
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

    /// Waits until what is due was tried, at most so long, and ends the thread.
    pub(crate) fn end(&self, patience: Duration) {
        let (done, ended) = sync_channel(1);
        if self.jobs.try_send(Job::End(done)).is_ok() {
            // An error is the end.
            let _ = ended.recv_timeout(patience.min(MAIL_FLUSH_MAX));
        }
    }
}

impl MailSettings {
    /// What `doctor` tries.
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
