//! The settings of each session. They override those of the server, the database and the role.
//!
//! They are set by statements after connecting. Poolers refuse settings in the startup packet that they do not track.

use std::fmt::Write as _;

use crate::engine::Purpose;
use crate::limit::WRITE_IDLE_TIMEOUT;

/// Encoding, bounds on the server's side in milliseconds, and the planner settings that the statements need.
///
/// Each planner setting has the reason for which it is here, measured on 2026-11-29 with PostgreSQL 15 by
/// `tests/contract/planner.rs`: 2,000 accounts and 40,000 messages. The numbers are index entries and rows read.
const SETTINGS: &[(&str, &str)] = &[
    ("client_encoding", "UTF8"),
    ("statement_timeout", "15000"),
    ("lock_timeout", "5000"),
    ("idle_in_transaction_session_timeout", "15000"),
    // A plan that was made while a table was small is kept until PostgreSQL collects statistics. If such a plan may scan the
    // table, 500 messages and their receipts take 3.0 s in place of 0.5 s after 40,000 messages, and longer than a commit may
    // (10 s) before 60,000.
    ("enable_seqscan", "off"),
    // 44,112 in place of 7,338 for 200 receipts, and 14,856 in place of 3,338 for a page of conversations.
    ("enable_hashjoin", "off"),
    // 4,781 in place of 3,682 for 200 messages, and 1,822 in place of 1,096 for a search in many conversations.
    ("enable_mergejoin", "off"),
    // Not by this measurement: decision 14. Receipts in a long log took 7 ms in place of 0.7 ms.
    ("enable_material", "off"),
    // With these two off by the database or the role nothing is left to prefer: a commit took longer than it may after 4,000
    // messages, and a message to a group read 16,779 in place of 244.
    ("enable_nestloop", "on"),
    ("enable_indexscan", "on"),
    // A table without a fitting index is scanned all the same, at a cost of 10^10, for which PostgreSQL compiles the
    // statement: 61 ms in place of 0.02 ms for a count of two rows.
    ("jit", "off"),
];

/// Bounds of newer servers that would end an idle connection or a long upgrade.
const WITHOUT_BOUND: &str = "select set_config(name, '0', false) from (values ('idle_session_timeout'), ('transaction_timeout')) t (name) \
     where current_setting(name, true) is not null";

/// A commit is on the disk, and on a synchronous standby's, before it returns. `remote_apply` is stronger still, and stays.
const SYNCHRONOUS: &str = "select set_config('synchronous_commit', 'on', false) \
     where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')";

/// Settings that a URL gives, as in `options=-c%20work_mem=8MB`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServerSettings(Vec<(String, String)>);

impl ServerSettings {
    /// Reads what libpq would send as command-line options of the server. `None` if an option is no setting.
    pub(crate) fn parse(options: &str) -> Option<Self> {
        let mut given = Vec::new();
        let mut words = words(options).into_iter();
        while let Some(word) = words.next() {
            let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
                Some("") => words.next(),
                Some(setting) => Some(setting.to_owned()),
                None => None,
            };
            let (name, value) = setting.as_deref().and_then(|setting| setting.split_once('='))?;
            given.push((name.replace('-', "_"), value.to_owned()));
        }
        Some(Self(given))
    }
}

/// Splits at spaces. A backslash escapes a space.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut letters) = (Vec::new(), String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.extend(letters.next()),
            _ if letter.is_whitespace() => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The statements that set everything, for one round trip. Settings in the URL override the others.
