//! The checks before the program starts: whether PostgreSQL's settings keep the promise of `sent`, and whether it has enough
//! free connections.

use std::error::Error as _;
use std::time::Duration;

use super::{Client, Connector, Postgres, text};
use crate::Error;
use crate::engine::{Purpose, StartError};

/// How long each step may take. A pooler without a free connection lets its clients wait and says nothing.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// How many times each connection asks which process of PostgreSQL answers. A pooler in transaction mode may give the process to
/// another client between two questions.
const PROCESS_ROUNDS: usize = 5;

/// The settings and rights that are checked. A superuser may use the reserved connections, too.
const FACTS: &str = "
    select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
        current_setting('server_encoding'), current_database()::text, current_user::text, current_schema()::text,
        current_schema() is not null and has_schema_privilege(current_schema(), 'create'),
        to_regclass('schema_version') is not null,
        coalesce(has_table_privilege(to_regclass('schema_version'), 'select'), true),
        r.rolsuper,
        current_setting('max_connections')::bigint,
        current_setting('superuser_reserved_connections')::bigint + coalesce(current_setting('reserved_connections', true)::bigint, 0),
        r.rolconnlimit::bigint, d.datconnlimit::bigint,
        current_setting('server_version_num')::bigint, current_setting('synchronous_standby_names')
    from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()";

/// The version, the number of free connections, and the clock in milliseconds.
const LOOK: &str = "
    select current_setting('server_version'),
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
            - coalesce(current_setting('reserved_connections', true)::bigint, 0)
            - (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()),
        (extract(epoch from clock_timestamp()) * 1000)::bigint";

/// The state of a PostgreSQL server, for `doctor`.
pub(crate) struct ServerInfo {
    pub(crate) version: String,
    /// Sentences about settings that weaken a promise.
    pub(crate) warnings: Vec<String>,
    /// The number of free connections.
    pub(crate) free: i64,
    /// The server's clock, in milliseconds since 1970.
    pub(crate) clock: Option<i64>,
    /// This machine's clock at the same moment, in milliseconds since 1970.
    pub(crate) at: i64,
}

impl Connector {
    /// Checks the settings of PostgreSQL, and opens `needed` connections at a time to see that it grants them.
    pub(crate) fn check(&self, needed: usize) -> Result<(), StartError> {
        let mut clients = Vec::with_capacity(needed);
        for have in 0..needed {
            let fault = |error| self.fault(&error, have, needed);
            let mut client = self.client(STEP_TIMEOUT).map_err(fault)?;
            if have == 0 {
                for warning in self.check_facts(&mut client, needed)? {
                    tracing::warn!("{warning}");
                }
            }
            let process = process(&mut client).map_err(fault)?;
            clients.push((client, process));
            if let [one, two] = &mut clients[..] {
                self.check_pooling(one, two)?;
            }
        }
        drop(clients);
        // A session setting that the server refuses is noticed here, and not when the first message is sent.
        let set = self.session(Purpose::Read).map(drop);
        set.map_err(|error| self.fault(&error, needed, needed))
    }

    /// Opens one connection, for an operator's command. It does not wait for a server that cannot be reached.
    pub(crate) fn open(&self, usage: Purpose) -> Result<Postgres, StartError> {
        let client = self.session(usage).map_err(|error| self.fault(&error, 0, 1))?;
        Ok(Postgres::new(client))
    }

    /// Checks the same as [`Connector::check`], with one connection only.
    pub(crate) fn look(&self, needed: usize) -> Result<ServerInfo, StartError> {
        let fault = |error| self.fault(&error, 0, needed);
        let mut client = self.client(STEP_TIMEOUT).map_err(fault)?;
        let warnings = self.check_facts(&mut client, needed)?;
        let row = client.one_row(LOOK).map_err(fault)?;
        let at = crate::clock::wall_time();
        let number = |at: usize| row.get(at).and_then(|word| word.parse().ok());
        let version = row.first().cloned().unwrap_or_default();
        Ok(ServerInfo { version, warnings, free: number(1).unwrap_or(0), clock: number(2), at })
    }

