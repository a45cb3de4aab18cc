//! A blocking connection to PostgreSQL with a deadline for every wait. The client of the crate `postgres` has none: it can wait
//! for an answer for ever.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use postgres::error::Severity;
use postgres::types::ToSql;
use postgres::{Error, NoTls, Row, Socket, Statement, ToStatement};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Config, Connection, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::hosts;
use crate::limit::{CANCEL_TIMEOUT, CHECK_TIMEOUT, COMMIT_TIMEOUT, CONNECT_TIMEOUT};

/// A connection to PostgreSQL. It has a runtime of its own, which runs only while a call waits.
///
/// If an answer does not come in time, the client asks the server to cancel the statement, unless it is a commit. The connection
/// cannot be used any more.
pub(super) struct Client {
    /// `None` only while the connection is dropped.
    client: Option<tokio_postgres::Client>,
    runtime: Runtime,
    driver: Option<JoinHandle<()>>,
    tls: Option<MakeRustlsConnect>,
    /// How long one statement may take by default.
    usual: Duration,
    /// How long one statement may take at present. `None`: without a bound.
    patience: Option<Duration>,
    /// The deadline of the present transaction.
    until: Option<Instant>,
    /// Whether a wait was given up, so that an answer may still arrive which belongs to no call.
    is_lost: bool,
    /// The server's last warning.
    warning: Arc<Mutex<Option<String>>>,
}

/// What becomes of a commit that takes too long. It may be waiting for a standby.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LateCommit {
    /// The server goes on with it. Nobody sees it, and it keeps its locks, until the standby has it.
    Leave,
    /// The server ends the wait, shows the commit to everybody, and loses it if the standby takes over.
    Cancel,
}

impl Client {
    /// Connects within the time that `config` sets, which is [`CONNECT_TIMEOUT`] if it sets none; each of several servers has
    /// its share of it. No statement may take longer than `patience`.
    pub(super) fn connect(
        config: &Config,
        tls: Option<&MakeRustlsConnect>,
        patience: Duration,
    ) -> Result<Self, Error> {
        // This fails only if the process has no free file descriptor.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|_| Error::__private_api_timeout())?;
        let warning = Arc::default();
        let (client, driver) = match tls {
            None => open(&runtime, config, &NoTls, Arc::clone(&warning)),
            Some(tls) => open(&runtime, config, tls, Arc::clone(&warning)),
        }?;
        Ok(Self {
            client: Some(client),
            runtime,
            driver: Some(driver),
            tls: tls.cloned(),
            usual: patience,
            patience: Some(patience),
            until: None,
            is_lost: false,
            warning,
        })
    }

    /// Sets a deadline for all calls from now on. `None`: only the bound of each statement holds.
    pub(super) fn set_deadline(&mut self, until: Option<Instant>) {
        self.until = until;
    }

    /// Sets how long one statement may take from now on, and returns the previous bound.
    pub(super) fn set_patience(&mut self, patience: Option<Duration>) -> Option<Duration> {
        std::mem::replace(&mut self.patience, patience)
    }

    /// Sets the bound of a statement back to that of [`Client::connect`].
    pub(super) fn reset_patience(&mut self) {
        self.patience = Some(self.usual);
    }

    pub(super) fn prepare(&mut self, text: &str) -> Result<Statement, Error> {
        self.wait(async |client| client.prepare(text).await)
    }

    pub(super) fn query<T: ?Sized + ToStatement>(
        &mut self,
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.wait(async |client| client.query(statement, params).await)
    }

