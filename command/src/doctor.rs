//! `doctor`: checks what a server depends on, and says what to do.

mod address;
mod bus;
mod clock;
mod files;
mod mail;
mod orphans;
mod system;

pub use bus::BusCheck;
pub use mail::MailServer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sql::{DatabaseUrl, Diagnostic, Severity};

use crate::DAY_MS;
use crate::limit::BACKUP_DAYS_MAX;
use crate::manifest::{MANIFEST, Manifest};
use crate::owner;

/// The arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A backup, or a directory of backups; checks that the newest is not too old
    #[arg(long, value_name = "DIRECTORY")]
    backups: Option<PathBuf>,
}

/// The settings of the server.
pub struct Settings<'a> {
    /// The addresses that it listens on.
    pub listen: Vec<net::Listen>,
    /// The settings of its file store.
    pub files: &'a ::files::args::FilesArgs,
    /// Those of them that serve accounts.
    pub auth_listen: Vec<net::Listen>,
    /// The settings of its listeners.
    pub http: &'a http::args::Args,
    /// Its servers, with the number of connections that each one accepts.
    pub connections: Vec<(&'static str, usize)>,
    /// How the NATS servers are tried that connect it with other nodes, if there are any; or what is wrong with that setting.
    pub bus: std::result::Result<Option<Box<BusCheck>>, String>,
    /// Its mail server, if it has one; or what is wrong with that setting.
    pub mail: std::result::Result<Option<MailServer>, String>,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl, settings: &Settings<'_>) -> Result<ExitCode> {
    let mut advice = Vec::new();
    let mut found = sql::inspect(url);
    advice.append(&mut found.diagnostics);
    advice.extend(clock::look(&found));
    advice.extend(system::look(url, settings));
    advice.extend(address::look(settings));
    advice.extend(bus::look(settings, found.cluster.as_deref()));
    advice.push(files::look(url, settings));
    advice.push(orphans::look(url, settings));
    advice.push(mail::look(settings));
    advice.push(backups(args.backups.as_deref(), url));
    for one in &advice {
        let word = match one.level {
            Severity::Fine => "ok",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        };
        telemetry::log::print_line(&format!("{word:<8} {}: {}", one.about, one.text));
    }
    let is_wrong = advice.iter().any(|one| one.level == Severity::Problem);
    Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn backups(place: Option<&Path>, url: &DatabaseUrl) -> Diagnostic {
    let advice = |level, text: String| Diagnostic::new(level, "backup", text);
    let Some(place) = place else {
        let text = "not looked for: say where yours are with --backups DIRECTORY";
        return advice(Severity::Warning, text.to_owned());
    };
    let newest = match newest(place) {
        Ok(Some(newest)) => newest,
        Ok(None) => {
            return advice(
                Severity::Problem,
                format!("there is no whole one in {}", place.display()),
            );
        }
        Err(error) => {
            let error = owner::explained(error, url.path());
            return advice(Severity::Problem, format!("{error:#}"));
        }
    };
    let days = (crate::now() - newest).max(0) / DAY_MS;
    if days > BACKUP_DAYS_MAX {
        return advice(
            Severity::Problem,
            format!("the newest in {} is {days} days old", place.display()),
        );
    }
    advice(Severity::Fine, format!("the newest in {} is {days} days old", place.display()))
}

/// When the newest whole backup was made; if there is none, the first error of one that is there.
fn newest(place: &Path) -> Result<Option<i64>> {
    let shown = place.display();
    let entries = std::fs::read_dir(place).with_context(|| format!("cannot read {shown}"))?;
    let inside = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let (mut newest, mut failed) = (None, None);
    for path in std::iter::once(place.to_owned()).chain(inside) {
        // Most directories are no backups; one that cannot be looked into may be.
        if matches!(path.join(MANIFEST).try_exists(), Ok(false)) {
            continue;
        }
        match Manifest::read(&path) {
            Ok(manifest) => newest = newest.max(Some(manifest.at)),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match (newest, failed) {
        (None, Some(error)) => Err(error),
        (newest, _) => Ok(newest),
    }
}
