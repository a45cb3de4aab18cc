//! PostgreSQL 13 to 18, through `tokio-postgres`.

mod client;
mod encode;
mod error;
mod hosts;
mod replication_guard;
mod rewrite;
mod schema;
mod search;
mod session;
mod start;
mod transfer;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use postgres::types::ToSql;
use tokio_postgres::Config;

use super::{
    BatchStatement, Engine, IndexCursor, Purpose, Row, Rows, Statement, Value, statements, tls,
};
use crate::limit::{ANSWER_GRACE, CONNECT_TIMEOUT, STATEMENT_TIMEOUT};
use crate::search::{SearchQuery, too_slow};
use crate::url::Tls;
use crate::{Error, OpenError, Result};
use client::{Client, LateCommit};
use error::text;
use replication_guard::ReplicationGuard;
use schema::MIGRATIONS;
pub(crate) use session::ServerSettings;
pub(crate) use start::fault;

/// How long sent data may stay unacknowledged before the connection counts as dead.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval of TCP keepalive probes to a silent server.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// The number of unanswered keepalive probes after which the connection counts as dead.
const KEEPALIVES: u32 = 3;
/// Opens connections to a database.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    /// The server settings in the URL.
    given: ServerSettings,
    tls: Option<tokio_postgres_rustls::MakeRustlsConnect>,
    /// What readers wait for; `None`: they read what is there.
    guard: Option<ReplicationGuard>,
}

impl Connector {
    pub(crate) fn new(
        config: &Config,
        mode: &Tls,
        given: &ServerSettings,
    ) -> std::result::Result<Self, OpenError> {
        let mut config = config.clone();
        config.connect_timeout(CONNECT_TIMEOUT);
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
        config
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(KEEPALIVES);
        if config.get_application_name().is_none() {
            config.application_name("messenger");
        }
        let tls = match mode {
            Tls::Off => {
                config.ssl_mode(postgres::config::SslMode::Disable);
                None
            }
            Tls::VerifyFull { roots } => {
                config.ssl_mode(postgres::config::SslMode::Require);
                Some(tls::connector(roots.as_deref())?)
            }
        };
        Ok(Self { config, given: given.clone(), tls, guard: None })
    }

    /// Readers see only what a synchronous standby has; see [`replication_guard`].
    pub(crate) fn guarded(mut self) -> Self {
        self.guard = Some(ReplicationGuard::default());
        self
    }

    /// Sets how long connecting may take.
    pub(crate) fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout(timeout);
        self
    }

    /// Connects while the program runs. Every error counts as one that may pass.
    pub(crate) fn connect(&self, usage: Purpose) -> Result<Postgres> {
        let writes = usage == Purpose::Write;
        if let Some(guard) = self.guard.as_ref().filter(|_| writes) {
            guard.check_recent().map_err(Error::Unavailable)?;
        }
        let mut client = self.session(usage).map_err(|error| Error::Unavailable(text(&error)))?;
        if let Some(guard) = &self.guard {
            let client = &mut client;
            let checked = if writes { guard.check_writable(client) } else { guard.check(client) };
            checked.map_err(Error::Unavailable)?;
        }
        Ok(Postgres::new(client))
    }

    /// Connects, and sets the session settings of this program.
    fn session(&self, usage: Purpose) -> std::result::Result<Client, postgres::Error> {
        let patience = usage.timeout().unwrap_or(STATEMENT_TIMEOUT) + ANSWER_GRACE;
        let mut client = self.client(patience)?;
        client.batch_execute(&session::statements(usage, &self.given))?;
        Ok(client)
    }

    /// Connects without changing the server's settings.
    fn client(&self, patience: Duration) -> std::result::Result<Client, postgres::Error> {
        Client::connect(&self.config, self.tls.as_ref(), patience)
    }
}

pub(crate) struct Postgres {
    client: Client,
    /// Statements that this connection has prepared, by their texts.
    prepared: HashMap<Text, postgres::Statement>,
    late_commit: LateCommit,
}

/// The text of a statement, identified by its address and length, so that finding it does not read the text.
#[derive(PartialEq, Eq, Hash)]
struct Text(usize, usize);

impl Postgres {
    fn new(client: Client) -> Self {
        Self { client, prepared: HashMap::new(), late_commit: LateCommit::Leave }
    }