    /// Sends all these statements before it reads an answer (pipelining), so that they take one round trip. The server runs
    /// them in order. In a transaction the statements after a failed one fail, too; the error is that of the first.
    pub(super) fn query_all(
        &mut self,
        all: &[(&Statement, &[&(dyn ToSql + Sync)])],
    ) -> Result<Vec<Vec<Row>>, Error> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        self.wait(async |client| {
            let answers = all.iter().map(|(statement, params)| client.query(*statement, params));
            join_all(answers).await.into_iter().collect()
        })
    }

    pub(super) fn batch_execute(&mut self, text: &str) -> Result<(), Error> {
        self.wait(async |client| client.batch_execute(text).await)
    }

    /// The first row of the answer, as text. It uses no prepared statement, because a pooler may mix up those of its clients.
    pub(super) fn one_row(&mut self, text: &str) -> Result<Vec<String>, Error> {
        let answers = self.wait(async |client| client.simple_query(text).await)?;
        let row = answers.iter().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let cell = |at| row.and_then(|row| row.get(at)).unwrap_or_default().to_owned();
        Ok((0..row.map_or(0, |row| row.len())).map(cell).collect())
    }

    /// Commits, and returns the server's warning, if there was one: it may have given up waiting for a standby. `late`: what
    /// becomes of a commit that takes longer than [`COMMIT_TIMEOUT`].
    pub(super) fn commit(&mut self, late: LateCommit) -> Result<Option<String>, Error> {
        self.take_warning();
        let patience = self.patience.into_iter().chain([COMMIT_TIMEOUT]).min();
        let patience = self.set_patience(patience);
        let done = self.try_wait(async |client| client.batch_execute("commit").await);
        self.patience = patience;
        let done = done.unwrap_or_else(|| {
            if late == LateCommit::Cancel {
                self.cancel();
            }
            Err(Error::__private_api_timeout())
        });
        done.map(|()| self.take_warning())
    }

    /// Whether the server answers within [`CHECK_TIMEOUT`].
    pub(super) fn is_alive(&mut self) -> bool {
        let patience = self.set_patience(Some(CHECK_TIMEOUT));
        let answers = self.wait(async |client| client.check_connection().await).is_ok();
        self.patience = patience;
        answers
    }

    fn take_warning(&self) -> Option<String> {
        self.warning.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wait<T>(
        &mut self,
        ask: impl AsyncFnOnce(&tokio_postgres::Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.try_wait(ask).unwrap_or_else(|| {
            self.cancel();
            Err(Error::__private_api_timeout())
        })
    }

    /// `None`: the answer did not come in time, and the server may still be working on it.
    fn try_wait<T>(
        &mut self,
        ask: impl AsyncFnOnce(&tokio_postgres::Client) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.into_iter().chain(self.patience).min();
        let Some(client) = self.client.as_ref().filter(|_| !self.is_lost) else {
            return Some(Err(Error::__private_api_timeout()));
        };
        let answer = ask(client);
        let answer = self.runtime.block_on(async {
            match left {
                Some(left) => timeout(left, answer).await.ok(),
                None => Some(answer.await),
            }
        });
        self.is_lost = answer.is_none();
        answer
    }

    /// Asks the server to cancel the running statement. Otherwise the statement would keep its locks and its connection.
    fn cancel(&self) {
        let Some(client) = &self.client else { return };
        let token = client.cancel_token();
        // The server does not say whether it has cancelled anything, so there is nothing to check.
        let _ = self.runtime.block_on(async {
            match self.tls.clone() {
                None => timeout(CANCEL_TIMEOUT, token.cancel_query(NoTls)).await,
                Some(tls) => timeout(CANCEL_TIMEOUT, token.cancel_query(tls)).await,
            }
        });
    }
}

/// Closes the connection in an orderly way, unless the server has stopped answering.
impl Drop for Client {
    fn drop(&mut self) {
        drop(self.client.take());
        if let (Some(driver), false) = (self.driver.take(), self.is_lost) {
            let _ = self.runtime.block_on(async { timeout(CANCEL_TIMEOUT, driver).await });
        }
    }
}

fn open<T>(
    runtime: &Runtime,
    config: &Config,
    tls: &T,
    warning: Arc<Mutex<Option<String>>>,
) -> Result<(tokio_postgres::Client, JoinHandle<()>), Error>
where
    T: MakeTlsConnect<Socket> + Clone,
    T::TlsConnect: Send,
    T::Stream: Send + 'static,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let all = hosts::each(config);
    let patience = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    let patience = patience / u32::try_from(all.len()).unwrap_or(1);
    let mut failure = None;
    for config in &all {
        let connecting =
            runtime.block_on(async { timeout(patience, config.connect(tls.clone())).await });
        match connecting.unwrap_or_else(|_| Err(Error::__private_api_timeout())) {
            Ok((client, connection)) => {
                return Ok((client, runtime.spawn(drive(connection, warning))));
            }
            // The error that a server has answered says more than the failure to reach another server.
            Err(error) => {
                let says_more = error.code().is_some()
                    || failure.as_ref().is_none_or(|it: &Error| it.code().is_none());
                failure = if says_more { Some(error) } else { failure };
            }
        }
    }
    Err(failure.unwrap_or_else(Error::__private_api_timeout))
}

/// Moves the messages of the connection in both directions until it ends, and remembers the last warning.
async fn drive<T>(mut connection: Connection<Socket, T>, warning: Arc<Mutex<Option<String>>>)
where
    Connection<Socket, T>: Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message
            && notice.parsed_severity() == Some(Severity::Warning)
        {
            let text = notice.message().to_owned();
            *warning.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
    }
}
