//! Database URLs: which database to open, and how.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use postgres::config::Host;

use crate::engine::postgres::ServerSettings;

/// A database, as `--database` names it. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub struct DatabaseUrl(pub(crate) Backend);

#[derive(Clone)]
pub(crate) enum Backend {
    Memory,
    File(PathBuf),
    Postgres(Box<tokio_postgres::Config>, Tls, ServerSettings),
}

/// Whether and how the connection to PostgreSQL is encrypted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tls {
    /// In the clear: for a Unix socket, the same machine, or a network that is trusted.
    Off,
    /// Encrypted, and the server's certificate is checked against these roots (the system's if none are named).
    VerifyFull { roots: Option<PathBuf> },
}

/// An error in a database URL.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum UrlError {
    /// No known scheme.
    #[error("a database is given as sqlite:PATH, sqlite::memory: or postgres://USER@HOST/NAME")]
    Scheme,
    /// `sqlite:` without a path.
    #[error("sqlite: needs a path, as in sqlite:/var/lib/messenger/messenger.db")]
    Path,
    /// A URI (`file:`), whose escapes and parameters are not supported.
    #[error("sqlite: takes a path and no file: URI; write sqlite:/PATH, without parameters")]
    Uri,
    /// `sqlite:memory:`, which lacks a colon and would name a file.
    #[error(
        "a database in memory is sqlite::memory:, with two colons before memory and one after it"
    )]
    Memory,
    /// White space at an end, or a control character. An editor or a shell may have left it.
    #[error(
        "it begins or ends with a space, or has a line break or another control character in it"
    )]
    Space,
    /// The URL parser of the PostgreSQL client refused it. The error does not repeat the URL, which may contain a password.
    #[error(
        "this is not a PostgreSQL URL, which is postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE"
    )]
    Postgres,
    /// A character in the password is not escaped, so the end of the password is unclear.
    #[error(
        "in a user, a password or a name write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %"
    )]
    Escape,
    /// `options` has something other than settings (`-c name=value`).
    #[error("options in the URL are settings only, as in options=-c%20work_mem=8MB")]
    Options,
    /// The URL names no host.
    #[error(
        "a PostgreSQL URL needs a host: postgres://USER@HOST/NAME, or postgres:///NAME?host=/run/postgresql"
    )]
    Host,
    /// An `sslmode` other than `disable` and `verify-full`.
    #[error(
        "sslmode must be disable or verify-full; what lies between looks safe and is not (certificates would go unchecked)"
    )]
    SslMode,
    /// `sslrootcert` with TLS off.
    #[error("sslrootcert needs sslmode=verify-full")]
    RootsWithoutTls,
}

impl DatabaseUrl {
    /// An SQLite database in the file at `path`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Backend::File(path.into()))
    }

    /// Whether several servers may use the database at the same time: only PostgreSQL.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Backend::Postgres(..))
    }

    /// The path of the database's file; `None` for PostgreSQL and for a database in memory.
    pub fn path(&self) -> Option<&std::path::Path> {
        match &self.0 {
            Backend::File(path) => Some(path),
            _ => None,
        }
    }

    /// The directory of the database's file, after symbolic links are resolved. The file need not exist. `None` as for
    /// [`DatabaseUrl::path`].
    pub fn directory(&self) -> Option<PathBuf> {
        self.path().map(crate::engine::sqlite::staged::directory)
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.trim() != text || text.contains(char::is_control) {
            return Err(UrlError::Space);
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            return match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(UrlError::Path),
                ":memory:" => Ok(Self(Backend::Memory)),
                "memory:" | ":memory" => Err(UrlError::Memory),
                path if path.starts_with("file:") || path.contains('?') => Err(UrlError::Uri),
                path => Ok(Self::file(path)),
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgres_url(text);
        }
        Err(UrlError::Scheme)
    }
}

/// Parses a PostgreSQL URL. Removes the parameters that the driver does not know (`sslrootcert`, `sslmode=verify-full`) or that a
/// pooler refuses (`options`), and passes the rest to the driver's parser.
fn postgres_url(text: &str) -> Result<DatabaseUrl, UrlError> {
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let (mut mode, mut roots, mut given, mut rest) =
        (None, None, ServerSettings::default(), Vec::new());
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    if !is_escaped(base) || query.contains('#') || pairs.clone().any(|pair| !pair.contains('=')) {
        return Err(UrlError::Escape);
    }
    for pair in pairs {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", value)) => roots = Some(PathBuf::from(decoded(value))),
            Some(("options", value)) => {
                given = ServerSettings::parse(&decoded(value)).ok_or(UrlError::Options)?
            }
            _ => rest.push(pair),
        }
    }
    let config = tokio_postgres::Config::from_str(&format!("{base}?{}", rest.join("&")))
        .map_err(|_| UrlError::Postgres)?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(UrlError::Host);
    }
    let tls = match mode {
        Some("disable") => Tls::Off,
        Some("verify-full") => Tls::VerifyFull { roots: roots.clone() },
        None if roots.is_none() && is_near(&config) => Tls::Off,
        None => Tls::VerifyFull { roots: roots.clone() },
        Some(_) => return Err(UrlError::SslMode),
    };
    if roots.is_some() && tls == Tls::Off {
        return Err(UrlError::RootsWithoutTls);
    }
    Ok(DatabaseUrl(Backend::Postgres(Box::new(config), tls, given)))
}