    /// Fails if a setting breaks a promise. Returns warnings about settings that weaken one.
    fn check_facts(&self, client: &mut Client, needed: usize) -> Result<Vec<String>, StartError> {
        let row = client.one_row(FACTS).map_err(|error| self.fault(&error, 0, needed))?;
        let word = |at: usize| row.get(at).map_or("", String::as_str);
        let is = |at: usize| word(at) == "t";
        let number = |at: usize| word(at).parse().unwrap_or(0_i64);
        let (database, role) = (word(4), word(5));
        if word(0) == "off" {
            return Err(StartError::Permanent(
                "PostgreSQL runs with fsync=off and loses what it has confirmed when the machine stops: set fsync = on in postgresql.conf and reload it"
                    .to_owned(),
            ));
        }
        if word(3) != "UTF8" {
            return Err(StartError::Permanent(format!(
                "the database {database} has the encoding {}, which cannot hold all text: make another with createdb --encoding UTF8 --template template0 NAME, and move what there is with pg_dump",
                word(3)
            )));
        }
        if !is(8) && !is(7) {
            let schema = if word(6).is_empty() { "public" } else { word(6) };
            return Err(StartError::Permanent(format!(
                "the role {role} may not make tables in the schema {schema} of {database}: as its owner run grant usage, create on schema {schema} to \"{role}\""
            )));
        }
        if !is(9) {
            return Err(StartError::Permanent(format!(
                "the role {role} may not read the tables of {database}: as their owner run grant select, insert, update, delete on all tables in schema {} to \"{role}\"",
                word(6)
            )));
        }
        let all = number(11) - if is(10) { 0 } else { number(12) };
        let bounds = [number(13), number(14)].into_iter().filter(|most| *most >= 0 && !is(10));
        let most = bounds.fold(all, i64::min);
        if most < needed as i64 {
            return Err(StartError::Permanent(format!(
                "this program needs {needed} connections, and PostgreSQL lets {role} have {most} in {database}: raise max_connections, or the connection limit of the role or the database"
            )));
        }
        let mut warnings = Vec::new();
        if word(1) == "off" {
            warnings.push(
                "PostgreSQL runs with full_page_writes=off: a power cut may damage the database unless the disk writes whole pages"
                    .to_owned(),
            );
        }
        let synchronous = word(2);
        if ["off", "local", "remote_write"].contains(&synchronous) {
            warnings.push(format!(
                "synchronous_commit is {synchronous} in PostgreSQL, which may lose what is confirmed: this program uses on"
            ));
        }
        if !word(16).is_empty() && forgets_standby_at_start(number(15)) {
            warnings.push(
                "this version of PostgreSQL does not always wait for its synchronous standby directly after a start, and may then lose what is confirmed: update it to 13.21, 14.18, 15.13, 16.9, 17.5 or later"
                    .to_owned(),
            );
        }
        Ok(warnings)
    }

