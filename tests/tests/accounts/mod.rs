//! Accounts as an operator hands them out: invitations, `admin`, links.

mod admin;
mod invitations;
mod mail_faults;
mod mails;
mod resets;
mod wrong_passwords;

use std::process::Output;

use acceptance::{Client, Endpoints};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Arrangement, Cluster, Deployment, Launch, Server};

/// What links begin with.
const PUBLIC_URL: &str = "https://chat.example";

/// Servers, and their database as the commands name it.
struct Case {
    deployment: Deployment,
    /// The second `auth`, where there is one, and where it is.
    second: Option<(Server, Endpoints)>,
    url: String,
}

impl Case {
    /// `messenger` on SQLite, and `chat` with two `auth` on PostgreSQL, with these flags.
    fn both(flags: &[&str]) -> Result<[Self; 2]> {
        Ok([Self::on_sqlite(flags)?, Self::on_postgresql(flags)?])
    }

    fn on_sqlite(flags: &[&str]) -> Result<Self> {
        let deployment = Deployment::launch(&Arrangement::Messenger, flags)?;
        let url = format!("sqlite:{}", deployment.database_file().display());
        Ok(Self { deployment, second: None, url })
    }

    fn on_postgresql(flags: &[&str]) -> Result<Self> {
        let url = Cluster::shared()?.database()?;
        let deployment = Deployment::launch(&Arrangement::Postgres(url.clone()), flags)?;
        let own = ["--listen=127.0.0.1:0", "--signup-rate=0", "--database", &url];
        let launch = Launch::new("auth", deployment.dir())?.args(flags).args(&own);
        let mut server = launch.start()?;
        let auth = format!("http://{}", server.address("auth")?);
        let endpoints = Endpoints::new(&deployment.endpoints.chat(), Some(&auth));
        Ok(Self { deployment, second: Some((server, endpoints)), url })
    }

    fn endpoints(&self) -> &Endpoints {
        &self.deployment.endpoints
    }

    /// The other node, if there is one; else the only one.
    fn other(&self) -> &Endpoints {
        self.second.as_ref().map_or(self.endpoints(), |(_, endpoints)| endpoints)
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        self.command(words)?.run()
    }

    /// A command of `admin`.
    fn command(&self, words: &[&str]) -> Result<Launch> {
        let program = if self.second.is_some() { "auth" } else { "messenger" };
        let launch =
            Launch::new(program, self.deployment.dir())?.args(&["--public-url", PUBLIC_URL]);
        Ok(launch.args(&["admin"]).args(words).args(&["--database", &self.url]))
    }

    /// The standard output of a command that does its work.
    fn admin(&self, words: &[&str]) -> Result<String> {
        let output = self.run(words)?;
        ensure!(output.status.success(), "{words:?}: {}", told(&output));
        let shown = self.url.rsplit('/').next().unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(said.contains(shown), "{words:?} does not name its database: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The code that a command prints below its link, which has the word `kind` in it.
    fn code(&self, words: &[&str], kind: &str) -> Result<String> {
        let said = self.admin(words)?;
        let lines: Vec<_> = said.lines().collect();
        ensure!(lines.len() == 2, "{said}");
        is_code(lines[1])?;
        ensure!(lines[0] == format!("{PUBLIC_URL}/#{kind}={}", lines[1]), "{said}");
        Ok(lines[1].to_owned())
    }

    /// A command that must end with this status and say this.
    fn refused(&self, words: &[&str], status: i32, why: &str) -> Result<()> {
        let output = self.run(words)?;
        let told = told(&output);
        let is_refused = output.status.code() == Some(status) && told.contains(why);
        ensure!(is_refused, "{words:?}: {}: {told}", output.status);
        ensure!(output.stdout.is_empty(), "{words:?}: {told}");
        Ok(())
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn is_code(code: &str) -> Result<()> {
    let is_one = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ensure!(code.len() >= 22 && code.chars().all(is_one), "{code} is no code");
    Ok(())
}

/// The answer to a request: its status, and its code if it is refused.
fn ask(endpoints: &Endpoints, path: &str, body: &Value) -> Result<(u16, String)> {
    let answer = endpoints.ask("POST", path)?.json(body).send()?;
    let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
    let is_said =
        answer.status < 400 || answer.body["error"].as_str().is_some_and(|it| it.len() > 9);
    ensure!(is_said, "{path}: {}", answer.text);
    Ok((answer.status, code))
}

fn sign_up(endpoints: &Endpoints, email: &str, invite: Value) -> Result<(u16, String)> {
    let mut body = json!({"email": email, "name": "Somebody", "password": "secret"});
    if !invite.is_null() {
        body["invite"] = invite;
    }
    ask(endpoints, "/signup", &body)
}

fn log_in(endpoints: &Endpoints, email: &str, password: &str) -> Result<(u16, String)> {
    ask(endpoints, "/login", &json!({"email": email, "password": password}))
}

fn is(got: &(u16, String), status: u16, code: &str) -> Result<()> {
    ensure!((got.0, got.1.as_str()) == (status, code), "{got:?}, not {status} {code}");
    Ok(())
}

/// A client of an account that was made with an invitation.
fn invited(case: &Case, name: &str) -> Result<Client> {
    let email = format!("{name}@example.com");
    let code = case.code(&["invite"], "invite")?;
    is(&sign_up(case.endpoints(), &email, json!(code))?, 201, "")?;
    let mut client = Client::new(case.endpoints());
    client.email = email;
    client.password = "secret".to_owned();
    client.name = "Somebody".to_owned();
    client.login("device").context("a login")?;
    Ok(client)
}
