//! PostgreSQL 13 to 18, through the blocking driver.

mod client;
mod rewrite;
mod search;
mod session;
mod start;
mod together;
mod transfer;

use std::collections::HashMap;
use std::error::Error as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use postgres::Statement;
use postgres::error::SqlState;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type as SqlType, to_sql_checked};
use tokio_postgres::Config;

use super::{Cell, Engine, ForEach, IndexCursor, Purpose, Row, Rows, Type, Value, tls, with_words};
use crate::limit::{ANSWER_GRACE, CONNECT_TIMEOUT, STATEMENT_TIMEOUT};
use crate::search::{SearchQuery, too_slow};
use crate::url::Tls;
use crate::{Error, OpenError, Result};
use client::Client;
pub(crate) use session::ServerSettings;
pub(crate) use start::fault;
use together::Together;

/// How long the other side may stay silent on data we sent before the connection counts as dead.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// A server from which nothing comes is asked so often whether it is there,
const KEEPALIVE: Duration = Duration::from_secs(5);
/// and so many times.
const KEEPALIVES: u32 = 3;
/// Any number that is ours: it keeps two nodes from migrating at once.
const SCHEMA_LOCK: &str = "select 1 from pg_advisory_xact_lock(7236837)";
const TRY_SCHEMA_LOCK: &str = "select 1 where pg_try_advisory_xact_lock(7236837)";
/// Who may not make tables may still use those that there are. At first there were no checksums.
const SCHEMA_VERSION: &str = "do $$ begin \
     if to_regclass('schema_version') is null then \
     create table schema_version (version bigint primary key, checksum text); \
     elsif not exists (select from pg_attribute where attrelid = to_regclass('schema_version') and attname = 'checksum') then \
     alter table schema_version add column checksum text; end if; end $$";
/// To rewrite or index what there is takes as long as it takes.
const NO_HURRY: &str = "set local statement_timeout = 0; set local lock_timeout = 0";
/// A migration goes through whole tables, and as [`session`] has it would hold each row against all others. Only the scripts are
/// planned like this: the plans of other statements are kept.
const PLAN_FREELY: &str = "select set_config('messenger.' || name, current_setting(name), true), set_config(name, value, true) \
     from (values ('join_collapse_limit', '8'), ('enable_seqscan', 'on'), ('enable_hashjoin', 'on'), \
     ('enable_mergejoin', 'on'), ('enable_material', 'on')) t (name, value)";
const PLAN_AS_EVER: &str = "select set_config(name, current_setting('messenger.' || name), true) \
     from (values ('join_collapse_limit'), ('enable_seqscan'), ('enable_hashjoin'), ('enable_mergejoin'), ('enable_material')) t (name)";

static MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/postgres/0001_accounts_and_logs.sql")),
    (2, include_str!("../../migrations/postgres/0002_conversations.sql")),
    (3, include_str!("../../migrations/postgres/0003_entries.sql")),
    (4, include_str!("../../migrations/postgres/0004_member_by_whole_key.sql")),
    (5, include_str!("../../migrations/postgres/0005_pair_by_whole_key.sql")),
    (6, include_str!("../../migrations/postgres/0006_message_requests.sql")),
    (7, include_str!("../../migrations/postgres/0007_bounds.sql")),
    (8, include_str!("../../migrations/postgres/0008_search_and_blocks.sql")),
    (9, include_str!("../../migrations/postgres/0009_email_keys.sql")),
    (10, include_str!("../../migrations/postgres/0010_counted_invitations.sql")),
    (11, include_str!("../../migrations/postgres/0011_groups_of_a_member.sql")),
    (12, include_str!("../../migrations/postgres/0012_clock.sql")),
    (13, include_str!("../../migrations/postgres/0013_last_seen_of_a_blocker.sql")),
    (14, include_str!("../../migrations/postgres/0014_node.sql")),
    (15, include_str!("../../migrations/postgres/0015_deleted_entries.sql")),
    (16, include_str!("../../migrations/postgres/0016_folded_words.sql")),
    (17, include_str!("../../migrations/postgres/0017_confirmed_clock.sql")),
];