/// Whether the end of the password is clear. An unescaped `@`, `/`, `?` or `#` in a password would turn its rest into a host or a
/// database name, which are shown in logs.
fn is_escaped(base: &str) -> bool {
    let rest = base.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.split_once('@').unwrap_or(("", authority));
    let ports = hosts.split(',').filter_map(|host| host.rsplit_once(':'));
    let is_port =
        |port: &str| port.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit());
    !(rest.contains('#') || path.contains('@') || hosts.contains('@') || path.contains('/'))
        && (user.contains(':') || ports.clone().all(|(_, port)| is_port(port)))
}

/// Percent-decodes a value. Invalid escapes are kept unchanged.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether the server is on this machine, so that the connection crosses no network.
fn is_near(config: &tokio_postgres::Config) -> bool {
    let is_loopback = |address: &std::net::IpAddr| address.is_loopback();
    let hosts_are_near = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| is_loopback(&address))
        }
    });
    hosts_are_near && config.get_hostaddrs().iter().all(is_loopback)
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Backend::Memory => f.write_str("sqlite::memory:"),
            Backend::File(path) => write!(f, "sqlite:{}", path.display()),
            Backend::Postgres(config, ..) => {
                let host = match config.get_hosts().first() {
                    Some(Host::Tcp(name)) => name.clone(),
                    Some(Host::Unix(path)) => path.display().to_string(),
                    None => "localhost".to_owned(),
                };
                write!(f, "postgres://{host}/{}", config.get_dbname().unwrap_or(""))
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Backend, UrlError> {
        text.parse::<DatabaseUrl>().map(|url| url.0)
    }

    fn tls(text: &str) -> Tls {
        match parse(text).unwrap() {
            Backend::Postgres(_, tls, _) => tls,
            _ => panic!("{text} is PostgreSQL"),
        }
    }

    #[test]
    fn sqlite_is_a_path_or_memory() {
        assert!(matches!(parse("sqlite::memory:"), Ok(Backend::Memory)));
        for (text, path) in [("sqlite:a.db", "a.db"), ("sqlite:///var/a.db", "/var/a.db")] {
            assert!(matches!(parse(text), Ok(Backend::File(p)) if p.as_os_str() == path));
        }
        assert_eq!(parse("sqlite:").err(), Some(UrlError::Path));
        for uri in ["sqlite:file:a.db", "sqlite:file:/var/a.db?mode=rwc", "sqlite://file:a.db"] {
            assert_eq!(parse(uri).err(), Some(UrlError::Uri), "{uri}");
        }
        assert_eq!(parse("sqlite:/x?mode=rwc").err(), Some(UrlError::Uri));
        for near in ["sqlite:memory:", "sqlite::memory", "sqlite://memory:"] {
            assert_eq!(parse(near).err(), Some(UrlError::Memory), "{near}");
        }
        for left in
            ["sqlite:/x\n", "sqlite:/x ", " sqlite:/x", "sqlite:/x\ty", "postgres://me@db/x\n"]
        {
            assert_eq!(parse(left).err(), Some(UrlError::Space), "{left:?}");
        }
        assert_eq!(parse("mysql://x").err(), Some(UrlError::Scheme));
        assert_eq!(parse("postgres:///x").err(), Some(UrlError::Host));
    }

    #[test]
    fn a_distant_server_must_prove_itself_unless_told_otherwise() {
        assert_eq!(tls("postgres://me@localhost/x"), Tls::Off);
        assert_eq!(tls("postgres://me@127.0.0.1:5433/x"), Tls::Off);
        assert_eq!(tls("postgres:///x?host=/run/postgresql&user=me"), Tls::Off);
        assert_eq!(tls("postgres://me@db/x?sslmode=disable"), Tls::Off);
        assert_eq!(tls("postgres://me@db/x"), Tls::VerifyFull { roots: None });
        let roots = Some(PathBuf::from("/etc/my ca.pem"));
        let url = "postgres://me@db/x?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem";
        assert_eq!(tls(url), Tls::VerifyFull { roots });
        let url = "postgres://me@db/x?sslrootcert=/100%25%+5%e4%bf.pem";
        let roots = Some(PathBuf::from("/100%%+5\u{fffd}.pem"));
        assert_eq!(tls(url), Tls::VerifyFull { roots }, "not UTF-8, and no escape");
        assert_eq!(parse("postgres://me@db/x?sslmode=require").err(), Some(UrlError::SslMode));
    }

    #[test]
    fn a_password_is_never_shown() {
        let url: DatabaseUrl = "postgres://me:hunter2@db/x?sslmode=disable".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://db/x postgres://db/x");
        for raw in [
            "hunter2",
            "hun@ter2",
            "hun/ter2",
            "1/ter2",
            "hun?ter2",
            "1?ter2",
            "hun#ter2",
            "h@n/t@r?2",
            "1?ter2=2",
            "1?ssl=ter2",
        ] {
            for rest in ["db:port/x", "db/x", "db/x?sslmode=disable", "db/x?ter2=1"] {
                let shown = match format!("postgres://me:{raw}@{rest}").parse::<DatabaseUrl>() {
                    Ok(url) => url.to_string(),
                    Err(error) => error.to_string(),
                };
                assert!(!shown.contains("ter2"), "{raw} {rest}: {shown}");
            }
        }
    }
}
