//! Texts and times as lines of a terminal have them.

use crate::{DAY_MS, HOUR_MS};

/// Old names may have characters in them that a terminal obeys.
pub(super) fn shown(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// A time as `2026-11-29 09:15`.
pub(super) fn moment(at: i64) -> String {
    let minutes = at.rem_euclid(DAY_MS) / 60_000;
    format!("{} {:02}:{:02}", sql::Day::of(at), at.rem_euclid(DAY_MS) / HOUR_MS, minutes % 60)
}