/// How to connect.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    /// Settings that the URL gives.
    given: ServerSettings,
    tls: Option<tokio_postgres_rustls::MakeRustlsConnect>,
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
        Ok(Self { config, given: given.clone(), tls })
    }

    /// While the program runs, whatever keeps it from connecting is waited for.
    pub(crate) fn connect(&self, usage: Purpose) -> Result<Postgres> {
        let client = self.session(usage).map_err(|error| Error::Unavailable(text(&error)))?;
        Ok(Postgres { client, prepared: HashMap::new(), together: HashMap::new() })
    }

    /// A connection with our settings.
    fn session(&self, usage: Purpose) -> std::result::Result<Client, postgres::Error> {
        let patience = usage.timeout().unwrap_or(STATEMENT_TIMEOUT) + ANSWER_GRACE;
        let mut client = self.client(patience)?;
        client.batch_execute(&session::statements(usage, &self.given))?;
        Ok(client)
    }

    /// One with the server's.
    fn client(&self, patience: Duration) -> std::result::Result<Client, postgres::Error> {
        Client::connect(&self.config, self.tls.as_ref(), patience)
    }
}

pub(crate) struct Postgres {
    client: Client,
    /// By the statement's text, before its placeholders are filled in.
    prepared: HashMap<&'static str, Statement>,
    /// By the texts of all.
    together: HashMap<Vec<&'static str>, Together>,
}

impl Postgres {
    fn prepare(&mut self, key: &'static str, text: impl FnOnce() -> String) -> Result<Statement> {
        if let Some(statement) = self.prepared.get(key) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&text())?;
        self.prepared.insert(key, statement.clone());
        Ok(statement)
    }

    fn query(&mut self, statement: &Statement, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let all = 0..statement.columns().len();
        self.client.query(statement, params)?.iter().map(|found| row(found, all.clone())).collect()
    }

    fn prepare_for_each(&mut self, each: &'static ForEach) -> Result<Statement> {
        self.prepare(each.sql, || for_each_text(each, 1))
    }

    fn prepare_together(&mut self, all: &[&'static ForEach]) -> Result<Together> {
        let key: Vec<_> = all.iter().map(|each| each.sql).collect();
        if let Some(together) = self.together.get(&key) {
            return Ok(together.clone());
        }
        let alone = all.iter().map(|each| self.prepare_for_each(each));
        let alone: Vec<_> = alone.collect::<Result<_>>()?;
        let together = Together::prepare(&mut self.client, all, &alone)?;
        self.together.insert(key, together.clone());
        Ok(together)
    }
}

impl Engine for Postgres {
    fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>> {
        let statement = self.prepare(sql, || sql.replace("{lock}", "for update"))?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        self.query(&statement, &params)
    }

