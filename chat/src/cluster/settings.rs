//! The settings of the bus.

use std::fs;
use std::path::{Path, PathBuf};

use async_nats::{ConnectOptions, ServerAddr};
use sql::DatabaseUrl;

use crate::limit::{BUS_CONNECT_TIMEOUT, BUS_PING_INTERVAL, BUS_RECONNECT_MAX};

/// An error in the settings of the bus. Its text says what to do, and contains no password.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The bus is given both as a URL and as a file.
    #[error(
        "give the bus either as --nats (NATS_URL) or as --nats-file (NATS_URL_FILE), not as both"
    )]
    Both,
    /// The file cannot be read.
    #[error("cannot read the URL of the bus from {path} (--nats-file): {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The URL is malformed.
    #[error(
        "{place}: {reason}; write nats://HOST:4222, with tls:// if the server speaks TLS, nats://USER:PASSWORD@HOST or nats://TOKEN@HOST \
         if it wants to know who comes, and several servers with commas between them"
    )]
    Url {
        /// The flag or the file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// There are no other nodes to connect with.
    #[error(
        "--nats (NATS_URL) connects chat servers that share a PostgreSQL database, and {0}: name one with --database postgres://…, or leave \
         --nats out"
    )]
    NoNodes(&'static str),
}

/// The servers of the bus, and the user or token to log in with.
#[derive(Clone)]
pub struct BusUrl {
    servers: Vec<ServerAddr>,
    user: Option<(String, Option<String>)>,
}

/// The bus that the settings name, if any.
///
/// # Errors
/// [`BusError`].
pub(crate) fn resolve(
    url: Option<&str>,
    file: Option<&Path>,
    database: Option<&DatabaseUrl>,
) -> Result<Option<BusUrl>, BusError> {
    // An empty variable is how compose files and units leave one unset.
    let url = url.filter(|url| !url.trim().is_empty());
    let file = file.filter(|path| !path.as_os_str().is_empty());
    let bus = match (url, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(BusError::Both),
        (Some(url), None) => BusUrl::parse(url, "--nats (NATS_URL)"),
        (None, Some(path)) => {
            let text = fs::read_to_string(path)
                .map_err(|error| BusError::File { path: path.to_owned(), error })?;
            BusUrl::parse(
                text.trim(),
                &format!("the URL of the bus in {} (--nats-file)", path.display()),
            )
        }
    }?;
    match database {
        None => Err(BusError::NoNodes("there is no database")),
        Some(database) if !database.is_shared() => {
            Err(BusError::NoNodes("an SQLite database is for one server"))
        }
        Some(_) => Ok(Some(bus)),
    }
}

impl BusUrl {
    fn parse(text: &str, place: &str) -> Result<Self, BusError> {
        let wrong =
            |reason: &str| BusError::Url { place: place.to_owned(), reason: reason.to_owned() };
        let mut servers = Vec::new();
        for server in text.split(',').map(str::trim).filter(|server| !server.is_empty()) {
            let server: ServerAddr =
                server.parse().map_err(|_| wrong("this is not the URL of a NATS server"))?;
            if !["nats", "tls"].contains(&server.scheme()) {
                return Err(wrong("a URL of a NATS server begins with nats:// or tls://"));
            }
            if server.host().is_empty() {
                return Err(wrong("a URL names no host"));
            }
            let url = server.as_url_str();
            let path = url.split_once("://").and_then(|(_, rest)| rest.split_once(['/', '?', '#']));
            if path.is_some_and(|(_, path)| !path.is_empty()) {
                return Err(wrong("the URL of a NATS server ends with its port"));
            }
            servers.push(server);
        }
        let first = servers.first().ok_or_else(|| wrong("there is no server in it"))?;
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded.map(String::from).map_err(|_| wrong("its user or password is not UTF-8"))
        };
        let known = servers.iter().find(|server| server.has_user_pass()).unwrap_or(first);
        let password = known.password().map(decode).transpose()?;
        let user = known.username().map(decode).transpose()?.map(|user| (user, password));
        Ok(Self { servers, user })
    }

    /// The servers, as `HOST:PORT`.
    pub fn addresses(&self) -> Vec<String> {
        let address = |server: &ServerAddr| match server.host() {
            host if host.contains(':') => format!("[{host}]:{}", server.port()),
            host => format!("{host}:{}", server.port()),
        };
        self.servers.iter().map(address).collect()
    }

    pub(super) fn servers(&self) -> &[ServerAddr] {
        &self.servers
    }

    pub(super) fn options(&self) -> ConnectOptions {
        let options = ConnectOptions::new()
            .name("messenger")
            .no_echo()
            .retry_on_initial_connect()
            .connection_timeout(BUS_CONNECT_TIMEOUT)
            .ping_interval(BUS_PING_INTERVAL)
            .reconnect_delay_callback(|tries| {
                BUS_RECONNECT_MAX.min(std::time::Duration::from_millis(50 * tries as u64))
            });
        self.log_in(options)
    }

    pub(super) fn log_in(&self, options: ConnectOptions) -> ConnectOptions {
        match self.user.clone() {
            Some((user, Some(password))) => options.user_and_password(user, password),
            Some((token, None)) => options.token(token),
            None => options,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(url: &str) -> Result<Option<BusUrl>, BusError> {
        let database = "postgres://db/x".parse().unwrap();
        resolve(Some(url), None, Some(&database))
    }

    #[test]
    fn several_servers_with_one_password_are_one_bus() {
        let bus = resolved("nats://a, tls://me:s%40cret@b:4333,c,").unwrap().unwrap();
        let hosts: Vec<_> =
            bus.servers.iter().map(|it| (it.host(), it.port(), it.tls_required())).collect();
        assert_eq!(hosts, [("a", 4222, false), ("b", 4333, true), ("c", 4222, false)]);
        assert_eq!(bus.user, Some(("me".to_owned(), Some("s@cret".to_owned()))));
        let bus = resolved("nats://t0ken@a").unwrap().unwrap();
        assert_eq!(bus.user, Some(("t0ken".to_owned(), None)));
        assert!(resolved(" ").unwrap().is_none());
    }

    #[test]
    fn what_is_no_bus_is_refused_without_its_password() {
        for url in [
            "http://me:secret@a",
            "nats://",
            "nats://me:secret@a:x",
            "nats://me:secret@a/x",
            ",",
            "ws://a",
        ] {
            let said = resolved(url).err().unwrap().to_string();
            assert!(said.contains("--nats") && !said.contains("secret"), "{url}: {said}");
        }
    }

    #[test]
    fn a_bus_needs_a_database_that_several_servers_share() {
        for database in [None, Some("sqlite::memory:"), Some("sqlite:x.db")] {
            let database = database.map(|url| url.parse().unwrap());
            let said = resolve(Some("nats://a"), None, database.as_ref()).err().unwrap();
            assert!(matches!(said, BusError::NoNodes(_)), "{said}");
        }
        let file = Some(Path::new("/nowhere"));
        assert!(matches!(resolve(Some("nats://a"), file, None), Err(BusError::Both)));
        assert!(matches!(resolve(None, file, None), Err(BusError::File { .. })));
    }
}