    fn prepare(&mut self, text: &'static str) -> Result<postgres::Statement> {
        let key = Text(text.as_ptr().addr(), text.len());
        if let Some(statement) = self.prepared.get(&key) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text)?;
        self.prepared.insert(key, statement.clone());
        Ok(statement)
    }
}

#[cfg(test)]
impl Postgres {
    /// The types of a statement's parameters. For a batch statement, the types of the columns of its rows.
    pub(crate) fn parameter_kinds(
        &mut self,
        text: &'static str,
    ) -> Result<Vec<super::compare::Kind>> {
        use super::compare::Kind;
        use postgres::types::Type;
        let kind = |kind: &Type| match *kind {
            Type::INT8 | Type::INT8_ARRAY => Ok(Kind::Int),
            Type::TEXT | Type::TEXT_ARRAY => Ok(Kind::Text),
            Type::BYTEA | Type::BYTEA_ARRAY => Ok(Kind::Bytes),
            ref other => Err(Error::Internal(format!("a parameter has type {other}"))),
        };
        self.prepare(text)?.params().iter().map(kind).collect()
    }

    /// Resets the sequence of ids, so that the same ids are assigned again.
    pub(crate) fn reset_ids(&mut self, table: &str) {
        let text = format!(
            "select setval(s.name, coalesce((select max(id) from {table}), 0) + 1, false) \
             from pg_get_serial_sequence('{table}', 'id') s (name) where s.name is not null"
        );
        if ["account", "session", "revocation", "conversation", "message", "node"].contains(&table)
        {
            self.script(&text).unwrap();
        }
    }
}

impl Engine for Postgres {
    fn run(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>> {
        let statement = self.prepare(statement.postgres)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        self.client.query(&statement, &params)?.iter().map(encode::row).collect()
    }

    fn run_batch(
        &mut self,
        batch: &'static BatchStatement,
        rows: &[Vec<Value<'_>>],
    ) -> Result<Vec<Row>> {
        let statement = self.prepare(batch.text.postgres)?;
        let columns = encode::columns(rows, statement.params().len());
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        self.client.query(&statement, &params)?.iter().map(encode::row).collect()
    }

    fn run_batches(
        &mut self,
        batches: &[(&'static BatchStatement, Rows<'_>)],
    ) -> Result<Vec<Vec<Row>>> {
        let mut answers: Vec<_> = batches.iter().map(|_| Vec::new()).collect();
        let (mut indexes, mut statements, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (batch, rows)) in batches.iter().enumerate().filter(|(_, it)| !it.1.is_empty())
        {
            let statement = self.prepare(batch.text.postgres)?;
            indexes.push(index);
            columns.push(encode::columns(rows, statement.params().len()));
            statements.push(statement);
        }
        let params = columns.iter().map(|columns| columns.iter().map(|it| it as _).collect());
        let params: Vec<Vec<&(dyn ToSql + Sync)>> = params.collect();
        let queries: Vec<_> = statements.iter().zip(params.iter().map(Vec::as_slice)).collect();
        for (index, found) in indexes.into_iter().zip(self.client.query_all(&queries)?) {
            answers[index] = found.iter().map(encode::row).collect::<Result<_>>()?;
        }
        Ok(answers)
    }

    fn search(&mut self, query: &SearchQuery) -> Result<Vec<i64>> {
        // A timeout of 0 would mean no bound.
        let left = query.deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
        self.script(&format!("begin; set local statement_timeout = {left}"))?;
        let found = self.find(query);
        self.rollback()?;
        if Instant::now() >= query.deadline { Err(too_slow()) } else { found }
    }

    fn index_some(&mut self, place: IndexCursor) -> Result<Option<IndexCursor>> {
        self.index_wordless(place)
    }

    fn move_recent(&mut self) -> Result<()> {
        Ok(()) // PostgreSQL has no separate tables of recent rows.
    }

    fn time(&mut self) -> Result<Option<i64>> {
        self.run(&CLOCK, &[])?.first().map(|row| row.int(0)).transpose()
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql)?)
    }

    fn migrate(&mut self, script: &str) -> Result<()> {
        self.script(schema::USE_DEFAULT_PLANNER)?;
        self.script(script)?;
        self.script(schema::USE_OUR_PLANNER)
    }

