//! Compares the machine's clock with the database server's clock, with the time recorded in the database, and with the
//! newest message.

use sql::{Diagnostic, Inspection, Severity};

use crate::limit::{CLOCK_PROBLEM_MS, CLOCK_WARNING_MS};

const MINUTE_MS: i64 = 60 * 1000;
const CONFIRM: &str = "--clock-confirmed \"$(date -u +%F)\"";

pub(super) fn look(found: &Inspection) -> Vec<Diagnostic> {
    let advice = [
        found.clock.and_then(database),
        found.recorded.and_then(|it| record(it.ahead, it.doubted)),
        found.newest.and_then(newest),
    ];
    let mut advice: Vec<_> = advice.into_iter().flatten().collect();
    if advice.is_empty() {
        let text = match found.clock {
            Some(ahead) => format!("it and the database's are {} apart", length(ahead.abs())),
            None => "it agrees with what the database has recorded".to_owned(),
        };
        advice.push(Diagnostic::new(Severity::Fine, "clock", text));
    }
    advice
}

fn severity(apart: i64) -> Severity {
    match apart {
        CLOCK_PROBLEM_MS.. => Severity::Problem,
        CLOCK_WARNING_MS.. => Severity::Warning,
        _ => Severity::Fine,
    }
}

fn database(ahead: i64) -> Option<Diagnostic> {
    let level = severity(ahead.abs());
    let text = format!("it and the database's are {} apart: set both by NTP", length(ahead.abs()));
    (level != Severity::Fine).then(|| Diagnostic::new(level, "clock", text))
}

/// Advice about the difference to the recorded time. If it is large, a server that starts now distrusts the clock and
/// deletes nothing because of its age.
fn record(ahead: i64, doubted: i64) -> Option<Diagnostic> {
    if ahead.abs() < CLOCK_PROBLEM_MS {
        return None;
    }
    let apart = length(ahead.abs());
    Some(if ahead > 0 {
        let minutes = (ahead - doubted).max(0) / MINUTE_MS + 1;
        let text = format!(
            "it shows {apart} more than the database has recorded, and nothing is deleted because of its age: set it if it is wrong. If \
             the server was stopped for so long or a backup was restored, the clock is believed after {minutes} minutes, or at once if \
             you start with {CONFIRM}"
        );
        Diagnostic::new(Severity::Warning, "clock", text)
    } else {
        let text = format!(
            "it shows {apart} less than the database has recorded, and nothing is deleted because of its age: set it, or if it is right \
             start with {CONFIRM}"
        );
        Diagnostic::new(Severity::Problem, "clock", text)
    })
}

fn newest(ahead: i64) -> Option<Diagnostic> {
    let text =
        format!("the newest message is from {} in the future: set the clock by NTP", length(ahead));
    (severity(ahead) != Severity::Fine).then(|| Diagnostic::new(severity(ahead), "clock", text))
}

fn length(ms: i64) -> String {
    let seconds = ms as f64 / 1000.0;
    match ms / MINUTE_MS {
        0..=9 => format!("{seconds:.1} s"),
        10..=599 => format!("{:.0} minutes", seconds / 60.0),
        600..=2879 => format!("{:.1} hours", seconds / 3600.0),
        _ => format!("{:.1} days", seconds / 86400.0),
    }
}