pub(super) fn statements(usage: Purpose, given: &ServerSettings) -> String {
    let mut sql = String::new();
    let timeout = usage.timeout().map(|it| it.as_millis().to_string());
    let idle = (usage == Purpose::Write).then(|| WRITE_IDLE_TIMEOUT.as_millis().to_string());
    let all = SETTINGS.iter().copied();
    let all = all.chain(timeout.as_deref().map(|it| ("statement_timeout", it)));
    let all = all.chain(idle.as_deref().map(|it| ("idle_in_transaction_session_timeout", it)));
    let all = all.chain(given.0.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    for (name, value) in all {
        let _ = write!(sql, "select set_config({}, {}, false);", quoted(name), quoted(value));
    }
    let _ = write!(sql, "{WITHOUT_BOUND};{SYNCHRONOUS}");
    sql
}

/// An SQL literal that means the same whatever `standard_conforming_strings` is.
fn quoted(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::Connector;
    use super::*;
    use crate::url::Backend;

    /// PostgreSQL began to count a little before the test.
    const SLACK: Duration = Duration::from_millis(500);

    #[test]
    fn settings_in_a_url_are_read_as_the_server_would() {
        let given = ServerSettings::parse(
            "-c work_mem=8MB -cjit=on  --enable-sort=off -c search_path=a\\ b",
        )
        .unwrap();
        let expected =
            [("work_mem", "8MB"), ("jit", "on"), ("enable_sort", "off"), ("search_path", "a b")];
        assert_eq!(given.0, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(ServerSettings::parse("-d 5").is_none());
        assert!(ServerSettings::parse("-c").is_none());
    }

    #[test]
    fn a_session_is_as_it_must_be_whatever_the_database_has_set() {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let settings = |url: &str, usage, names: &[&str]| -> Vec<String> {
            let url: crate::DatabaseUrl = url.parse().unwrap();
            let Backend::Postgres(config, tls, given) = &url.0 else {
                panic!("{url} is no PostgreSQL")
            };
            let mut client = Connector::new(config, tls, given).unwrap().session(usage).unwrap();
            let show = |name: &&str| client.query(&format!("show {name}"), &[]).unwrap()[0].get(0);
            names.iter().map(show).collect()
        };
        let alter = |what: &str| {
            let name = url.rsplit('/').next().unwrap();
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            client.batch_execute(&format!("alter database {name} set {what}")).unwrap();
        };
        for (theirs, ours) in [
            ("off", "on"),
            ("local", "on"),
            ("remote_write", "on"),
            ("on", "on"),
            ("remote_apply", "remote_apply"),
        ] {
            alter(&format!("synchronous_commit = {theirs}"));
            assert_eq!(settings(&url, Purpose::Write, &["synchronous_commit"]), [ours], "{theirs}");
        }
        for theirs in [
            "statement_timeout = '9s'",
            "idle_session_timeout = '10s'",
            "enable_nestloop = off",
            "work_mem = '1MB'",
        ] {
            alter(theirs);
        }
        let names = [
            "statement_timeout",
            "idle_session_timeout",
            "enable_nestloop",
            "enable_seqscan",
            "work_mem",
            "idle_in_transaction_session_timeout",
        ];
        assert_eq!(settings(&url, Purpose::Write, &names), ["15s", "0", "on", "off", "1MB", "2s"]);
        assert_eq!(settings(&url, Purpose::Read, &names), ["3s", "0", "on", "off", "1MB", "15s"]);
        let given = format!(
            "{url}?options=-c%20work_mem=9MB%20-c%20statement_timeout=7s%20-c%20synchronous_commit=off"
        );
        let names = ["work_mem", "statement_timeout", "synchronous_commit", "client_encoding"];
        assert_eq!(settings(&given, Purpose::Write, &names), ["9MB", "7s", "on", "UTF8"]);
    }

    #[test]
    fn a_transaction_that_writes_and_stands_still_is_ended() {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let url: crate::DatabaseUrl = url.parse().unwrap();
        let Backend::Postgres(config, tls, given) = &url.0 else {
            panic!("{url} is no PostgreSQL")
        };
        let connector = Connector::new(config, tls, given).unwrap();
        let mut writer = connector.session(Purpose::Write).unwrap();
        writer.batch_execute("begin; create table locked ()").unwrap();
        let began = Instant::now();
        // It waits for the lock of the writer, which stands still.
        let mut other = connector.session(Purpose::Write).unwrap();
        other.batch_execute("create table locked ()").unwrap();
        let waited = began.elapsed();
        assert!(WRITE_IDLE_TIMEOUT - SLACK < waited, "{waited:?}");
        assert!(writer.batch_execute("commit").is_err());
    }

    #[test]
    fn no_value_ends_its_literal() {
        assert_eq!(quoted(r"a'b\'c"), r"E'a''b\\''c'");
    }
}