    /// Fails behind a pooler in transaction mode. With sessions, each client always has the same process, and no other client
    /// has it.
    fn check_pooling(
        &self,
        (one, first): &mut (Client, String),
        (two, second): &mut (Client, String),
    ) -> Result<(), StartError> {
        let fault = |error| self.fault(&error, 2, 2);
        let mut is_mixed = first == second;
        for _ in 0..PROCESS_ROUNDS {
            // The first client twice in a row, then the second one: a pooler may reuse the connection that was idle for longest,
            // or the one that was used last.
            is_mixed |= process(one).map_err(fault)? != *first;
            is_mixed |= process(one).map_err(fault)? != *first;
            is_mixed |= process(two).map_err(fault)? != *second;
        }
        if is_mixed {
            return Err(StartError::Permanent(
                "a pooler gives each transaction another connection to PostgreSQL, which mixes up statements and settings: set pool_mode = session in PgBouncer, or connect to PostgreSQL itself"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// The start error for an error of PostgreSQL, with what the operator can do about it.
    fn fault(&self, error: &postgres::Error, have: usize, needed: usize) -> StartError {
        let said = text(error);
        let role = self.config.get_user().unwrap_or("");
        let database = self.config.get_dbname().unwrap_or(role);
        let Some(code) = error.code() else {
            let is_late = have > 1 && said.contains("timeout");
            return if is_late { no_more(have, needed) } else { fault_without_code(error, said) };
        };
        let message = error.as_db_error().map_or("", |it| it.message());
        match code.code() {
            "53300" => StartError::Transient(format!(
                "this program needs {needed} connections, and {have} are free: {message}"
            )),
            "28P01" => {
                StartError::Permanent(format!("{message}: the URL's password is not the role's"))
            }
            "28000" => StartError::Permanent(format!(
                "{message}: PostgreSQL does not let {role} in from here; see the role and pg_hba.conf"
            )),
            "3D000" => {
                StartError::Permanent(format!("{message}: make it with createdb {database}"))
            }
            "42501" => StartError::Permanent(format!(
                "{message}: as its owner run grant connect on database \"{database}\" to \"{role}\""
            )),
            "08P01"
                if ["no such", "unsupported", "not allowed"]
                    .iter()
                    .any(|it| message.starts_with(it)) =>
            {
                StartError::Permanent(format!("{message}: the pooler refuses; see its settings"))
            }
            code if ["08", "53", "57", "58", "25", "40"]
                .iter()
                .any(|class| code.starts_with(class)) =>
            {
                StartError::Transient(said)
            }
            _ => StartError::Permanent(said),
        }
    }
}

/// The start error for a failed migration of the schema.
pub(crate) fn fault(error: Error) -> StartError {
    match error {
        // For example, a statement has waited too long for a lock of another transaction, which may be gone at the next try.
        Error::Unavailable(said) | Error::InDoubt(said) | Error::TimedOut(said) => {
            StartError::Transient(said)
        }
        Error::Internal(said)
            if said.contains("permission denied") || said.contains("must be owner") =>
        {
            StartError::Permanent(format!(
                "{said}: the schema must be changed for this version; start it once as the role that owns the tables and may create in their schema"
            ))
        }
        error => StartError::Permanent(error.to_string()),
    }
}

/// Whether this version, as in `server_version_num`, may commit without its synchronous standby directly after a start. Mended in
/// PostgreSQL's releases of 2025-05-08.
fn forgets_standby_at_start(version: i64) -> bool {
    let mended = [(13, 21), (14, 18), (15, 13), (16, 9), (17, 5)];
    let is_older = |(major, minor)| version / 10_000 == major && version % 10_000 < minor;
    mended.into_iter().any(is_older)
}

fn no_more(have: usize, needed: usize) -> StartError {
    StartError::Transient(format!(
        "this program needs {needed} connections, and after {have} no more came within {} s: let the pooler keep more of them (pool_size)",
        STEP_TIMEOUT.as_secs()
    ))
}

fn fault_without_code(error: &postgres::Error, said: String) -> StartError {
    if said.contains("password missing") {
        return StartError::Permanent(
            "PostgreSQL asks for a password and the URL has none: postgres://USER:PASSWORD@HOST/NAME".to_owned(),
        );
    }
    if said.contains("server does not support TLS") {
        return StartError::Permanent(format!(
            "{said}: set ssl = on in PostgreSQL, or add sslmode=disable to the URL in a network that you trust"
        ));
    }
    let mut cause = error.source();
    while let Some(one) = cause {
        if let Some(io) = one.downcast_ref::<std::io::Error>() {
            if io.kind() == std::io::ErrorKind::PermissionDenied {
                return StartError::Permanent(format!(
                    "{said}: give this program's user a right to the socket"
                ));
            }
            if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                return StartError::Permanent(format!(
                    "{said}: the certificate must be for the URL's host and from an authority that is trusted (sslrootcert=PATH)"
                ));
            }
        }
        cause = one.source();
    }
    if said.starts_with("authentication error") || said.starts_with("invalid configuration") {
        return StartError::Permanent(said);
    }
    StartError::Transient(said)
}

/// The number of the PostgreSQL process that answers.
fn process(client: &mut Client) -> Result<String, postgres::Error> {
    Ok(client.one_row("select pg_backend_pid()")?.pop().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::forgets_standby_at_start;

    #[test]
    fn old_minor_versions_forget_the_standby() {
        for (version, is_old) in [
            (130_020, true),
            (130_021, false),
            (150_012, true),
            (150_018, false),
            (170_004, true),
            (180_000, false),
        ] {
            assert_eq!(forgets_standby_at_start(version), is_old, "{version}");
        }
    }
}
