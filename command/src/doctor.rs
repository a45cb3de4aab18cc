//! `doctor`: looks at what a server depends on, and says what to do.

mod address;
mod system;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use sql::{Advice, DatabaseUrl, Inspection, Level};

use crate::limit::{BACKUP_DAYS_MAX, CLOCK_PROBLEM_MS, CLOCK_WARNING_MS};
use crate::manifest::Manifest;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What to look at besides.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where your backups are: a backup, or a directory of them, to see how old the newest is
    #[arg(long, value_name = "DIRECTORY")]
    backups: Option<PathBuf>,
}

/// How the server that would start is set.
pub struct Settings<'a> {
    /// Where it would listen.
    pub listen: Vec<door::Listen>,
    /// What is set of its doors.
    pub door: &'a door::args::Args,
    /// Its servers, and how many connections each would take.
    pub connections: Vec<(&'static str, usize)>,
}

pub(crate) fn run(args: &Args, url: &DatabaseUrl, settings: &Settings<'_>) -> Result<ExitCode> {
    let mut advice = Vec::new();
    let mut found = sql::inspect(url);
    advice.append(&mut found.advice);
    advice.push(clock(&found));
    advice.extend(system::look(url, settings));
    advice.extend(address::look(settings));
    advice.push(backups(args.backups.as_deref()));
    for one in &advice {
        let word = match one.level {
            Level::Fine => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        };
        door::log::say(&format!("{word:<8} {}: {}", one.about, one.text));
    }
    let is_wrong = advice.iter().any(|one| one.level == Level::Problem);
    Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Against the database's own, or against the newest message.
fn clock(found: &Inspection) -> Advice {
    let now = crate::now();
    let level = |by: i64| match by {
        CLOCK_PROBLEM_MS.. => Level::Problem,
        CLOCK_WARNING_MS.. => Level::Warning,
        _ => Level::Fine,
    };
    let seconds = |by: i64| by as f64 / 1000.0;
    match (found.clock, found.newest) {
        (Some(theirs), _) => {
            let by = (theirs - now).abs();
            let text = format!("it and the database's are {:.1} s apart", seconds(by));
            let advice = if level(by) == Level::Fine { "" } else { ": set both by NTP" };
            Advice::new(level(by), "clock", text + advice)
        }
        (None, Some(newest)) if newest > now => {
            let by = newest - now;
            let text = format!(
                "the newest message is from {:.1} s in the future: set the clock by NTP",
                seconds(by)
            );
            Advice::new(level(by), "clock", text)
        }
        _ => Advice::new(Level::Fine, "clock", "nothing in the database is newer than now"),
    }
}

fn backups(place: Option<&Path>) -> Advice {
    let advice = |level, text: String| Advice::new(level, "backup", text);
    let Some(place) = place else {
        let text = "not looked for: say where yours are with --backups DIRECTORY";
        return advice(Level::Warning, text.to_owned());
    };
    let inside = std::fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path());
    let whole = std::iter::once(place.to_owned())
        .chain(inside)
        .filter_map(|path| Manifest::read(&path).ok());
    let Some(newest) = whole.map(|manifest| manifest.at).max() else {
        return advice(Level::Problem, format!("there is no whole one in {}", place.display()));
    };
    let days = (crate::now() - newest).max(0) / DAY_MS;
    if days > BACKUP_DAYS_MAX {
        return advice(
            Level::Problem,
            format!("the newest in {} is {days} days old", place.display()),
        );
    }
    advice(Level::Fine, format!("the newest in {} is {days} days old", place.display()))
}
