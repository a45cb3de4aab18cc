//! Days of the calendar, as an operator writes them.

use std::fmt;
use std::str::FromStr;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A day in UTC, written as `2026-11-29`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(
    /// Days since 1970-01-01.
    i64,
);

impl Day {
    /// The day of this time, in milliseconds.
    pub fn of(ms: i64) -> Self {
        Self(ms.div_euclid(DAY_MS))
    }

    /// Whether `ms` is on this day or the next: it may be midnight before an operator has read the log and restarted the server.
    pub(super) fn is_confirmed_at(self, ms: i64) -> bool {
        (self.0..=self.0 + 1).contains(&Self::of(ms).0)
    }
}

/// Days of 400 years, after which the calendar repeats. Years begin with March here, so that a leap day is the last day of its year.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 + EPOCH_DAYS;
        let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        write!(f, "{:04}-{month:02}-{day:02}", era * 400 + year)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = parts(text).map(|(year, month, day)| {
            let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
            let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
            let day = 365 * year + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1;
            Self(era * ERA_DAYS + day - EPOCH_DAYS)
        });
        // A date that does not exist, such as 31 February, is formatted as another date.
        parsed
            .filter(|day| day.to_string() == text)
            .ok_or_else(|| "write a day of the calendar as 2026-11-29".to_owned())
    }
}

fn parts(text: &str) -> Option<(i64, i64, i64)> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u16>().ok().map(i64::from));
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_786, "2026-11-29"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(Day::of(days * DAY_MS + 1).to_string(), text);
            assert_eq!(text.parse(), Ok(Day(days)));
        }
        for wrong in
            ["", "2026-11-31", "2026-1-1", "today", "2026-11-29T00:00", "65536-01-01", "0-0-0"]
        {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_day_is_confirmed_until_the_end_of_the_next() {
        let day = Day(10);
        for (ms, is) in [
            (10 * DAY_MS - 1, false),
            (10 * DAY_MS, true),
            (12 * DAY_MS - 1, true),
            (12 * DAY_MS, false),
        ] {
            assert_eq!(day.is_confirmed_at(ms), is, "{ms}");
        }
    }
}