    fn run_for_each(
        &mut self,
        each: &'static ForEach,
        rows: &[Vec<Value<'_>>],
    ) -> Result<Vec<Row>> {
        let statement = self.prepare_for_each(each)?;
        let columns: Vec<_> = columns(each, rows).collect();
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        self.query(&statement, &params)
    }

    fn run_all(&mut self, all: &[(&'static ForEach, Rows<'_>)]) -> Result<Vec<Vec<Row>>> {
        let mut answers: Vec<_> = all.iter().map(|_| Vec::new()).collect();
        let places: Vec<_> = (0..all.len()).filter(|place| !all[*place].1.is_empty()).collect();
        if let [place] = places[..] {
            answers[place] = self.run_for_each(all[place].0, &all[place].1)?;
        } else if !places.is_empty() {
            let statements: Vec<_> = places.iter().map(|place| all[*place].0).collect();
            let together = self.prepare_together(&statements)?;
            let columns = places.iter().flat_map(|place| columns(all[*place].0, &all[*place].1));
            let columns: Vec<_> = columns.collect();
            let params: Vec<_> = columns.iter().map(|column| column as _).collect();
            for found in self.client.query(&together.statement, &params)? {
                let number = found.try_get::<_, i32>(0)? as usize;
                answers[places[number]].push(row(&found, together.columns[number].clone())?);
            }
        }
        Ok(answers)
    }

    fn search(&mut self, query: &SearchQuery) -> Result<Vec<i64>> {
        // None is no bound here.
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
        Ok(()) // There is nothing kept apart.
    }

    fn time(&mut self) -> Result<Option<i64>> {
        let sql = "select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)";
        self.run(sql, &[])?.first().map(|row| row.int(0)).transpose()
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql)?)
    }

    fn migrate(&mut self, script: &str) -> Result<()> {
        self.script(PLAN_FREELY)?;
        self.script(script)?;
        self.script(PLAN_AS_EVER)
    }

    fn begin(&mut self) -> Result<()> {
        self.client.reset_patience();
        // What the verbs rely on, whatever the database's default.
        self.script("begin isolation level read committed")
    }

    fn commit(&mut self) -> Result<()> {
        let warned = self.client.commit().map_err(|error| {
            // 40 and 23: rolled back, 25: there was nothing to commit. Whatever else it says, it may come after the fact.
            let is_settled = error.code().is_some_and(|state| {
                ["40", "23", "25"].iter().any(|class| state.code().starts_with(class))
            });
            if is_settled { error.into() } else { Error::InDoubt(error.to_string()) }
        })?;
        // Such as: the wait for a standby was given up, and only this server has it.
        warned.map_or(Ok(()), |text| Err(Error::InDoubt(text)))
    }

    fn rollback(&mut self) -> Result<()> {
        self.script("rollback")
    }

    fn lock_schema(&mut self) -> Result<()> {
        self.client.set_patience(None);
        self.script(NO_HURRY)?;
        self.run(SCHEMA_LOCK, &[])?;
        self.script(SCHEMA_VERSION)
    }

    fn migrations(&self) -> &'static [(i64, &'static str)] {
        MIGRATIONS
    }

    fn repair(&self) -> (i64, &'static str) {
        (1, include_str!("../../migrations/postgres/repair.sql"))
    }

    fn answers(&mut self) -> bool {
        self.client.answers()
    }

    fn bound(&mut self, until: Option<Instant>) {
        self.client.bound(until);
    }

    fn checkpoint(&mut self) -> Result<()> {
        Ok(()) // That is the server's business.
    }

    /// Backups and the server's own log are beyond reach.
    fn scrub(&mut self, accounts: &[i64], interval: Duration) -> Result<Vec<i64>> {
        self.rewrite_personal(accounts, interval)
    }

    fn cannot_scrub(&mut self) -> Result<Option<String>> {
        self.not_owned()
    }
}

/// The statement's text, with its parameters numbered from `first`.
fn for_each_text(each: &ForEach, first: usize) -> String {
    let (mut arrays, mut names) = (Vec::new(), Vec::new());
    for (number, (name, kind)) in (first..).zip(each.columns) {
        let kind = match kind {
            Type::Int => "bigint",
            Type::Text | Type::Words => "text",
        };
        arrays.push(format!("${number}::{kind}[]"));
        names.push(*name);
    }
    let source = format!("unnest({}) as r({})", arrays.join(", "), names.join(", "));
    let values = format!("select * from {source}");
    let sql = with_words(each.sql, true).replace("{values}", &values).replace("{rows}", &source);
    sql.replace("{lock}", "for update")
}

/// The columns of many rows.
fn columns<'v>(each: &ForEach, rows: &[Vec<Value<'v>>]) -> impl Iterator<Item = Column<'v>> {
    each.columns.iter().enumerate().map(|(at, (_, kind))| match kind {
        Type::Int | Type::Text => Column::Values(rows.iter().map(|row| row[at]).collect()),
        Type::Words => Column::Words(rows.iter().map(|row| search::words(row[at])).collect()),
    })
}