    fn begin(&mut self) -> Result<()> {
        self.client.reset_patience();
        self.late_commit = LateCommit::Leave;
        // The methods rely on this isolation level, which may not be the database's default.
        self.script("begin isolation level read committed")
    }

    fn commit(&mut self) -> Result<()> {
        let warned = self.client.commit(self.late_commit).map_err(|error| {
            // 40 and 23: rolled back; 25: there was nothing to commit. Any other error may come after the commit.
            let is_settled = error.code().is_some_and(|state| {
                ["40", "23", "25"].iter().any(|class| state.code().starts_with(class))
            });
            if is_settled { error.into() } else { Error::InDoubt(error.to_string()) }
        })?;
        // For example, the wait for a standby was cancelled, so that only this server has the commit.
        warned.map_or(Ok(()), |text| Err(Error::InDoubt(text)))
    }

    fn rollback(&mut self) -> Result<()> {
        self.script("rollback")
    }

    fn lock_schema(&mut self) -> Result<()> {
        self.client.set_patience(None);
        // Its locks keep everybody from reading. Whoever is told of anything later is told only once the standby has both.
        self.late_commit = LateCommit::Cancel;
        self.script(schema::NO_TIMEOUTS)?;
        self.run(&schema::LOCK_SCHEMA, &[])?;
        self.script(schema::SCHEMA_VERSION)
    }

    fn migrations(&self) -> &'static [(i64, &'static str)] {
        MIGRATIONS
    }

    fn repair(&self) -> (i64, &'static str) {
        (1, include_str!("../../migrations/postgres/repair.sql"))
    }

    fn is_alive(&mut self) -> bool {
        self.client.is_alive()
    }

    fn set_deadline(&mut self, until: Option<Instant>) {
        self.client.set_deadline(until);
    }

    fn checkpoint(&mut self) -> Result<()> {
        Ok(()) // The PostgreSQL server makes its own checkpoints.
    }

    /// Backups and the server's write-ahead log are not erased.
    fn scrub(&mut self, accounts: &[i64], interval: Duration) -> Result<Vec<i64>> {
        self.rewrite_personal(accounts, interval)
    }

    fn cannot_scrub(&mut self) -> Result<Option<String>> {
        self.not_owned()
    }
}

statements! {
    /// The time by the server's clock, in milliseconds.
    static CLOCK: Statement =
        Statement::only_postgres("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatabaseUrl;
    use crate::limit::READ_TIMEOUT;
    use crate::url::Backend;

    #[test]
    fn a_read_for_a_request_is_interrupted_and_the_next_one_runs() {
        static SLEEP: Statement = Statement::only_postgres("select count(*) from pg_sleep(60)");
        static ONE: Statement = Statement::both("select 1");
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let url: DatabaseUrl = url.parse().unwrap();
        let Backend::Postgres(config, tls, given) = &url.0 else {
            panic!("{url} is no PostgreSQL")
        };
        let mut reader =
            Connector::new(config, tls, given).unwrap().connect(Purpose::Read).unwrap();
        let begin = std::time::Instant::now();
        let slept = reader.run(&SLEEP, &[]);
        assert!(matches!(slept, Err(Error::TimedOut(_))), "{slept:?}");
        assert!(begin.elapsed() >= READ_TIMEOUT);
        reader.run(&ONE, &[]).unwrap();
    }

    #[test]
    fn a_script_is_planned_freely_and_what_comes_after_it_is_not() {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let url: DatabaseUrl = url.parse().unwrap();
        let Backend::Postgres(config, tls, given) = &url.0 else {
            panic!("{url} is no PostgreSQL")
        };
        let mut writer =
            Connector::new(config, tls, given).unwrap().connect(Purpose::Write).unwrap();
        let script = "create table planned as select current_setting('enable_hashjoin') || ' ' \
                      || current_setting('enable_seqscan') as settings";
        writer.begin().unwrap();
        writer.migrate(script).unwrap();
        static SETTINGS: Statement = Statement::only_postgres(
            "select settings, current_setting('enable_hashjoin') || ' ' \
                   || current_setting('enable_seqscan') from planned",
        );
        let mut row = writer.run(&SETTINGS, &[]).unwrap().remove(0);
        assert_eq!([row.text(0).unwrap(), row.text(1).unwrap()], ["on on", "off off"]);
        writer.rollback().unwrap();
    }
}
