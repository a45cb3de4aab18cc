//! The settings of the auth server. The program's own settings name the database and where to listen.

use std::path::PathBuf;

use files::FileStore;
use files::args::FilesArgs;
use net::capacity::{ConnectionCost, SystemLimits};
use net::limit::{MAPS_PER_SESSION, MAPS_PER_THREAD};
use push::AllowedOrigin;

use crate::limit::SIGNUP_RATE;
use crate::mail::{MailSettings, MailUsageError};

/// Where the server listens by default.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:3000";

/// The resources that one connection takes at most. Descriptors: the client's socket, both ends of the private socket,
/// and the copy that tiny_http makes of its end. Threads: the connection's, tiny_http's and the request's.
pub const COST: ConnectionCost =
    ConnectionCost { descriptors: 4, maps: MAPS_PER_SESSION + 2 * MAPS_PER_THREAD, tasks: 3 };

/// The command line flags of the auth server, for `#[command(flatten)]`.
#[derive(Clone, clap::Args)]
// clap names groups after their types, and other crates have an `Args` too.
#[group(id = "auth")]
pub struct Args {
    /// Signups per minute from one address (IPv6: one /64 network); 0: no limit
    #[arg(long, env = "AUTH_SIGNUP_RATE", value_name = "COUNT", default_value_t = SIGNUP_RATE)]
    pub signup_rate: u32,

    /// Who can sign up: everybody, people with an invitation (`admin invite`), or nobody
    #[arg(long, env = "AUTH_SIGNUP", value_name = "RULE", value_enum, default_value_t)]
    pub signup: SignupRule,

    /// URL of the mail server, such as `smtps://USER:PASSWORD@HOST:PORT?from=ADDRESS`, or `smtp://…` with STARTTLS;
    /// needs --public-url
    #[arg(long, env = "SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp: Option<String>,

    /// A file that contains the URL of the mail server, to keep its password out of the environment
    #[arg(long, env = "SMTP_URL_FILE", value_name = "PATH")]
    pub smtp_file: Option<PathBuf>,

    /// Address of the chat server for the web client, such as `wss://chat.example/ws`; by default `/ws` on the host of
    /// the page
    #[arg(long, env = "AUTH_CHAT_URL", value_name = "URL", value_parser = chat_url)]
    pub chat_url: Option<String>,

    /// Origins of push services that may be on private or loopback addresses, such as `https://push.example:8443` or
    /// `http://127.0.0.1:8090`; several separated by commas. All others must be https and on the public internet
    #[arg(long, env = "PUSH_ALLOW", value_name = "ORIGIN", value_delimiter = ',')]
    pub push_allow: Vec<AllowedOrigin>,

    /// The settings of the file store.
    #[command(flatten)]
    pub files: FilesArgs,
}

/// Who can sign up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SignupRule {
    /// Everybody.
    #[default]
    Open,
    /// People with an invitation.
    Invite,
    /// Nobody.
    Closed,
}

impl SignupRule {
    /// The word for it in the settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// The settings of the auth server.
#[derive(Clone)]
pub struct Config {
    /// How it listens; the name is `auth`.
    pub http: http::ServerConfig,
    /// Signups per minute from one address; 0: no limit.
    pub signup_rate: u32,
    /// Who can sign up.
    pub signup: SignupRule,
    /// How mails are sent; `None`: nothing is mailed.
    pub mail: Option<MailSettings>,
    /// The WebSocket URL that the web client uses; `None`: `/ws` of its own origin.
    pub chat_url: Option<String>,
    /// The file store; `None`: files are refused.
    pub files: Option<FileStore>,
    /// Bytes of one file.
    pub file_max: u64,
    /// Origins of push services that may have any address.
    pub push_allow: Vec<AllowedOrigin>,
    /// The contact that push services get: the public https address of this server.
    pub push_contact: Option<String>,
}

impl Config {
    /// Sets the file store.
    #[must_use]
    pub fn with_files(self, files: Option<FileStore>) -> Self {
        Self { files, ..self }
    }

    /// Writes, reads and deletes an object in the file store. An error that may pass by itself is only logged.
    ///
    /// # Errors
    /// The store does not work, and needs an operator.
    pub fn check_files(&self) -> Result<(), files::StartError> {
        self.files.as_ref().map_or(Ok(()), FileStore::check_at_start)
    }
}

impl Args {
    /// How mails are sent; `None` if no mail server is set.
    ///
    /// # Errors
    /// [`MailUsageError`].
    pub fn mail(&self, http: &http::args::Args) -> Result<Option<MailSettings>, MailUsageError> {
        let file = self.smtp_file.as_deref();
        MailSettings::resolve(self.smtp.as_deref(), file, http.public_url.as_ref())
    }

    /// The settings of the server. `http` has the settings of its listener. `limits` are the limits of the process, or
    /// this server's share of them. The number of connections is lowered to what the file descriptors allow, even if
    /// more were asked for: tiny_http does not survive running out of descriptors. It has no file store yet:
    /// [`Config::with_files`].
    pub fn config(&self, http: &http::args::Args, limits: SystemLimits) -> Config {
        Config {
            http: http.config("auth", limits, COST),
            signup_rate: self.signup_rate,
            signup: self.signup,
            mail: None,
            chat_url: self.chat_url.clone(),
            files: None,
            file_max: self.files.file_max,
            push_allow: self.push_allow.clone(),
            push_contact: http
                .public_url
                .as_ref()
                .filter(|url| url.is_https())
                .map(ToString::to_string),
        }
    }
}

/// Parses a WebSocket URL that can be put into the page's `Content-Security-Policy`.
fn chat_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("wss://").or_else(|| text.strip_prefix("ws://"));
    let host = rest.and_then(|rest| rest.split('/').next());
    let is_host = host.is_some_and(|host| net::host::Host::parse(host).is_some());
    // A policy allows neither a query nor a fragment, and these characters would end a part of it.
    let is_plain = !text.contains(['?', '#', ';', ',', '"', '\''])
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    match is_host && is_plain {
        true => Ok(text.to_owned()),
        false => Err("a chat's address looks like wss://chat.example/ws".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        auth: Args,
        #[command(flatten)]
        http: http::args::Args,
    }

    #[test]
    fn a_chat_url_is_a_websocket_url_without_a_query() {
        for good in
            ["wss://chat.example/ws", "ws://127.0.0.1:8080", "ws://[::1]:8080/", "wss://a:1"]
        {
            assert_eq!(chat_url(good).as_deref(), Ok(good));
        }
        for wrong in [
            "",
            "chat.example",
            "https://chat.example/ws",
            "wss://",
            "ws://a/?x=1",
            "ws://a/;x",
            "ws://a b/",
        ] {
            assert!(chat_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn connections_never_outnumber_descriptors() {
        let limits = SystemLimits { descriptors: 1000, maps: 65_530, tasks: 65_536 };
        let config = |flags: &[&str]| {
            let program = Program::parse_from([&["auth"], flags].concat());
            program.auth.config(&program.http, limits)
        };
        assert_eq!(config(&[]).http.listener.connections_max, 250);
        assert_eq!(config(&["--connections-max", "7"]).http.listener.connections_max, 7);
        assert_eq!(config(&["--connections-max", "5000"]).http.listener.connections_max, 250);
        assert_eq!(config(&[]).signup_rate, 10);
        assert_eq!(config(&["--signup-rate", "0"]).signup_rate, 0);
    }
}
