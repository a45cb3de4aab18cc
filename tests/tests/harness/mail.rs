//! A mail server of others (aiosmtpd).

use acceptance::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::python::PythonServer;

/// A running mail server; it ends when it is dropped.
pub struct MailServer {
    server: PythonServer,
    /// Its port on this machine.
    pub port: u64,
}

impl MailServer {
    /// Starts one, with these words after the name of its script.
    pub fn start(words: &[&str]) -> Result<Self> {
        let (server, began) = PythonServer::start("smtp", words)?;
        Ok(Self { server, port: began["port"].as_u64().context("no port")? })
    }

    /// The URL by which `auth` knows it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?from=Messenger%20%3Cnoreply@chat.example%3E", self.port)
    }

    /// All that it has said.
    pub fn said(&self) -> Vec<Value> {
        self.server.said()
    }

    /// The mails to this address.
    pub fn mails_to(&self, email: &str) -> Vec<Value> {
        self.said().into_iter().filter(|one| one["to"] == serde_json::json!([email])).collect()
    }

    /// Waits for something that it says.
    pub fn wait(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        self.server.wait(what, fits)
    }

    /// The code of the newest mail to this address with a link of this kind, once there are `count` of them.
    pub fn code(&self, email: &str, kind: &str, count: usize) -> Result<String> {
        let before = format!("/#{kind}=");
        let codes = || -> Vec<String> {
            let texts = self.mails_to(email).into_iter();
            let texts = texts.filter_map(|mail| mail["text"].as_str().map(str::to_owned));
            let lines: Vec<_> = texts
                .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
                .collect();
            lines.iter().filter_map(|line| Some(line.split_once(&before)?.1.to_owned())).collect()
        };
        until(&format!("mail {count} to {email} with {before}"), PATIENCE, || {
            let codes = codes();
            ensure!(codes.len() <= count, "{} mails to {email} with {before}", codes.len());
            Ok(codes.get(count - 1).cloned())
        })
    }
}
