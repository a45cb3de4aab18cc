//! The settings of mail: the URL of a server that takes mails.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lettre::message::Mailbox;
use percent_encoding::percent_decode_str;

use crate::limit::{SMTP_PORT, SMTPS_PORT};

/// An error in the settings of mail. Its text says what to do, and contains no password.
#[derive(Debug, thiserror::Error)]
pub enum MailUsageError {
    /// The server is given both as a URL and as a file.
    #[error(
        "give the mail server either as --smtp (SMTP_URL) or as --smtp-file (SMTP_URL_FILE), not as both"
    )]
    Both,
    /// The file cannot be read.
    #[error("cannot read the mail server's URL from {path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The URL is malformed.
    #[error("--smtp (SMTP_URL): {0}")]
    Url(SmtpUrlError),
    /// The URL in the file is malformed.
    #[error("the mail server's URL in {path}: {error}")]
    UrlInFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: SmtpUrlError,
    },
    /// There is no public URL, which links need.
    #[error(
        "--smtp needs --public-url (PUBLIC_URL), the address that people open: links in mails begin with it"
    )]
    NoPublicUrl,
}

/// An error in the URL of a mail server.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SmtpUrlError {
    /// No known scheme, or no host.
    #[error(
        "a mail server is given as smtps://USER:PASSWORD@HOST:PORT?from=ADDRESS, or as smtp://…"
    )]
    Form,
    /// The port is not a number.
    #[error("the port of a mail server is a number from 1 to 65535")]
    Port,
    /// The end of the password is ambiguous.
    #[error(
        "in a user or a password write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %"
    )]
    Escape,
    /// A user without a password.
    #[error("a user of a mail server needs a password: smtps://USER:PASSWORD@HOST?from=ADDRESS")]
    Password,
    /// There is no sender.
    #[error("say who the mails are from, such as ?from=messenger@chat.example")]
    From,
    /// An unknown option.
    #[error("a mail server's URL has no other options than from=ADDRESS, and tls=off after smtp:")]
    Option,
}

/// Whether and how the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From its first byte (`smtps:`).
    Tls,
    /// After STARTTLS, which the server must offer (`smtp:`).
    StartTls,
    /// Not at all: for a server on this machine, or in a trusted network (`tls=off`).
    Off,
}

/// A mail server, and the sender of mails. Without `Debug`: it may hold a password.
#[derive(Clone)]
pub(crate) struct SmtpUrl {
    pub(crate) encryption: Encryption,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) from: Mailbox,
}

/// How mails are sent. Without `Debug`: it may hold a password.
#[derive(Clone)]
pub struct MailSettings {
    pub(crate) smtp: SmtpUrl,
    /// The beginning of links.
    pub(crate) base: String,
    /// The name by which this server introduces itself.
    pub(crate) host: String,
}

impl MailSettings {
    /// The settings that the flags give; `None` if no server is named. An empty variable is how compose files and units
    /// leave one unset.
    ///
    /// # Errors
    /// [`MailUsageError`].
    pub(crate) fn resolve(
        url: Option<&str>,
        file: Option<&Path>,
        public_url: Option<&http::origin::Origin>,
    ) -> Result<Option<Self>, MailUsageError> {
        let url = url.filter(|url| !url.is_empty());
        let file = file.filter(|path| !path.as_os_str().is_empty());
        let smtp: SmtpUrl = match (url, file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(MailUsageError::Both),
            (Some(url), None) => url.parse().map_err(MailUsageError::Url)?,
            (None, Some(path)) => {
                let path = path.to_owned();
                match fs::read_to_string(&path) {
                    Ok(text) => text
                        .trim()
                        .parse()
                        .map_err(|error| MailUsageError::UrlInFile { path, error })?,
                    Err(error) => return Err(MailUsageError::File { path, error }),
                }
            }
        };
        let public_url = public_url.ok_or(MailUsageError::NoPublicUrl)?;
        let (base, host) = (public_url.to_string(), public_url.host().name().to_owned());
        Ok(Some(Self { smtp, base, host }))
    }
}

impl FromStr for SmtpUrl {
    type Err = SmtpUrlError;

    fn from_str(text: &str) -> Result<Self, SmtpUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(SmtpUrlError::Form)?;
        let (mut encryption, mut port) = match scheme {
            "smtps" => (Encryption::Tls, SMTPS_PORT),
            "smtp" => (Encryption::StartTls, SMTP_PORT),
            _ => return Err(SmtpUrlError::Form),
        };
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '#']) || query.contains(['#', '?']) {
            return Err(SmtpUrlError::Escape);
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let credentials = user.map(credentials).transpose()?;
        let (host, given) = host_and_port(host)?;
        port = given.unwrap_or(port);
        // A connection within this machine needs no encryption.
        let is_local =
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if is_local && encryption == Encryption::StartTls {
            encryption = Encryption::Off;
        }
        let mut from = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("from", value)) if from.is_none() => from = Some(decoded(value)?),
                Some(("tls", "off")) if scheme == "smtp" => encryption = Encryption::Off,
                _ => return Err(SmtpUrlError::Option),
            }
        }
        let from =
            from.filter(|from| !from.contains(char::is_control)).ok_or(SmtpUrlError::From)?;
        let from = from.parse().map_err(|_| SmtpUrlError::From)?;
        Ok(Self { encryption, host: host.to_owned(), port, credentials, from })
    }
}

fn credentials(user: &str) -> Result<(String, String), SmtpUrlError> {
    let (user, password) = user.split_once(':').ok_or(SmtpUrlError::Password)?;
    if user.is_empty() || password.is_empty() {
        return Err(SmtpUrlError::Password);
    }
    if user.contains('@') || password.contains([':', '@']) {
        return Err(SmtpUrlError::Escape);
    }
    Ok((decoded(user)?, decoded(password)?))
}

/// The name or address of a host, without the brackets of IPv6, and its port.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), SmtpUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(SmtpUrlError::Form)?;
            let port = match rest.strip_prefix(':') {
                None if rest.is_empty() => None,
                None => return Err(SmtpUrlError::Form),
                port => port,
            };
            (host, port)
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(is_name) {
        return Err(SmtpUrlError::Form);
    }
    let number = |port: &str| port.parse().ok().filter(|port| *port != 0);
    let port = port.map(|port| number(port).ok_or(SmtpUrlError::Port)).transpose()?;
    Ok((host, port))
}

fn decoded(text: &str) -> Result<String, SmtpUrlError> {
    let is_escape = |(at, _): (usize, &str)| {
        let digits = text.get(at + 1..at + 3);
        digits.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if !text.match_indices('%').all(is_escape) {
        return Err(SmtpUrlError::Escape);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| SmtpUrlError::Escape)?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