/// Reads these columns of a row.
fn row(row: &postgres::Row, columns: Range<usize>) -> Result<Row> {
    let cells = columns.map(|at| {
        let column = &row.columns()[at];
        Ok(match *column.type_() {
            SqlType::INT8 => row.try_get::<_, Option<i64>>(at)?.map_or(Cell::Null, Cell::Int),
            SqlType::INT4 => {
                row.try_get::<_, Option<i32>>(at)?.map_or(Cell::Null, |n| Cell::Int(n.into()))
            }
            SqlType::TEXT => row.try_get::<_, Option<String>>(at)?.map_or(Cell::Null, Cell::Text),
            SqlType::BYTEA => {
                row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Cell::Null, Cell::Bytes)
            }
            ref other => return Err(Error::Internal(format!("column {at} has type {other}"))),
        })
    });
    Ok(Row(cells.collect::<Result<_>>()?))
}

type Encoded = std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &SqlType, out: &mut BytesMut) -> Encoded {
        match self {
            Value::Int(number) => number.to_sql(kind, out),
            Value::Text(text) => text.to_sql(kind, out),
            Value::Bytes(bytes) => bytes.to_sql(kind, out),
            Value::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &SqlType) -> bool {
        matches!(*kind, SqlType::INT8 | SqlType::TEXT | SqlType::BYTEA)
    }

    to_sql_checked!();
}

/// One column of many rows, sent as an array.
#[derive(Debug)]
enum Column<'a> {
    Values(Vec<Value<'a>>),
    Words(Vec<Option<String>>),
}

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &SqlType, out: &mut BytesMut) -> Encoded {
        match self {
            Self::Values(values) => values.as_slice().to_sql(kind, out),
            Self::Words(words) => words.as_slice().to_sql(kind, out),
        }
    }

    fn accepts(kind: &SqlType) -> bool {
        matches!(*kind, SqlType::INT8_ARRAY | SqlType::TEXT_ARRAY)
    }

    to_sql_checked!();
}

/// What went wrong, with its cause.
fn text(error: &postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        let text = text(&error);
        let Some(state) = error.code() else { return Self::Unavailable(text) };
        match *state {
            SqlState::UNIQUE_VIOLATION => Self::AlreadyExists,
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                Self::Contention(text)
            }
            SqlState::QUERY_CANCELED => Self::TimedOut(text),
            SqlState::LOCK_NOT_AVAILABLE | SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::Unavailable(text)
            }
            // 08 connection, 53 resources, 57P operator (shutdown, starting up), 58 system.
            _ if ["08", "53", "57P", "58"].iter().any(|class| state.code().starts_with(class)) => {
                Self::Unavailable(text)
            }
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Corrupted(text),
            _ => Self::Internal(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatabaseUrl;
    use crate::limit::READ_TIMEOUT;
    use crate::url::Backend;

    #[test]
    fn a_read_for_a_request_is_interrupted_and_the_next_one_runs() {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let url: DatabaseUrl = url.parse().unwrap();
        let Backend::Postgres(config, tls, given) = &url.0 else {
            panic!("{url} is no PostgreSQL")
        };
        let mut reader =
            Connector::new(config, tls, given).unwrap().connect(Purpose::Read).unwrap();
        let begin = std::time::Instant::now();
        let slept = reader.run("select count(*) from pg_sleep(60)", &[]);
        assert!(matches!(slept, Err(Error::TimedOut(_))), "{slept:?}");
        assert!(begin.elapsed() >= READ_TIMEOUT);
        reader.run("select 1", &[]).unwrap();
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
                      || current_setting('join_collapse_limit') as settings";
        writer.begin().unwrap();
        writer.migrate(script).unwrap();
        let sql = "select settings, current_setting('enable_hashjoin') || ' ' \
                   || current_setting('join_collapse_limit') from planned";
        let mut row = writer.run(sql, &[]).unwrap().remove(0);
        assert_eq!([row.text(0).unwrap(), row.text(1).unwrap()], ["on 8", "off 1"]);
        writer.rollback().unwrap();
    }
}
